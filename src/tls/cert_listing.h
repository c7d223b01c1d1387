/* The names in a folder of certificates, and which of them belong together: NAME.crt with NAME.key
 * and NAME.ocsp, fullchain.pem with privkey.pem. Nothing is opened but folders. For tls/cert_index.
 */
#ifndef TIDEGATE_TLS_CERT_LISTING_H
#define TIDEGATE_TLS_CERT_LISTING_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

struct cert_listing {
    char **names; /* sorted; perhaps with a folder's before */
    size_t count;
    size_t capacity;
};

/* The folder's files, and those of the folders in it. False with errno when any cannot be read:
 * what is in it must not seem to be gone. To be freed in either case. */
bool cert_listing_read(struct cert_listing *listing, const char *folder, DIR *dir) MUST_CHECK;
void cert_listing_free(struct cert_listing *listing);

/* The name at `at` with another suffix, and another file beside it: the listing's own text; NULL:
 * there is no such file. */
const char *cert_listing_sibling(const struct cert_listing *listing, size_t at, const char *suffix);
const char *cert_listing_beside(const struct cert_listing *listing, size_t at, const char *other);
/* Whether that at `at` is but a part of what fullchain.pem beside it has whole. */
bool cert_listing_is_part_of_chain(const struct cert_listing *listing, size_t at);
/* Without the folder before it. */
const char *cert_listing_base_name(const char *name);

/* Whether it is the name of a certificate's file, of a file that belongs to one (not hidden, and
 * with one of the suffixes), and of one that may have a private key in it, alone or beside a
 * certificate. */
bool cert_listing_is_certificate(const char *name);
bool cert_listing_is_file_name(const char *name);
bool cert_listing_may_hold_key(const char *name);

#endif

/* Private keys: the one module of Tidegate that reads them. Everything else asks here; within tls/
 * openssl/identity.h hands them to the library.
 *
 * Keys are PEM without a passphrase, or in tokens, and then what is a path for others is a URI
 * (base/key_uri.h). Errors are for a person. */
#ifndef TIDEGATE_TLS_PRIVATE_KEY_H
#define TIDEGATE_TLS_PRIVATE_KEY_H

#include <stdbool.h>

#include "base/check.h"
#include "base/error.h"

struct certificate;

/* False with an error when the key file cannot be read, is encrypted, or belongs to another
 * certificate. */
bool private_key_fits(const char *path, const struct certificate *certificate,
                      struct error *error) MUST_CHECK;

/* For whoever passes it on to the process that reads it: a descriptor of the file as it is on the
 * disk, close-on-exec, the caller's; -1 with an error, which calls it a `what` ("key"). Reads
 * nothing. */
int private_key_open(const char *path, const char *what, struct error *error) MUST_CHECK;
/* Before this process is confined so that no module for tokens can be loaded into it any more: a
 * key that needs one is refused, with an error, from now on. */
void private_key_close_modules(void);

#endif

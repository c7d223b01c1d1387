/* Keys of programs: a line for each, NAME SHA256, and behind them where wanted scopes=A,B and
 * expires=2027-01-31 or 2027-01-31T12:00:00Z. SHA256 is the hash of the key in 64 hex digits: a key
 * is random and long, so that there is nothing to guess, and whoever reads the file has no key.
 * A name may have several, as when one takes another's place. Empty lines and those that begin with
 * '#' are nothing. Immutable; parsing does no I/O. */
#ifndef TIDEGATE_AUTH_KEY_FILE_H
#define TIDEGATE_AUTH_KEY_FILE_H

#include <stdint.h>

#include "auth/auth_identity.h"
#include "base/followed.h"
#include "tls/digest.h"

#define KEY_FILE_KEYS_MAX 100000
#define KEY_SCOPES_MAX 32
/* Of a key as it is sent. */
#define KEY_BYTES_MAX 512

struct key_file;

struct key_entry {
    unsigned char digest[SHA256_BYTES];
    struct span name;
    struct auth_list scopes;
    int64_t expires; /* seconds since 1970; INT64_MAX: never */
};

extern const struct followed_type key_file_type;

struct key_file *key_file_parse(struct span bytes, struct error *error) MUST_CHECK;
void key_file_destroy(struct key_file *file);
/* NULL: there is none. */
const struct key_entry *key_file_find(const struct key_file *file,
                                      const unsigned char digest[SHA256_BYTES]);

#endif

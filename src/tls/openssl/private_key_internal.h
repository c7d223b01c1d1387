/* Private keys as objects of the library. For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_PRIVATE_KEY_INTERNAL_H
#define TIDEGATE_TLS_OPENSSL_PRIVATE_KEY_INTERNAL_H

#include <openssl/evp.h>

#include "base/span.h"
#include "tls/private_key.h"

/* The key in an open file; or where `path` is a URI (base/key_uri.h), in a token whose PIN is in
 * the file, fd -1: which has none. Takes the descriptor over. The caller's. NULL with an error. */
EVP_PKEY *private_key_read(int fd, const char *path, struct error *error) MUST_CHECK;
/* The key of a certificate that is used for many connections but belongs to no context; the
 * caller's: the key itself, or one that signs elsewhere (tls/key_source.h). NULL with an error. */
EVP_PKEY *private_key_load(const char *path, const struct certificate *certificate,
                           struct error *error) MUST_CHECK;

#endif

/* Private keys: the one file of Tidegate that reads them. Everything else asks here, so that a
 * process of their own can take its place later; tls/openssl/identity.h hands them to the library.
 *
 * Keys are PEM without a passphrase. Errors are for a person. */
#ifndef TIDEGATE_TLS_OPENSSL_PRIVATE_KEY_H
#define TIDEGATE_TLS_OPENSSL_PRIVATE_KEY_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/check.h"
#include "base/error.h"
#include "tls/certificate.h"

/* Whether the key in the file belongs to the certificate; false with an error. */
bool private_key_fits(const char *path, const struct certificate *certificate,
                      struct error *error) MUST_CHECK;
/* The key of a certificate that is used for many connections but belongs to no context; the
 * caller's. NULL with an error. */
EVP_PKEY *private_key_load(const char *path, const struct certificate *certificate,
                           struct error *error) MUST_CHECK;

#endif

/* The two ways of OpenSSL to a key in a token, for tls/openssl/key_module: a provider, or an
 * engine. One call at a time. */
#ifndef TIDEGATE_TLS_OPENSSL_KEY_WAYS_H
#define TIDEGATE_TLS_OPENSSL_KEY_WAYS_H

#include <openssl/types.h>
#include <stdbool.h>

#include "base/check.h"
#include "base/key_uri.h"

/* The caller's; NULL with errors of the library's. *is_there false: that way is not installed, and
 * the other one is tried. may_begin: code may be loaded; else what is loaded is used alone. */
EVP_PKEY *key_provider_load(const struct key_uri *uri, const char *pin, bool may_begin,
                            bool *is_there) MUST_CHECK;
EVP_PKEY *key_engine_load(const struct key_uri *uri, const char *pin, bool may_begin,
                          bool *is_there) MUST_CHECK;

#endif

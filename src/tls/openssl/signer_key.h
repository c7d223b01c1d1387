/* A private key that somebody else has, as an object of the library: it can do nothing but sign, by
 * asking a signer (tls/signer.h). For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_SIGNER_KEY_H
#define TIDEGATE_TLS_OPENSSL_SIGNER_KEY_H

#include <openssl/evp.h>

#include "base/check.h"

struct signer;

/* public_key: of the certificate; RSA, RSA-PSS, EC, Ed25519 or Ed448. The caller's, as the result
 * is; NULL: the library refuses it, or knows no such key. */
EVP_PKEY *signer_key_create(EVP_PKEY *public_key, struct signer *signer) MUST_CHECK;

#endif

/* What a SignatureScheme of TLS (RFC 8446 section 4.2.3) is to the library: which kind of key,
 * which digest, which padding. For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_SIGN_SCHEME_H
#define TIDEGATE_TLS_OPENSSL_SIGN_SCHEME_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

struct sign_scheme {
    const char *key; /* the library's name of the kind of key */
    uint16_t scheme;
    int digest; /* NID; NID_undef: it has its own */
    bool is_pss;
    bool is_tls13;  /* may be used there */
    int curve_bits; /* that TLS 1.3 ties it to; 0: none */
};

/* NULL: TLS has no such one. */
const struct sign_scheme *sign_scheme_find(uint16_t scheme);
/* The kind of a key by its name here, which is to be asked for once: the library takes a while to
 * tell. NULL: TLS has none such. */
const char *sign_scheme_kind(const EVP_PKEY *key);
/* For a kind of key, and what the library wants to sign with; NULL: TLS has none, or no kind. */
const struct sign_scheme *sign_scheme_of(const char *kind, int digest, bool is_pss);

/* Padding and salt as TLS has them, before the first byte is signed or verified. */
bool sign_scheme_set(const struct sign_scheme *scheme, EVP_PKEY_CTX *options);

#endif

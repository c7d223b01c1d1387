#include "tls/openssl/sign_scheme.h"

#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/check.h"
#include "tls/signer.h"

static const struct sign_scheme schemes[] = {
    {"RSA", SIGN_SCHEME_RSA_MD5_SHA1, NID_md5_sha1, false, false, 0},
    {"RSA", 0x0201, NID_sha1, false, false, 0},
    {"RSA", 0x0401, NID_sha256, false, false, 0},
    {"RSA", 0x0501, NID_sha384, false, false, 0},
    {"RSA", 0x0601, NID_sha512, false, false, 0},
    {"RSA", 0x0804, NID_sha256, true, true, 0},
    {"RSA", 0x0805, NID_sha384, true, true, 0},
    {"RSA", 0x0806, NID_sha512, true, true, 0},
    {"RSA-PSS", 0x0809, NID_sha256, true, true, 0},
    {"RSA-PSS", 0x080a, NID_sha384, true, true, 0},
    {"RSA-PSS", 0x080b, NID_sha512, true, true, 0},
    {"EC", 0x0203, NID_sha1, false, false, 0},
    {"EC", 0x0403, NID_sha256, false, true, 256},
    {"EC", 0x0503, NID_sha384, false, true, 384},
    {"EC", 0x0603, NID_sha512, false, true, 521},
    {"ED25519", 0x0807, NID_undef, false, true, 0},
    {"ED448", 0x0808, NID_undef, false, true, 0},
};

const struct sign_scheme *sign_scheme_find(uint16_t scheme)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (schemes[i].scheme == scheme) {
            return &schemes[i];
        }
    }
    return NULL;
}

const char *sign_scheme_kind(const EVP_PKEY *key)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (EVP_PKEY_is_a(key, schemes[i].key) == 1) {
            return schemes[i].key;
        }
    }
    return NULL;
}

const struct sign_scheme *sign_scheme_of(const char *kind, int digest, bool is_pss)
{
    for (size_t i = 0; kind != NULL && i < ARRAY_LEN(schemes); i++) {
        if (schemes[i].digest == digest && schemes[i].is_pss == is_pss &&
            strcmp(kind, schemes[i].key) == 0) {
            return &schemes[i];
        }
    }
    return NULL;
}

bool sign_scheme_set(const struct sign_scheme *scheme, EVP_PKEY_CTX *options)
{
    return !scheme->is_pss ||
           (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
}

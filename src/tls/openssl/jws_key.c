#include "tls/jws_key.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define RSA_EXPONENT_BITS_MAX 32
/* Of a number of the largest curve, P-521. */
#define EC_NUMBER_MAX 66

enum kind { KIND_RSA, KIND_EC, KIND_OKP };

struct curve {
    const char *name; /* as JWKs have it */
    const char *group;
    size_t bytes; /* of a coordinate, and of each half of a signature */
    enum jws_algorithm algorithm;
    unsigned cost_us; /* of a verification */
};

static const struct curve curves[] = {
    {"P-256", "prime256v1", 32, JWS_ES256, 60},
    {"P-384", "secp384r1", 48, JWS_ES384, 650},
    {"P-521", "secp521r1", 66, JWS_ES512, 450},
};

struct jws_key {
    EVP_PKEY *key;
    enum kind kind;
    const struct curve *curve; /* of an EC key */
};

static const struct {
    const char *name;
    const char *digest; /* NULL: the algorithm's own */
    bool is_pss;
} algorithms[JWS_ALGORITHM_COUNT] = {
    [JWS_NONE] = {NULL, NULL, false},         [JWS_RS256] = {"RS256", "SHA256", false},
    [JWS_RS384] = {"RS384", "SHA384", false}, [JWS_RS512] = {"RS512", "SHA512", false},
    [JWS_PS256] = {"PS256", "SHA256", true},  [JWS_PS384] = {"PS384", "SHA384", true},
    [JWS_PS512] = {"PS512", "SHA512", true},  [JWS_ES256] = {"ES256", "SHA256", false},
    [JWS_ES384] = {"ES384", "SHA384", false}, [JWS_ES512] = {"ES512", "SHA512", false},
    [JWS_EDDSA] = {"EdDSA", NULL, false},
};

enum jws_algorithm jws_algorithm_find(struct span name)
{
    for (int i = JWS_NONE + 1; i < JWS_ALGORITHM_COUNT; i++) {
        if (span_eq_cstr(name, algorithms[i].name)) {
            return (enum jws_algorithm)i;
        }
    }
    return JWS_NONE;
}

/* ---- keys ---- */

/* Measured; RSA's and Ed448's rounded up. */
unsigned jws_key_cost_us(const struct jws_key *key)
{
    switch (key->kind) {
    case KIND_EC:
        return key->curve->cost_us;
    case KIND_RSA:
        return EVP_PKEY_get_bits(key->key) <= 2048 ? 20 : 75;
    case KIND_OKP:
        break;
    }
    return EVP_PKEY_get_bits(key->key) <= 256 ? 90 : 300;
}

void jws_key_destroy(struct jws_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->key);
        free(key);
    }
}

static bool is_good_rsa(EVP_PKEY *pkey, struct error *error)
{
    int bits = EVP_PKEY_get_bits(pkey);
    BIGNUM *n = NULL;
    BIGNUM *e = NULL;
    bool is_good = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                   EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
                   BN_is_odd(n) == 1 && BN_is_odd(e) == 1 && BN_is_one(e) == 0 &&
                   BN_num_bits(e) <= RSA_EXPONENT_BITS_MAX;

    BN_free(n);
    BN_free(e);
    if (!is_good) {
        return error_set(error, "it is no RSA key, or its exponent has more than %d bits",
                         RSA_EXPONENT_BITS_MAX);
    }
    if (bits < JWS_RSA_BITS_MIN || bits > JWS_RSA_BITS_MAX) {
        return error_set(error, "an RSA key has %d to %d bits, and this one %d", JWS_RSA_BITS_MIN,
                         JWS_RSA_BITS_MAX, bits);
    }
    return true;
}

static const struct curve *curve_of(EVP_PKEY *pkey)
{
    char group[32];
    size_t len;

    if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1) {
        for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
            if (strcmp(group, curves[i].group) == 0) {
                return &curves[i];
            }
        }
    }
    return NULL;
}

static bool judge(struct jws_key *key, struct error *error)
{
    switch (EVP_PKEY_get_base_id(key->key)) {
    case EVP_PKEY_RSA:
        key->kind = KIND_RSA;
        return is_good_rsa(key->key, error);
    case EVP_PKEY_EC:
        key->kind = KIND_EC;
        key->curve = curve_of(key->key);
        return key->curve != NULL ||
               error_set(error, "its curve is none of P-256, P-384 and P-521");
    case EVP_PKEY_ED25519:
    case EVP_PKEY_ED448:
        key->kind = KIND_OKP;
        return true;
    default:
        return error_set(error, "it is no key of RSA, ECDSA, Ed25519 or Ed448");
    }
}

/* Takes the key over. */
static struct jws_key *make(EVP_PKEY *pkey, struct error *error)
{
    struct jws_key *key;
    EVP_PKEY_CTX *ctx;
    bool is_good;

    if (pkey == NULL) {
        ERR_clear_error();
        (void)error_set(error, "its numbers are no public key");
        return NULL;
    }
    key = xcalloc(1, sizeof(*key));
    key->key = pkey;
    is_good = judge(key, error);
    if (is_good && key->kind == KIND_EC) {
        ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
        is_good = (ctx != NULL && EVP_PKEY_public_check(ctx) == 1) ||
                  error_set(error, "its point is not on the curve");
        EVP_PKEY_CTX_free(ctx);
    }
    ERR_clear_error();
    if (!is_good) {
        jws_key_destroy(key);
        return NULL;
    }
    return key;
}

static EVP_PKEY *from_params(const char *kind, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *pkey = NULL;

    if (params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        pkey = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

struct jws_key *jws_key_rsa(struct span n, struct span e, struct error *error)
{
    OSSL_PARAM_BLD *build;
    BIGNUM *modulus;
    BIGNUM *exponent;
    EVP_PKEY *pkey;

    /* One byte more: some write a zero in front. */
    if (n.len > JWS_RSA_BITS_MAX / 8 + 1 || e.len > 8) {
        (void)error_set(error, "an RSA key has %d to %d bits", JWS_RSA_BITS_MIN, JWS_RSA_BITS_MAX);
        return NULL;
    }
    build = OSSL_PARAM_BLD_new();
    modulus = BN_bin2bn((const unsigned char *)n.ptr, (int)n.len, NULL);
    exponent = BN_bin2bn((const unsigned char *)e.ptr, (int)e.len, NULL);
    CHECK(build != NULL && modulus != NULL && exponent != NULL);
    CHECK(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
          OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1);
    pkey = from_params("RSA", build);
    BN_free(modulus);
    BN_free(exponent);
    return make(pkey, error);
}

struct jws_key *jws_key_ec(struct span curve, struct span x, struct span y, struct error *error)
{
    const struct curve *found = NULL;
    unsigned char point[1 + 2 * EC_NUMBER_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM_BLD *build;

    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        if (span_eq_cstr(curve, curves[i].name)) {
            found = &curves[i];
        }
    }
    if (found == NULL) {
        (void)error_set(error, "its curve is none of P-256, P-384 and P-521");
        return NULL;
    }
    if (x.len != found->bytes || y.len != found->bytes) {
        (void)error_set(error, "each coordinate of a key of %s has %zu bytes", found->name,
                        found->bytes);
        return NULL;
    }
    memcpy(point + 1, x.ptr, x.len);
    memcpy(point + 1 + x.len, y.ptr, y.len);
    build = OSSL_PARAM_BLD_new();
    CHECK(build != NULL &&
          OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, found->group, 0) ==
              1 &&
          OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                           1 + 2 * found->bytes) == 1);
    return make(from_params("EC", build), error);
}

struct jws_key *jws_key_okp(struct span curve, struct span x, struct error *error)
{
    int kind = span_eq_cstr(curve, "Ed25519") ? EVP_PKEY_ED25519
               : span_eq_cstr(curve, "Ed448") ? EVP_PKEY_ED448
                                              : 0;

    if (kind == 0) {
        (void)error_set(error, "its curve is neither Ed25519 nor Ed448");
        return NULL;
    }
    return make(EVP_PKEY_new_raw_public_key(kind, NULL, (const unsigned char *)x.ptr, x.len),
                error);
}

/* ---- PEM ---- */

static EVP_PKEY *of_certificate(const unsigned char *der, long len)
{
    X509 *certificate = d2i_X509(NULL, &der, len);
    EVP_PKEY *pkey = certificate != NULL ? X509_get_pubkey(certificate) : NULL;

    X509_free(certificate);
    return pkey;
}

static struct jws_key *of_block(const char *name, const unsigned char *der, long len,
                                struct error *error)
{
    if (strcmp(name, PEM_STRING_PUBLIC) == 0) {
        return make(d2i_PUBKEY(NULL, &der, len), error);
    }
    if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_TRUSTED) == 0) {
        return make(of_certificate(der, len), error);
    }
    (void)error_set(error,
                    "it has a '%.40s', and wanted is a 'PUBLIC KEY' or a 'CERTIFICATE': who "
                    "verifies needs no more (openssl pkey -in key.pem -pubout)",
                    name);
    return NULL;
}

bool jws_key_each_of_pem(struct span pem, void (*add)(void *arg, struct jws_key *key), void *arg,
                         struct error *error)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    bool is_good = true;
    char *name;
    char *header;
    unsigned char *der;
    long len;

    CHECK(bio != NULL);
    while (is_good && PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
        struct jws_key *key = of_block(name, der, len, error);
        is_good = key != NULL;
        if (is_good) {
            add(arg, key);
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)len);
    }
    BIO_free(bio);
    ERR_clear_error();
    return is_good;
}

/* ---- signatures ---- */

bool jws_key_takes(const struct jws_key *key, enum jws_algorithm algorithm)
{
    switch (key->kind) {
    case KIND_RSA:
        return algorithm >= JWS_RS256 && algorithm <= JWS_PS512;
    case KIND_EC:
        return algorithm == key->curve->algorithm;
    case KIND_OKP:
        return algorithm == JWS_EDDSA;
    }
    return false;
}

/* Two numbers of a length (RFC 7518 section 3.4) into what the library takes; NULL: it is not. */
static unsigned char *ec_signature(const struct curve *curve, struct span signature, int *len)
{
    const unsigned char *bytes = (const unsigned char *)signature.ptr;
    ECDSA_SIG *both;
    BIGNUM *r;
    BIGNUM *s;
    unsigned char *der = NULL;

    if (signature.len != 2 * curve->bytes) {
        return NULL;
    }
    both = ECDSA_SIG_new();
    r = BN_bin2bn(bytes, (int)curve->bytes, NULL);
    s = BN_bin2bn(bytes + curve->bytes, (int)curve->bytes, NULL);
    CHECK(both != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(both, r, s) == 1);
    *len = i2d_ECDSA_SIG(both, &der);
    ECDSA_SIG_free(both);
    return *len > 0 ? der : NULL;
}

static bool verify(const struct jws_key *key, enum jws_algorithm algorithm, struct span text,
                   const unsigned char *signature, size_t len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx;
    bool is_right =
        ctx != NULL && EVP_DigestVerifyInit_ex(ctx, &key_ctx, algorithms[algorithm].digest, NULL,
                                               NULL, key->key, NULL) == 1;

    if (is_right && algorithms[algorithm].is_pss) {
        is_right = EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
                   EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    }
    is_right = is_right && EVP_DigestVerify(ctx, signature, len, (const unsigned char *)text.ptr,
                                            text.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return is_right;
}

bool jws_key_verify(const struct jws_key *key, enum jws_algorithm algorithm, struct span text,
                    struct span signature)
{
    unsigned char *der;
    bool is_right;
    int len;

    if (!jws_key_takes(key, algorithm)) {
        return false;
    }
    if (key->kind != KIND_EC) {
        return verify(key, algorithm, text, (const unsigned char *)signature.ptr, signature.len);
    }
    der = ec_signature(key->curve, signature, &len);
    is_right = der != NULL && verify(key, algorithm, text, der, (size_t)len);
    OPENSSL_free(der);
    return is_right;
}

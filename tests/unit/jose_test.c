#include "jose_test.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"

#define KEYS_MAX 16

struct jose_key {
    char kind[16];
    unsigned bits;
    EVP_PKEY *key;
};

static struct jose_key keys[KEYS_MAX];

static EVP_PKEY *generate(const char *kind, unsigned bits)
{
    if (strcmp(kind, "RS") == 0) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
    }
    if (strncmp(kind, "P-", 2) == 0) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
    }
    return EVP_PKEY_Q_keygen(NULL, NULL, strcmp(kind, "Ed448") == 0 ? "ED448" : "ED25519");
}

struct jose_key *jose_key_of(const char *kind, unsigned bits)
{
    size_t i = 0;

    for (; keys[i].key != NULL; i++) {
        if (strcmp(keys[i].kind, kind) == 0 && keys[i].bits == bits) {
            return &keys[i];
        }
        CHECK(i + 1 < KEYS_MAX);
    }
    (void)snprintf(keys[i].kind, sizeof(keys[i].kind), "%s", kind);
    keys[i].bits = bits;
    keys[i].key = generate(kind, bits);
    CHECK(keys[i].key != NULL);
    return &keys[i];
}

const char *jose_encode(struct span bytes, struct arena *arena)
{
    char *text = arena_alloc(arena, BASE64_LEN(bytes.len) + 1);

    text[base64_encode(BASE64_URL, bytes, text)] = '\0';
    return text;
}

static const char *number(EVP_PKEY *key, const char *name, int len, struct arena *arena)
{
    BIGNUM *n = NULL;
    unsigned char bytes[1024];

    CHECK(EVP_PKEY_get_bn_param(key, name, &n) == 1);
    if (len == 0) {
        len = BN_num_bytes(n);
    }
    CHECK(BN_bn2binpad(n, bytes, len) == len);
    BN_free(n);
    return jose_encode(span_make(bytes, (size_t)len), arena);
}

static int coordinate(const struct jose_key *key)
{
    return strcmp(key->kind, "P-256") == 0 ? 32 : strcmp(key->kind, "P-384") == 0 ? 48 : 66;
}

const char *jose_jwk(struct jose_key *key, struct arena *arena)
{
    unsigned char raw[64];
    size_t len = sizeof(raw);

    if (strcmp(key->kind, "RS") == 0) {
        return arena_printf(arena, "\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"",
                            number(key->key, OSSL_PKEY_PARAM_RSA_N, 0, arena),
                            number(key->key, OSSL_PKEY_PARAM_RSA_E, 0, arena));
    }
    if (key->kind[0] == 'P') {
        return arena_printf(arena, "\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"",
                            key->kind,
                            number(key->key, OSSL_PKEY_PARAM_EC_PUB_X, coordinate(key), arena),
                            number(key->key, OSSL_PKEY_PARAM_EC_PUB_Y, coordinate(key), arena));
    }
    CHECK(EVP_PKEY_get_raw_public_key(key->key, raw, &len) == 1);
    return arena_printf(arena, "\"kty\":\"OKP\",\"crv\":\"%s\",\"x\":\"%s\"", key->kind,
                        jose_encode(span_make(raw, len), arena));
}

const char *jose_public_pem(struct jose_key *key, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;
    const char *text;
    long len;

    CHECK(PEM_write_bio_PUBKEY(bio, key->key) == 1);
    len = BIO_get_mem_data(bio, &bytes);
    text = arena_cstr(arena, span_make(bytes, (size_t)len));
    BIO_free(bio);
    return text;
}

/* Of DER into two numbers of one length. */
static size_t two_numbers(const unsigned char *der, size_t len, int each, unsigned char *out)
{
    ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &der, (long)len);

    CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(both), out, each) == each &&
          BN_bn2binpad(ECDSA_SIG_get0_s(both), out + each, each) == each);
    ECDSA_SIG_free(both);
    return 2 * (size_t)each;
}

static size_t sign(const char *algorithm, const struct jose_key *key, const char *text,
                   unsigned char *out)
{
    char digest[16];
    unsigned char bytes[1024];
    size_t len = sizeof(bytes);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx;
    bool is_edwards = strcmp(algorithm, "EdDSA") == 0;

    (void)snprintf(digest, sizeof(digest), "SHA%s", algorithm + 2);
    CHECK(EVP_DigestSignInit_ex(ctx, &key_ctx, is_edwards ? NULL : digest, NULL, NULL, key->key,
                                NULL) == 1);
    if (algorithm[0] == 'P') {
        CHECK(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    CHECK(EVP_DigestSign(ctx, bytes, &len, (const unsigned char *)text, strlen(text)) == 1);
    EVP_MD_CTX_free(ctx);
    if (key->kind[0] == 'P') {
        return two_numbers(bytes, len, coordinate(key), out);
    }
    memcpy(out, bytes, len);
    return len;
}

const char *jose_sign(const char *algorithm, struct jose_key *key, const char *secret,
                      const char *header, const char *payload, struct arena *arena)
{
    const char *text = arena_printf(arena, "%s.%s", jose_encode(span_from_cstr(header), arena),
                                    jose_encode(span_from_cstr(payload), arena));
    unsigned char signature[1024];
    size_t len;

    if (secret != NULL) {
        unsigned made = 0;
        CHECK(HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text,
                   strlen(text), signature, &made) != NULL);
        len = made;
    } else {
        len = sign(algorithm, key, text, signature);
    }
    return arena_printf(arena, "%s.%s", text, jose_encode(span_make(signature, len), arena));
}

struct jwk_set *jose_set(const char *members, struct arena *arena)
{
    struct error error;
    struct jwk_set *set =
        jwk_set_parse(span_from_cstr(arena_printf(arena, "{\"keys\":[{%s}]}", members)), &error);

    if (set == NULL) {
        fail_msg("%s", error.text);
    }
    return set;
}

enum jwt_signature jose_verify(const char *token, const struct jwk_set *set, uint32_t algorithms,
                               struct arena *arena)
{
    struct error error;
    struct jwt jwt;
    enum jwt_signature result;

    if (!jwt_read(span_from_cstr(token), arena, &jwt, &error)) {
        fail_msg("%s", error.text);
    }
    result = jwt_verify(&jwt, set, algorithms);
    jwt_free(&jwt);
    return result;
}

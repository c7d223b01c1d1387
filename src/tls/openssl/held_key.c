#include "tls/held_key.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/key_uri.h"
#include "base/pem_private.h"
#include "tls/key_source.h"
#include "tls/openssl/pem_file.h"
#include "tls/openssl/private_key_internal.h"
#include "tls/openssl/sign_scheme.h"
#include "tls/sign_form.h"
#include "tls/signer.h"

/* Of the locked memory: what is less is rounded up to it. */
#define LEAST_PIECE 32

/* What signs by one scheme: the library needs as long to make it as a tenth of an ECDSA signature
 * takes. For one signature at a time. */
struct ready {
    const struct sign_scheme *scheme;
    EVP_MD *kind;
    EVP_MD_CTX *digest;
    EVP_PKEY_CTX *signing;
};

struct held_key {
    EVP_PKEY *key;
    const char *kind; /* sign_scheme.h; NULL: TLS has none such */
    bool is_in_token;
    int bits;
    _Atomic(struct ready *) ready; /* of the last one who signed; NULL: none, or it is in use */
    unsigned char *der;            /* of the public half */
    size_t der_len;
};

bool held_keys_prepare(void)
{
    /* The library reads its own configuration now, or never. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_DIGESTS |
                                  OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
                              NULL);
    return CRYPTO_secure_malloc_init(HELD_KEYS_BYTES, LEAST_PIECE) == 1;
}

struct held_key *held_key_read(int fd, const char *path, struct error *error)
{
    EVP_PKEY *key = private_key_read(fd, path, error);
    struct held_key *held;
    int len;

    if (key == NULL) {
        return NULL;
    }
    held = xcalloc(1, sizeof(*held));
    held->key = key;
    held->is_in_token = key_uri_is(span_from_cstr(path));
    held->kind = sign_scheme_kind(key);
    held->bits = EVP_PKEY_get_bits(key);
    atomic_init(&held->ready, NULL);
    len = i2d_PUBKEY(key, &held->der);
    ERR_clear_error();
    if (len <= 0 || len > KEY_PUBLIC_MAX) {
        (void)error_set(error, "the key in '%s' is of a kind, or a size, that TLS cannot use",
                        path);
        held_key_destroy(held);
        return NULL;
    }
    held->der_len = (size_t)len;
    return held;
}

int held_key_read_rest(int fd, const char *path, struct error *error)
{
    int rest = memfd_create("tidegate-file", MFD_CLOEXEC);
    struct span bytes;
    bool ok;

    if (rest < 0) {
        (void)close(fd);
        (void)error_set_errno(error, errno, "the file '%s' cannot be read", path);
        return -1;
    }
    ok = pem_file_read_fd(fd, path, "certificate", &bytes, error);
    if (ok) {
        (void)pem_private_hide((char *)(uintptr_t)bytes.ptr, bytes.len);
        ok = (write(rest, bytes.ptr, bytes.len) == (ssize_t)bytes.len &&
              lseek(rest, 0, SEEK_SET) == 0) ||
             error_set_errno(error, errno, "the file '%s' cannot be read", path);
        pem_file_free(&bytes);
    }
    if (!ok) {
        (void)close(rest);
    }
    return ok ? rest : -1;
}

static void ready_free(struct ready *ready)
{
    if (ready != NULL) {
        EVP_PKEY_CTX_free(ready->signing);
        EVP_MD_CTX_free(ready->digest);
        EVP_MD_free(ready->kind);
        free(ready);
    }
}

void held_key_destroy(struct held_key *key)
{
    if (key != NULL) {
        ready_free(atomic_load(&key->ready));
        EVP_PKEY_free(key->key);
        OPENSSL_free(key->der);
        free(key);
    }
}

bool held_key_is_in_token(const struct held_key *key)
{
    return key->is_in_token;
}

struct span held_key_public(const struct held_key *key)
{
    return span_make(key->der, key->der_len);
}

static bool may_use(const struct held_key *key, const struct sign_scheme *scheme,
                    enum sign_form form)
{
    if (scheme == NULL || key->kind == NULL || strcmp(key->kind, scheme->key) != 0) {
        return false;
    }
    if (form == SIGN_FORM_TLS13) {
        return scheme->is_tls13 && (scheme->curve_bits == 0 || key->bits == scheme->curve_bits);
    }
    return scheme->scheme != SIGN_SCHEME_RSA_MD5_SHA1 || form == SIGN_FORM_TLS12_SERVER;
}

/* NULL: the library cannot. */
static struct ready *ready_create(const struct held_key *key, const struct sign_scheme *scheme)
{
    struct ready *ready = xcalloc(1, sizeof(*ready));

    ready->scheme = scheme;
    ready->kind = EVP_MD_fetch(NULL, OBJ_nid2sn(scheme->digest), NULL);
    ready->digest = EVP_MD_CTX_new();
    ready->signing = EVP_PKEY_CTX_new_from_pkey(NULL, key->key, NULL);
    if (ready->kind != NULL && ready->digest != NULL && ready->signing != NULL &&
        EVP_PKEY_sign_init(ready->signing) == 1 &&
        EVP_PKEY_CTX_set_signature_md(ready->signing, ready->kind) == 1 &&
        sign_scheme_set(scheme, ready->signing)) {
        return ready;
    }
    ready_free(ready);
    return NULL;
}

static bool sign_ready(struct held_key *key, const struct sign_scheme *scheme, struct span message,
                       unsigned char *signature, size_t *len)
{
    struct ready *ready = atomic_exchange(&key->ready, NULL);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    bool ok;

    if (ready != NULL && ready->scheme != scheme) {
        ready_free(ready);
        ready = NULL;
    }
    ready = ready != NULL ? ready : ready_create(key, scheme);
    ok = ready != NULL && EVP_DigestInit_ex(ready->digest, ready->kind, NULL) == 1 &&
         EVP_DigestUpdate(ready->digest, message.ptr, message.len) == 1 &&
         EVP_DigestFinal_ex(ready->digest, digest, &digest_len) == 1 &&
         EVP_PKEY_sign(ready->signing, signature, len, digest, digest_len) == 1;
    /* One that has failed is not tried again. */
    ready_free(ok ? atomic_exchange(&key->ready, ready) : ready);
    return ok;
}

/* By schemes that take the message whole (Ed25519 and Ed448). */
static bool sign_whole(const struct held_key *key, struct span message, unsigned char *signature,
                       size_t *len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key->key) == 1 &&
              EVP_DigestSign(context, signature, len, (const unsigned char *)message.ptr,
                             message.len) == 1;

    EVP_MD_CTX_free(context);
    return ok;
}

enum held_key_verdict held_key_sign(struct held_key *key, uint16_t scheme_number,
                                    struct span message, unsigned char *signature, size_t size,
                                    size_t *len)
{
    const struct sign_scheme *scheme = sign_scheme_find(scheme_number);
    enum sign_form form = sign_form_of(message);
    bool ok;

    if (form == SIGN_FORM_NONE) {
        return HELD_KEY_NO_HANDSHAKE;
    }
    if (!may_use(key, scheme, form)) {
        return HELD_KEY_WRONG_SCHEME;
    }
    *len = size;
    ok = scheme->digest != NID_undef ? sign_ready(key, scheme, message, signature, len)
                                     : sign_whole(key, message, signature, len);
    ERR_clear_error();
    return ok ? HELD_KEY_SIGNED : HELD_KEY_FAILED;
}

#include "tls/held_key.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pem_private.h"
#include "tls/key_source.h"
#include "tls/openssl/pem_file.h"
#include "tls/openssl/private_key_internal.h"
#include "tls/openssl/sign_scheme.h"
#include "tls/sign_form.h"
#include "tls/signer.h"

/* Of the locked memory: what is less is rounded up to it. */
#define LEAST_PIECE 32

struct held_key {
    EVP_PKEY *key;
    unsigned char *der; /* of the public half */
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
    struct held_key *held;
    struct span bytes;
    EVP_PKEY *key;
    int len;

    if (!pem_file_read_fd(fd, path, "key", &bytes, error)) {
        return NULL;
    }
    key = private_key_parse(path, bytes, error);
    pem_file_free(&bytes);
    if (key == NULL) {
        return NULL;
    }
    held = xcalloc(1, sizeof(*held));
    held->key = key;
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

void held_key_destroy(struct held_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->key);
        OPENSSL_free(key->der);
        free(key);
    }
}

struct span held_key_public(const struct held_key *key)
{
    return span_make(key->der, key->der_len);
}

static bool may_use(const struct held_key *key, const struct sign_scheme *scheme,
                    enum sign_form form)
{
    if (scheme == NULL || EVP_PKEY_is_a(key->key, scheme->key) != 1) {
        return false;
    }
    if (form == SIGN_FORM_TLS13) {
        return scheme->is_tls13 &&
               (scheme->curve_bits == 0 || EVP_PKEY_get_bits(key->key) == scheme->curve_bits);
    }
    return scheme->scheme != SIGN_SCHEME_RSA_MD5_SHA1 || form == SIGN_FORM_TLS12_SERVER;
}

enum held_key_verdict held_key_sign(const struct held_key *key, uint16_t scheme_number,
                                    struct span message, unsigned char *signature, size_t size,
                                    size_t *len)
{
    const struct sign_scheme *scheme = sign_scheme_find(scheme_number);
    enum sign_form form = sign_form_of(message);
    EVP_PKEY_CTX *options = NULL;
    EVP_MD_CTX *context;
    bool ok;

    if (form == SIGN_FORM_NONE) {
        return HELD_KEY_NO_HANDSHAKE;
    }
    if (!may_use(key, scheme, form)) {
        return HELD_KEY_WRONG_SCHEME;
    }
    *len = size;
    context = EVP_MD_CTX_new();
    ok =
        context != NULL &&
        EVP_DigestSignInit(context, &options,
                           scheme->digest != NID_undef ? EVP_get_digestbynid(scheme->digest) : NULL,
                           NULL, key->key) == 1 &&
        sign_scheme_set(scheme, options) &&
        EVP_DigestSign(context, signature, len, (const unsigned char *)message.ptr, message.len) ==
            1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return ok ? HELD_KEY_SIGNED : HELD_KEY_FAILED;
}

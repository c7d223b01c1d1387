#include "tls/seal.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#define NONCE_BYTES 12
#define TAG_BYTES 16

_Static_assert(SEAL_OVERHEAD == NONCE_BYTES + TAG_BYTES, "all that is added");

/* Looked for once, as with digests. As long as the process. */
static EVP_CIPHER *cipher;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_cipher(void)
{
    cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

/* NULL: memory is out. */
static EVP_CIPHER_CTX *begin(const unsigned char *key, const unsigned char *nonce, struct span with,
                             int encrypts)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len;

    CHECK(pthread_once(&once, find_cipher) == 0);
    CHECK(with.len <= INT_MAX);
    if (ctx == NULL || cipher == NULL ||
        EVP_CipherInit_ex2(ctx, cipher, key, nonce, encrypts, NULL) != 1 ||
        EVP_CipherUpdate(ctx, NULL, &len, (const unsigned char *)with.ptr, (int)with.len) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

bool seal_close(const unsigned char key[SEAL_KEY_BYTES], struct span with, struct span text,
                unsigned char *sealed)
{
    unsigned char *body = sealed + NONCE_BYTES;
    EVP_CIPHER_CTX *ctx;
    int len = 0;
    int rest = 0;
    bool ok;

    CHECK(text.len <= INT_MAX - SEAL_OVERHEAD);
    ctx = RAND_bytes(sealed, NONCE_BYTES) == 1 ? begin(key, sealed, with, 1) : NULL;
    ok = ctx != NULL &&
         EVP_CipherUpdate(ctx, body, &len, (const unsigned char *)text.ptr, (int)text.len) == 1 &&
         EVP_CipherFinal_ex(ctx, body + len, &rest) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, body + text.len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

bool seal_open(const unsigned char key[SEAL_KEY_BYTES], struct span with, struct span sealed,
               unsigned char *text)
{
    const unsigned char *bytes = (const unsigned char *)sealed.ptr;
    unsigned char tag[TAG_BYTES];
    EVP_CIPHER_CTX *ctx;
    size_t body;
    int len = 0;
    int rest = 0;
    bool ok;

    if (sealed.len < SEAL_OVERHEAD || sealed.len > INT_MAX) {
        return false;
    }
    body = sealed.len - SEAL_OVERHEAD;
    memcpy(tag, bytes + NONCE_BYTES + body, TAG_BYTES);
    ctx = begin(key, bytes, with, 0);
    ok = ctx != NULL && EVP_CipherUpdate(ctx, text, &len, bytes + NONCE_BYTES, (int)body) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
         EVP_CipherFinal_ex(ctx, text + len, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok) {
        OPENSSL_cleanse(text, body);
    }
    return ok;
}

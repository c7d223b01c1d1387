#include "tls/digest.h"

#include <openssl/evp.h>
#include <pthread.h>

#include "base/check.h"

/* Looked for once: by EVP_sha256() the library would at each use, which costs as much as a digest
 * of some KiB. As long as the process. */
static struct {
    EVP_MD *sha1;
    EVP_MD *sha256;
    EVP_MD *sha384;
    EVP_MD *sha512;
} kinds;
static pthread_once_t kinds_once = PTHREAD_ONCE_INIT;

static void find_kinds(void)
{
    kinds.sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    kinds.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    kinds.sha384 = EVP_MD_fetch(NULL, "SHA384", NULL);
    kinds.sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
}

static bool digest_of(EVP_MD *const *kind, const struct span *parts, size_t count,
                      unsigned char *digest)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok;

    CHECK(pthread_once(&kinds_once, find_kinds) == 0);
    ok = ctx != NULL && *kind != NULL && EVP_DigestInit_ex(ctx, *kind, NULL) == 1;

    for (size_t i = 0; ok && i < count; i++) {
        ok = EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

bool digest_sha1(const struct span *parts, size_t count, unsigned char digest[SHA1_BYTES])
{
    return digest_of(&kinds.sha1, parts, count, digest);
}

bool digest_sha256(const struct span *parts, size_t count, unsigned char digest[SHA256_BYTES])
{
    return digest_of(&kinds.sha256, parts, count, digest);
}

bool digest_sha2(unsigned bits, struct span text, unsigned char digest[SHA512_BYTES])
{
    CHECK(bits == 256 || bits == 384 || bits == 512);
    return digest_of(bits == 256   ? &kinds.sha256
                     : bits == 384 ? &kinds.sha384
                                   : &kinds.sha512,
                     &text, 1, digest);
}

/* By the library's digest: its own HMAC looks for the method by its name each time. */
bool digest_hmac_sha256(struct span key, const struct span *parts, size_t count,
                        unsigned char digest[SHA256_BYTES])
{
    unsigned char inner[64];
    unsigned char outer[64];
    struct span all[DIGEST_HMAC_PARTS_MAX + 1] = {span_make(inner, sizeof(inner))};

    CHECK(key.len <= sizeof(inner) && count <= DIGEST_HMAC_PARTS_MAX);
    for (size_t i = 0; i < sizeof(inner); i++) {
        unsigned char byte = i < key.len ? (unsigned char)key.ptr[i] : 0;
        inner[i] = byte ^ 0x36;
        outer[i] = byte ^ 0x5c;
    }
    for (size_t i = 0; i < count; i++) {
        all[i + 1] = parts[i];
    }
    if (!digest_sha256(all, count + 1, digest)) {
        return false;
    }
    all[0] = span_make(outer, sizeof(outer));
    all[1] = span_make(digest, SHA256_BYTES);
    return digest_sha256(all, 2, digest);
}

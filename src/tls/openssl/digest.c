#include "tls/digest.h"

#include <openssl/evp.h>

static bool digest_of(const EVP_MD *kind, const struct span *parts, size_t count,
                      unsigned char *digest)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, kind, NULL) == 1;

    for (size_t i = 0; ok && i < count; i++) {
        ok = EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

bool digest_sha1(const struct span *parts, size_t count, unsigned char digest[SHA1_BYTES])
{
    return digest_of(EVP_sha1(), parts, count, digest);
}

bool digest_sha256(const struct span *parts, size_t count, unsigned char digest[SHA256_BYTES])
{
    return digest_of(EVP_sha256(), parts, count, digest);
}

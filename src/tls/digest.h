/* Digests of bytes that are in memory at once. In tls/ and not in base/, because the TLS library
 * makes them: base/ stands on the C library alone. */
#ifndef TIDEGATE_TLS_DIGEST_H
#define TIDEGATE_TLS_DIGEST_H

#include "base/span.h"

#define SHA1_BYTES 20
#define SHA256_BYTES 32
#define SHA512_BYTES 64

/* Of `count` parts, as of one text. False when the library cannot (memory is out). SHA-1 is for
 * protocols that name it where it protects nothing (RFC 6455 section 4.2.2). */
bool digest_sha1(const struct span *parts, size_t count,
                 unsigned char digest[SHA1_BYTES]) MUST_CHECK;
bool digest_sha256(const struct span *parts, size_t count,
                   unsigned char digest[SHA256_BYTES]) MUST_CHECK;

/* Of one text: SHA-256, SHA-384 or SHA-512, by its bits; the digest has bits / 8 bytes. */
bool digest_sha2(unsigned bits, struct span text, unsigned char digest[SHA512_BYTES]) MUST_CHECK;

/* HMAC (RFC 2104) of at most DIGEST_HMAC_PARTS_MAX parts, by a key of at most 64 bytes. */
#define DIGEST_HMAC_PARTS_MAX 7
bool digest_hmac_sha256(struct span key, const struct span *parts, size_t count,
                        unsigned char digest[SHA256_BYTES]) MUST_CHECK;

#endif

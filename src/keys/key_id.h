/* What a key is known by, to whoever asks for its signatures: the digest of its public half. */
#ifndef TIDEGATE_KEYS_KEY_ID_H
#define TIDEGATE_KEYS_KEY_ID_H

#include "base/check.h"
#include "base/span.h"
#include "tls/digest.h"

/* SHA-256 of the public key, as DER (SubjectPublicKeyInfo, RFC 5280). */
struct key_id {
    unsigned char bytes[SHA256_BYTES];
};

/* False: the library cannot (memory is out). */
bool key_id_of(struct span public_key, struct key_id *id) MUST_CHECK;
bool key_id_equal(const struct key_id *a, const struct key_id *b);

#endif

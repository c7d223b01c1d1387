/* What was verified a moment ago and need not be verified again: proofs, kept as a keyed hash of
 * all that they depend on (HMAC-SHA-256 by the process's own secret), so that whoever sees this
 * memory learns nothing of them, and a proof is worth nothing once something that it depends on has
 * changed. Bounded: what is older makes room. From any thread. */
#ifndef TIDEGATE_AUTH_REMEMBERED_H
#define TIDEGATE_AUTH_REMEMBERED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"
#include "tls/digest.h"

#define REMEMBERED_MAX 16384

struct remembered_key {
    unsigned char bytes[SHA256_BYTES];
};

/* Of at most DIGEST_HMAC_PARTS_MAX - 1 parts, none of which can be taken for another's beginning:
 * their lengths are hashed too. False when the library cannot. */
bool remembered_key_make(const struct span *parts, size_t count,
                         struct remembered_key *key) MUST_CHECK;
/* now and until: clock_us(). */
bool remembered_has(const struct remembered_key *key, uint64_t now_us);
void remembered_add(const struct remembered_key *key, uint64_t until_us);

#endif

/* Keys and tokens for tests of jose/ and auth/: whatever is to be in them, right or wrong. */
#ifndef TIDEGATE_TESTS_UNIT_JOSE_TEST_H
#define TIDEGATE_TESTS_UNIT_JOSE_TEST_H

#include "base/arena.h"
#include "base/span.h"
#include "jose/jwt.h"

struct jose_key;

/* kind: RS, PS (with `bits`), P-256, P-384, P-521, Ed25519, Ed448. Made once for each, and kept. */
struct jose_key *jose_key_of(const char *kind, unsigned bits);
/* Its public part, without braces: "kty":"EC",... */
const char *jose_jwk(struct jose_key *key, struct arena *arena);
const char *jose_public_pem(struct jose_key *key, struct arena *arena);
/* HEADER.PAYLOAD.SIGNATURE, each encoded, signed as `algorithm` says: RS256, ..., or HS256 with
 * `secret`. */
const char *jose_sign(const char *algorithm, struct jose_key *key, const char *secret,
                      const char *header, const char *payload, struct arena *arena);
/* Of keys as jose_jwk has them, with "},{" between; the test fails where that is none. */
struct jwk_set *jose_set(const char *members, struct arena *arena);
/* Of a token that can be read. */
enum jwt_signature jose_verify(const char *token, const struct jwk_set *set, uint32_t algorithms,
                               struct arena *arena);
const char *jose_encode(struct span bytes, struct arena *arena);

#endif

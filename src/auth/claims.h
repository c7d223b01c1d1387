/* Claims (auth/auth_identity.h) out of JSON: each text, number and truth value by the names of the
 * members that lead to it.
 *
 * A name with a dot is taken at the top alone, as URLs are there, and counts before a nested one of
 * the same path: what somebody may write about themselves further down is never read as another
 * claim. */
#ifndef TIDEGATE_AUTH_CLAIMS_H
#define TIDEGATE_AUTH_CLAIMS_H

#include <jansson.h>

#include "auth/auth_identity.h"

/* A longer path is no claim. */
#define CLAIM_PATH_MAX 256

/* In the arena. The JSON is bounded by whoever has parsed it. */
struct auth_claims claims_of_json(const json_t *object, struct arena *arena);
/* The texts of these, each at spaces where one has several ("read write", RFC 6749 section 3.3). */
struct auth_list claims_words(const struct auth_claims *claims, struct arena *arena);

#endif

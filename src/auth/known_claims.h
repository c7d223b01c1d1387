/* What claims say of somebody, as something known (auth/known.h). */
#ifndef TIDEGATE_AUTH_KNOWN_CLAIMS_H
#define TIDEGATE_AUTH_KNOWN_CLAIMS_H

#include <jansson.h>

#include "auth/known.h"

/* Paths of the claims that are these. */
struct claim_names {
    const char *user;
    const char *groups;
    const char *scopes;
};

/* NULL: nothing in it, or more than one thing, names the user. `bytes`: of the text that it was
 * parsed from. Its times, and whatever else it depends on, are the caller's to set. */
struct known *known_from_claims(const json_t *claims, const struct claim_names *names,
                                const char *method, size_t bytes) MUST_CHECK;

#endif

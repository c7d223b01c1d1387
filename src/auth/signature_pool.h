/* Verifying signatures of tokens. Those that cost little are verified at once; the others, as of
 * P-384 or where a token without a `kid` is tried with several keys, on threads of their own
 * (auth/slow_pool.h), so that made-up tokens do not hold a worker up. */
#ifndef TIDEGATE_AUTH_SIGNATURE_POOL_H
#define TIDEGATE_AUTH_SIGNATURE_POOL_H

#include "auth/slow_pool.h"
#include "base/trouble.h"
#include "jose/jwt.h"

/* What a worker does itself: as much as a few requests cost. */
#define SIGNATURE_COST_US 150

/* Of one token, as long as its request; zero-initialised. */
struct signature_check {
    bool is_done;
    uint64_t keys; /* of which set (jwk_set_number) */
    enum jwt_signature found;
};

struct signature_terms {
    const struct jwt *jwt;
    struct jwk_set *keys;
    uint32_t algorithms;     /* as jwt_verify has them */
    unsigned most;           /* that may wait in the process, of all; */
    unsigned most_of_client; /* and of an address */
};

enum signature_ask {
    SIGNATURE_FOUND, /* check->found */
    SIGNATURE_WAIT,  /* `act` follows, which asks the same again */
    SIGNATURE_TOO_MANY,
    SIGNATURE_TOO_MANY_OF_CLIENT
};

enum signature_ask signature_verify(struct signature_check *check,
                                    const struct signature_terms *terms, struct phases *phases,
                                    enum phase_verdict (*act)(struct phases *phases,
                                                              void *arg)) MUST_CHECK;
/* For whoever was turned away: the status, and why. */
unsigned signature_busy(enum signature_ask asked, struct trouble *why);

#endif

/* JSON Web Tokens (RFC 7519) as compact signed objects (JWS, RFC 7515), as RFC 8725 would have them
 * read: bounds before anything else, no algorithm that is not wanted, no key from the token itself
 * (`jwk`, `jku`, `x5c`, `x5u` are not looked at), nothing that is marked as critical.
 *
 *   jwt_read: taken apart, nothing is believed --> jwt_verify: whose signature it is
 *                                              `-> jwt_check: for whom it is, and when
 *
 * Pure but for the clock that is handed in. */
#ifndef TIDEGATE_JOSE_JWT_H
#define TIDEGATE_JOSE_JWT_H

#include <jansson.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "jose/jwk_set.h"

/* Of what a token says: how deep, and how many values. */
#define JWT_DEPTH_MAX 10
#define JWT_VALUES_MAX 1024
#define JWT_HEADER_MAX 2048
/* Keys that are tried for a token that names none. */
#define JWT_KEYS_TRIED_MAX 8

struct jwt {
    json_t *claims;
    enum jws_algorithm algorithm; /* JWS_NONE: none that is known */
    struct span algorithm_name;
    struct span key_id; /* ptr NULL: it names none */
    struct span type;   /* `typ`, without application/; ptr NULL: none */
    struct span text;   /* what is signed; of the token */
    struct span signature;
};

/* False with an error: it is none that could be verified. What it points to is the token's and the
 * arena's. */
bool jwt_read(struct span token, struct arena *arena, struct jwt *jwt,
              struct error *error) MUST_CHECK;
/* What jwt_read gave. */
void jwt_free(struct jwt *jwt);

enum jwt_signature {
    JWT_SIGNATURE_GOOD,
    JWT_ALGORITHM_REFUSED, /* none that is listed, or that the key named is for */
    JWT_KEY_UNKNOWN,       /* newer keys may have it */
    JWT_SIGNATURE_WRONG
};

/* algorithms: 1 << enum jws_algorithm for each that may be; 0: all that the keys are for. */
enum jwt_signature jwt_verify(const struct jwt *jwt, const struct jwk_set *keys,
                              uint32_t algorithms) MUST_CHECK;

/* About what jwt_verify takes, in microseconds: of all keys that it tries. */
unsigned jwt_cost_us(const struct jwt *jwt, const struct jwk_set *keys, uint32_t algorithms);

struct jwt_texts {
    const char *const *items;
    size_t count;
};

struct jwt_rules {
    const char *issuer;
    struct jwt_texts audiences; /* one of these; "*": any, or none */
    struct jwt_texts types;     /* one of these in any case, or no `typ` at all where... */
    bool needs_type;            /* ... it need not have one */
    int64_t leeway_s;
};

enum jwt_verdict { JWT_GOOD, JWT_WRONG, JWT_EXPIRED, JWT_EARLY };

/* When it is good, in seconds since 1970, leeway included: from not_before to before `expires`. */
struct jwt_times {
    int64_t not_before;
    int64_t expires;
};

/* The error says what is wrong, for the log. */
enum jwt_verdict jwt_check(const struct jwt *jwt, const struct jwt_rules *rules, int64_t now_s,
                           struct jwt_times *times, struct error *error) MUST_CHECK;
/* The same for times alone. */
enum jwt_verdict jwt_check_times(const struct jwt_times *times, int64_t now_s);

#endif

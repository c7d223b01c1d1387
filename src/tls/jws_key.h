/* Public keys that verify signatures of JSON objects (JWS, RFC 7515), and the algorithms for it
 * (RFC 7518 section 3, RFC 8037). In tls/, because the TLS library verifies; what tokens are made
 * of is in jose/.
 *
 * There is no algorithm without a signature and none with a shared secret, so that neither can be
 * asked for. A key takes the algorithms of its own kind alone. What one verification costs is
 * bounded by what keys may be: RSA from 2048 to 4096 bits with an exponent of at most 32 bits,
 * P-256, P-384, P-521, Ed25519 and Ed448.
 *
 * Keys are immutable; several threads may verify with one at a time. */
#ifndef TIDEGATE_TLS_JWS_KEY_H
#define TIDEGATE_TLS_JWS_KEY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/span.h"

enum jws_algorithm {
    JWS_NONE, /* none that there is */
    JWS_RS256,
    JWS_RS384,
    JWS_RS512,
    JWS_PS256,
    JWS_PS384,
    JWS_PS512,
    JWS_ES256,
    JWS_ES384,
    JWS_ES512,
    JWS_EDDSA,
    JWS_ALGORITHM_COUNT
};

#define JWS_RSA_BITS_MIN 2048
#define JWS_RSA_BITS_MAX 4096
/* Of one of the keys above: RSA's. */
#define JWS_SIGNATURE_MAX (JWS_RSA_BITS_MAX / 8)

struct jws_key;

/* As `alg` names it, with regard to case; JWS_NONE: none of these. */
enum jws_algorithm jws_algorithm_find(struct span name);

/* Of the numbers of a JWK, decoded (RFC 7518 section 6, RFC 8037 section 2). NULL with an error. */
struct jws_key *jws_key_rsa(struct span n, struct span e, struct error *error) MUST_CHECK;
struct jws_key *jws_key_ec(struct span curve, struct span x, struct span y,
                           struct error *error) MUST_CHECK;
struct jws_key *jws_key_okp(struct span curve, struct span x, struct error *error) MUST_CHECK;
/* Calls `add`, which owns the key then, for each public key and each certificate of a PEM text.
 * False with an error, and some were added perhaps: one of them cannot be used. */
bool jws_key_each_of_pem(struct span pem, void (*add)(void *arg, struct jws_key *key), void *arg,
                         struct error *error) MUST_CHECK;
/* NULL is allowed. */
void jws_key_destroy(struct jws_key *key);

/* About what one verification takes, in microseconds of a processor of 2024. */
unsigned jws_key_cost_us(const struct jws_key *key);
bool jws_key_takes(const struct jws_key *key, enum jws_algorithm algorithm);
/* Whether it is this key's signature of `text`; false also for what the key does not take. */
bool jws_key_verify(const struct jws_key *key, enum jws_algorithm algorithm, struct span text,
                    struct span signature) MUST_CHECK;

#endif

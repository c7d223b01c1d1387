/* The keys of whoever signs tokens: a JWK set (RFC 7517 section 5), a single JWK, or public keys
 * and certificates in PEM. What cannot verify signatures is passed over: keys for encryption, of
 * kinds that are not known, and shared secrets, which are never used.
 *
 * Immutable and counted; each that is parsed has a number of its own. Parsing does no I/O. */
#ifndef TIDEGATE_JOSE_JWK_SET_H
#define TIDEGATE_JOSE_JWK_SET_H

#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
#include "tls/jws_key.h"

/* Of a document, and of the keys in it that can be used. */
#define JWK_SET_BYTES_MAX (256 * 1024)
#define JWK_SET_KEYS_MAX 64
#define JWK_ID_MAX 256

struct jwk_set;

struct jwk {
    struct jws_key *key;
    struct span id;               /* `kid`; ptr NULL: it has none */
    enum jws_algorithm algorithm; /* `alg`: no other; JWS_NONE: all of its kind */
};

/* NULL with an error: it is neither, or has no key that can be used. One reference is the caller's.
 */
struct jwk_set *jwk_set_parse(struct span text, struct error *error) MUST_CHECK;
struct jwk_set *jwk_set_hold(struct jwk_set *set) MUST_CHECK;
/* NULL is allowed. */
void jwk_set_release(struct jwk_set *set);
/* No other that the process has parsed has it. Never 0. */
uint64_t jwk_set_number(const struct jwk_set *set);
size_t jwk_set_count(const struct jwk_set *set);
const struct jwk *jwk_set_at(const struct jwk_set *set, size_t index);
bool jwk_takes(const struct jwk *jwk, enum jws_algorithm algorithm);

#endif

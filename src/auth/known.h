/* What verified credentials say of whoever shows them: kept, so that a token is verified once and
 * not with each request. Found by a keyed hash of the credential and of all that the answer depends
 * on (remembered_key_make of auth/remembered.h). For the process; from any thread.
 *
 * Bounded by number and by bytes; what ends first makes room. Only what was found to be right is
 * kept, so strangers cannot fill it. */
#ifndef TIDEGATE_AUTH_KNOWN_H
#define TIDEGATE_AUTH_KNOWN_H

#include <stdatomic.h>

#include "auth/auth_identity.h"
#include "auth/remembered.h"

#define KNOWN_MAX 16384
#define KNOWN_BYTES_MAX ((uint64_t)64 * 1024 * 1024)

/* Immutable once it was added; counted. */
struct known {
    atomic_uint references;
    struct arena arena; /* of the identity's texts */
    struct auth_identity identity;
    size_t bytes;       /* about what it takes */
    int64_t not_before; /* seconds since 1970, as is `expires` */
    int64_t expires;    /* from when on it is not good, leeway included */
    uint64_t keys;      /* of which set it was verified (jwk_set_number); 0: of none */
    uint64_t until_us;  /* clock_us(), until when it is kept */
    unsigned which;     /* of its method's issuers */
};

struct known *known_create(void);
void known_release(struct known *known);
/* One more reference, the caller's; NULL: there is none that is kept still. */
struct known *known_find(const struct remembered_key *key, uint64_t now_us) MUST_CHECK;
void known_add(const struct remembered_key *key, struct known *known);
/* A copy of the identity, of the request whose arena this is; the reference goes with the arena. */
struct auth_identity *known_lend(struct known *known, struct arena *arena);

#endif

/* A lease: the right to use a server for one request or one tunnel. Taken once and ended once, with
 * how that was and what was seen of the server; so the load is counted, and the balancing learns.
 *
 * Embedded in whoever holds it. Taking one that is held, ending one that is not, and an upstream
 * that is freed while a lease on it is open are our own mistakes, and abort. One thread only. */
#ifndef TIDEGATE_UPSTREAM_LEASE_H
#define TIDEGATE_UPSTREAM_LEASE_H

#include "upstream/upstream.h"

struct lease {
    struct upstream *of; /* NULL: not held */
    size_t member;       /* the last one that it was held on, also afterwards; BALANCE_NONE: none */
    uint64_t key;        /* for balance_ask; the holder's to set */
    bool is_trial;       /* of a server that was out (upstream/health.h) */
};

static inline void lease_init(struct lease *lease)
{
    *lease = (struct lease){.member = BALANCE_NONE};
}

static inline bool lease_is_held(const struct lease *lease)
{
    return lease->of != NULL;
}

/* Where connections to its server are kept. */
static inline struct pool_entry *lease_entry(const struct lease *lease)
{
    return lease->of->entries[lease->member];
}

/* On a member that is not in `tried` and has addresses, as the policy chooses among those that are
 * well; then among those that can be reached at least, and then among all. It is added to `tried`.
 * False when none is left. */
bool lease_pick(struct lease *lease, struct upstream *upstream, struct balance_set *tried,
                uint64_t now_us) MUST_CHECK;
/* On that member, whatever the policy thinks of it. */
void lease_take(struct lease *lease, struct upstream *upstream, size_t member);
/* seen NULL: nothing. */
void lease_end(struct lease *lease, enum lease_how how, const struct lease_seen *seen);

#endif

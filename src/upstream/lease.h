/* A lease: the right to use a server for one request or one tunnel. Taken once and ended once, with
 * how that was and what was seen of the server; so the load is counted, and the balancing learns.
 *
 * Embedded in whoever holds it. Taking one that is held, ending one that is not, and an upstream
 * that is freed while a lease on it is open are our own mistakes, and abort. One thread only. */
#ifndef TIDEGATE_UPSTREAM_LEASE_H
#define TIDEGATE_UPSTREAM_LEASE_H

#include "upstream/upstream.h"

struct lease {
    struct upstream_set *set; /* of the last server it was on, held until the lease is reset */
    size_t member;            /* of that set; BALANCE_NONE: it was on none */
    bool is_held;             /* not ended yet */
    uint64_t key;             /* for balance_ask; the holder's to set */
    bool is_limited;          /* it has a place of its server's max_in_use */
    /* The last lease_pick failed, but servers that were not tried are there: full, or the backend
     * is. */
    bool is_refused_by_limit;
    bool is_trial;          /* of a server that was out (upstream/health.h) */
    enum priority priority; /* the holder's to set */
    bool is_of_request;     /* the same: it takes a place of the backend's `concurrency`, */
    bool has_place;         /* and has one, until it is answered or ends */
};

/* The servers that were tried for one request: kept by whoever makes it, over several leases. When
 * the backend has other servers, none of them was. Zero-initialised. */
struct lease_tried {
    uint64_t set; /* whose members they are, by its serial; or LEASE_TRIED_ALL */
    struct balance_set members;
};
/* No other server is to be tried, whichever there are. */
#define LEASE_TRIED_ALL UINT64_MAX

static inline void lease_init(struct lease *lease)
{
    *lease = (struct lease){.member = BALANCE_NONE, .priority = PRIORITY_NORMAL};
}
/* It is not held, and forgets where it was. May be called twice. */
void lease_reset(struct lease *lease);

static inline bool lease_is_held(const struct lease *lease)
{
    return lease->is_held;
}

/* The server that it is on, or was on last; NULL: none. Valid until the lease is reset or taken
 * again. */
static inline const struct server *lease_server(const struct lease *lease)
{
    return lease->set != NULL ? upstream_set_server(lease->set, lease->member) : NULL;
}

/* Where connections to its server are kept, while it is held. */
static inline struct pool_entry *lease_entry(const struct lease *lease)
{
    return lease->set->entries[lease->member];
}

/* On a member of the present set that is not in `tried`, has addresses and is enabled
 * (server_order.h), as the policy chooses among those that are well; then among those that can be
 * reached at least, and then among all. It is added to `tried`. False when none is left. */
bool lease_pick(struct lease *lease, struct upstream *upstream, struct lease_tried *tried,
                uint64_t now_us) MUST_CHECK;
/* Whether any server is well, full or not. */
bool lease_has_choice(struct upstream *upstream, uint64_t now_us);
/* Whether a server is there that was not tried. */
bool lease_has_untried(struct upstream *upstream, const struct lease_tried *tried);
/* On that member, whatever the policy thinks of it. */
void lease_take(struct lease *lease, struct upstream_set *set, size_t member);
/* The head of its server's answer has come: from here on it has no place of the backend's
 * `concurrency`. May be called twice. */
void lease_answered(struct lease *lease, const struct lease_seen *seen);
/* seen NULL: nothing. */
void lease_end(struct lease *lease, enum lease_how how, const struct lease_seen *seen);

#endif

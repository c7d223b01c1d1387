/* A worker's own view of the backends that it forwards to: of each the balancing, and where the
 * connections to its servers are kept. Its servers are used under leases (upstream/lease.h).
 *
 * Found by the backend itself, which is of one configuration, so that a worker may serve several:
 * what is the same in them is their servers' endpoints. An upstream lives while the worker has the
 * backend, and as long as connections are there that were made for it. One thread only.
 *
 * Which servers a backend has may change at any time (backend_publish). A member's number means
 * something in one upstream_set alone, which therefore lives as long as whoever knows one:
 *
 *   present --the backend has another set, or the worker has it no more--> retired --last use--> gone
 *
 * The worker goes over when it chooses a server next, or is told to look (upstreams_follow). Leases
 * and connections of a retired set go on as they are; nothing comes to rest at a server that is in
 * no present set. */
#ifndef TIDEGATE_UPSTREAM_UPSTREAM_H
#define TIDEGATE_UPSTREAM_UPSTREAM_H

#include "upstream/balance.h"
#include "upstream/hedge_pace.h"
#include "upstream/pool.h"
#include "upstream/retry_budget.h"
#include "upstream/server_health.h"

struct upstream;

/* The servers of one time, as this worker sees them. */
struct upstream_set {
    struct upstream *upstream;  /* held */
    struct server_set *servers; /* held */
    uint64_t serial;            /* no other one of the process has it, or had it; never 0 */
    struct balance *balance;
    struct balance_member *members; /* servers->count of each */
    struct pool_entry **entries;
    uint64_t weighings; /* server_order_weighings, when the members' weights were looked at */
    /* When all were looked at last (server_changes; 0: never) it was plain which of them may be
     * chosen, their limits apart: until something changes, or that time. */
    uint64_t changes;
    uint64_t usual_until_us;
    bool is_usual;
    struct balance_set usual; /* those of the lowest rank */
    uint64_t usual_serial;    /* balance_ask.choices_serial */
    unsigned uses;
};

struct upstream {
    const struct backend *backend; /* held */
    struct pool *pool;
    struct upstream_set *set; /* the present one, held; NULL: the worker has the backend no more */
    uint64_t leases;          /* open now, on any set */
    uint64_t random;          /* see upstream_random */
    struct retry_budget retries; /* of calls */
    unsigned hedges;             /* calls that have a second try under way */
    unsigned mirrors;            /* copies of requests, for a mirror, that are under way */
    struct hedge_pace *pace;     /* NULL: nobody has asked */
    unsigned uses;               /* by the worker and by its sets */
    unsigned additions;          /* upstreams_add without upstreams_remove */
};

struct upstreams {
    struct upstream **slots; /* by the backends' serials, open addressing; NULL: free */
    size_t mask;             /* their number less one */
    size_t count;
    struct pool pool;
};

void upstreams_init(struct upstreams *upstreams);
/* Nothing is left in it: no backend, no lease, no connection. */
void upstreams_free(struct upstreams *upstreams);
/* The worker begins, and ends, to forward to the backend: as often as configurations that it has
 * begin and end. At the last end no lease is open. */
void upstreams_add(struct upstreams *upstreams, const struct backend *backend);
/* The same for one that takes the place of another, which was added and has not ended: what was
 * learnt of servers that both have, and how much may be sent again, goes on. */
void upstreams_add_after(struct upstreams *upstreams, const struct backend *backend,
                         const struct backend *before);
void upstreams_remove(struct upstreams *upstreams, const struct backend *backend);
/* Of a backend that was added, or will be: where a worker takes up a configuration piece by piece,
 * what is asked for earlier is made at once. */
struct upstream *upstreams_find(struct upstreams *upstreams, const struct backend *backend);
/* NULL: it was not, or is not any more. */
struct upstream *upstreams_look(const struct upstreams *upstreams, const struct backend *backend);
/* Of all that were added, open now. */
uint64_t upstreams_leases(const struct upstreams *upstreams);
/* Goes over to the servers that backends have now. */
void upstreams_follow(struct upstreams *upstreams);
/* The present set, which is made if the backend has other servers now, or other weights. */
struct upstream_set *upstream_follow(struct upstream *upstream);

/* By leases, and by connections that were made for it. */
struct upstream_set *upstream_set_hold(struct upstream_set *set);
void upstream_set_release(struct upstream_set *set);

static inline const struct backend *upstream_set_backend(const struct upstream_set *set)
{
    return set->upstream->backend;
}
static inline const struct server *upstream_set_server(const struct upstream_set *set,
                                                       size_t member)
{
    return &set->servers->servers[member];
}
static inline struct server_ref upstream_set_ref(const struct upstream_set *set, size_t member)
{
    return (struct server_ref){upstream_set_backend(set), set->servers, member};
}
static inline struct endpoint *upstream_endpoint(const struct upstream *upstream, size_t member)
{
    return upstream_set_server(upstream->set, member)->endpoint;
}
/* How long requests take; kept from when this is asked first. */
struct hedge_pace *upstream_pace(struct upstream *upstream);
/* Numbers for balancing: evenly spread, and no secret. */
uint64_t upstream_random(struct upstream *upstream);

#endif

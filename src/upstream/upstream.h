/* A worker's own view of the backends that it forwards to: of each the balancing, and where the
 * connections to its servers are kept. Its servers are used under leases (upstream/lease.h).
 *
 * Found by the backend itself, which is of one configuration, so that a worker may serve several:
 * what is the same in them is their servers' endpoints. An upstream lives while the worker has the
 * backend, and as long as connections are there that were made for it. One thread only. */
#ifndef TIDEGATE_UPSTREAM_UPSTREAM_H
#define TIDEGATE_UPSTREAM_UPSTREAM_H

#include "upstream/balance.h"
#include "upstream/pool.h"

struct upstream {
    const struct backend *backend; /* held */
    struct balance *balance;
    struct balance_member *members; /* server_count of each */
    struct pool_entry **entries;
    uint64_t leases; /* open now */
    uint64_t random; /* see upstream_random */
    unsigned uses;
    unsigned additions; /* upstreams_add without upstreams_remove */
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
void upstreams_remove(struct upstreams *upstreams, const struct backend *backend);
/* Of a backend that was added. */
struct upstream *upstreams_find(const struct upstreams *upstreams, const struct backend *backend);
/* NULL: it was not, or is not any more. */
struct upstream *upstreams_look(const struct upstreams *upstreams, const struct backend *backend);
/* Of all that were added, open now. */
uint64_t upstreams_leases(const struct upstreams *upstreams);

/* By connections that were made for it. */
struct upstream *upstream_hold(struct upstream *upstream);
void upstream_release(struct upstream *upstream);

static inline struct endpoint *upstream_endpoint(const struct upstream *upstream, size_t server)
{
    return upstream->backend->servers[server].endpoint;
}
/* Numbers for balancing: evenly spread, and no secret. */
uint64_t upstream_random(struct upstream *upstream);

#endif

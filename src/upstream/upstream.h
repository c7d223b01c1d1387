/* A worker's own view of a backend: balancing state, servers found down, idle connections.
 *
 * A lease is the right to use a server for one request or one tunnel: taken with upstream_pick,
 * ended exactly once with upstream_done. Pooled connections are kept as list nodes embedded in the
 * caller's own connection object; this module neither reads nor closes them. One thread only. */
#ifndef TIDEGATE_UPSTREAM_UPSTREAM_H
#define TIDEGATE_UPSTREAM_UPSTREAM_H

#include "base/list.h"
#include "upstream/backend.h"
#include "upstream/balance.h"

/* A server that could not be reached is passed over for this long while others are there. */
#define UPSTREAM_DOWN_US (5 * UINT64_C(1000000))

struct upstream {
    const struct backend *backend;
    struct balance_server *balance; /* server_count of each */
    struct upstream_server {
        struct list idle;    /* newest first */
        unsigned idle_count; /* of both kinds */
        uint64_t down_until_us;
        struct list dials;       /* being made, for several to share perhaps; the caller's */
        struct list shared;      /* connections that carry many requests at once, oldest first */
        unsigned shared_streams; /* how many the server last said to take on one; 0: not known */
        size_t head_taken;       /* of HTTP/2: the longest request head that it has answered, and */
        size_t field_taken;      /* the longest field in one; 0: nothing is known */
        bool speaks_h1;          /* it chose HTTP/1.1 last time, where it had the choice */
    } * servers;
    uint64_t leases; /* open now */
};

/* Which servers were tried for one request. Zero-initialised. */
struct upstream_tried {
    uint64_t bits[BACKEND_SERVERS_MAX / 64];
    size_t count;
};

void upstream_init(struct upstream *upstream, const struct backend *backend);
/* The lists of connections are empty and no lease is open. */
void upstream_free(struct upstream *upstream);

/* A server that was not tried yet and has addresses; those found down only when no other is left.
 * It is marked as tried and a lease on it begins. BALANCE_NONE when none is left. */
size_t upstream_pick(struct upstream *upstream, struct upstream_tried *tried, uint64_t now_us);
/* A lease on that server, whatever the policy thinks of it. */
void upstream_lease(struct upstream *upstream, size_t server);
/* Ends the lease. */
void upstream_done(struct upstream *upstream, size_t server, bool succeeded);
void upstream_mark_down(struct upstream *upstream, size_t server, uint64_t now_us);
void upstream_mark_up(struct upstream *upstream, size_t server);

/* False when the pool is full: the caller closes its connection. */
bool upstream_park(struct upstream *upstream, size_t server, struct list *node) MUST_CHECK;
/* The most recently used idle connection's node that `fits`, taken off the list; NULL: none among
 * the UPSTREAM_LOOKS newest. */
#define UPSTREAM_LOOKS 16
struct list *upstream_unpark(struct upstream *upstream, size_t server,
                             bool (*fits)(struct list *node, const void *arg), const void *arg);
/* For a parked connection that has died or is too old. */
void upstream_remove_parked(struct upstream *upstream, size_t server, struct list *node);
/* A shared connection has become idle, and stays in its list; false: too many are, so the caller
 * closes it. */
bool upstream_rest(struct upstream *upstream, size_t server) MUST_CHECK;
/* And is not idle any more. */
void upstream_wake(struct upstream *upstream, size_t server);

#endif

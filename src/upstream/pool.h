/* A worker's connections to servers that are not one request's: those that rest between two
 * (HTTP/1.1) and those that carry many (HTTP/2), by endpoint.
 *
 * They are kept as list nodes embedded in the caller's own connection object; this module neither
 * reads nor closes them. Backends share an entry where all is the same that makes a
 * connection what it is: the endpoint, the TLS contexts (which are one backend's, in all
 * configurations in which it has them), the PROXY protocol, and how long and how many may rest. One
 * thread only.
 */
#ifndef TIDEGATE_UPSTREAM_POOL_H
#define TIDEGATE_UPSTREAM_POOL_H

#include "upstream/backend.h"

#define POOL_BUCKETS 2048

struct pool {
    struct list entries[POOL_BUCKETS];
};

struct pool_terms {
    uint64_t tls_owner; /* the backend's; 0: plain */
    enum backend_proxy_protocol proxy_protocol;
    unsigned idle_connections;
    uint64_t idle_timeout_ms;
    uint64_t ping_timeout_ms;
};

struct pool_entry {
    struct list node; /* in the pool's */
    struct endpoint *endpoint;
    struct pool_terms terms;
    unsigned uses;           /* by sets of this worker, present ones and those of connections */
    unsigned present;        /* of these, by present ones: with none, nothing comes to rest here */
    struct list idle;        /* newest first */
    unsigned idle_count;     /* of both kinds */
    struct list dials;       /* being made, for several to share perhaps; the caller's */
    struct list shared;      /* connections that carry many requests at once, oldest first */
    unsigned shared_streams; /* how many the server last said to take on one; 0: not known */
    size_t head_taken;       /* of HTTP/2: the longest request head that it has answered, and */
    size_t field_taken;      /* the longest field in one; 0: nothing is known */
    bool speaks_h1;          /* it chose HTTP/1.1 last time, where it had the choice */
    struct endpoint_share share;
};

void pool_init(struct pool *pool);
/* Where connections to the endpoint are kept, of that backend; found, or made. The use is of a set
 * that is present. */
struct pool_entry *pool_take(struct pool *pool, const struct backend *backend,
                             struct endpoint *endpoint) MUST_CHECK;
/* The set is not present any more; its use goes on. */
void pool_retire(struct pool_entry *entry);
/* Of a set that was retired. With the last use it ends, and has no connections then. */
void pool_give_back(struct pool_entry *entry);

/* False when it is full, or no present set has its server: the caller closes its connection. */
bool pool_park(struct pool_entry *entry, struct list *node) MUST_CHECK;
/* The most recently used idle connection's node that `fits`, taken off the list; NULL: none among
 * the POOL_LOOKS newest. */
#define POOL_LOOKS 16
struct list *pool_unpark(struct pool_entry *entry, bool (*fits)(struct list *node, const void *arg),
                         const void *arg);
/* For a parked connection that has died or is too old. */
void pool_remove_parked(struct pool_entry *entry, struct list *node);
/* A shared connection has become idle, and stays in its list; false: too many are, so the caller
 * closes it. */
bool pool_rest(struct pool_entry *entry) MUST_CHECK;
/* And is not idle any more. */
void pool_wake(struct pool_entry *entry);

#endif

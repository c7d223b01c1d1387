/* An endpoint: a server as it is out there, whatever configuration names it, and in which place of
 * which backend's list.
 *
 * The process has one for each key, counted: a second configuration with the same server finds the
 * same endpoint, with the addresses its name has, its health and the TLS sessions with it. It ends
 * with the last backend that has it. Any thread may ask anything of it that follows; what workers
 * write at each request lies in a share of their own, what they read at each is rarely written. */
#ifndef TIDEGATE_UPSTREAM_ENDPOINT_H
#define TIDEGATE_UPSTREAM_ENDPOINT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/list.h"
#include "io/sock.h"
#include "settings/choices.h"
#include "upstream/health.h"
#include "upstream/latency.h"

/* Addresses used of one name: more are ignored. */
#define ENDPOINT_ADDRESSES_MAX 8

struct session_slot;

/* Of an address, by host and port. */
struct endpoint_load {
    _Atomic uint32_t in_use;
    /* The registry's. */
    struct list node;
    unsigned uses;
    const char *host;
    bool is_unix;
    uint16_t port;
};

/* What makes it this one. Texts are equal where what they say is; NULL is a text of its own. */
struct endpoint_key {
    const char *host; /* a name, a number, or the path of a Unix socket */
    bool is_unix;
    uint16_t port;
    const char *tls_name; /* SNI and the name to verify; NULL: none */
    const char *identity; /* the certificate that we show; NULL: none */
    const char *trust;    /* by what it is verified; NULL: plain */
    enum backend_protocol protocol;
    const char *asked_for;      /* the host in requests to it; NULL: the client's */
    const char *check;          /* what it is asked in checks; NULL: nothing */
    struct health_terms health; /* by which it is judged */
};

/* Immutable and counted: whoever dials holds the list that it found, and newer ones come beside
 * it. */
struct endpoint_addresses {
    atomic_uint uses;
    size_t count;
    struct sock_address items[ENDPOINT_ADDRESSES_MAX];
};

/* What one worker has seen of it: written by that worker's thread alone. */
struct endpoint_share {
    struct list node;            /* in the endpoint's */
    _Atomic uint64_t leases;     /* open now */
    _Atomic uint64_t served;     /* leases that ended LEASE_OK */
    _Atomic uint64_t errors;     /* of these, with a status of 500 and above */
    _Atomic uint64_t failed;     /* that ended LEASE_SERVER_FAILED */
    _Atomic uint64_t timed;      /* whose latency was seen */
    _Atomic uint64_t latency_us; /* the sum of those */
    struct latency latency;      /* and how they are spread */
};

/* The sums of all workers' shares, of those that have gone too. */
struct endpoint_tally {
    uint64_t leases;
    uint64_t served;
    uint64_t errors;
    uint64_t failed;
    uint64_t timed;
    uint64_t latency_us;
};

struct endpoint {
    struct endpoint_key key;
    struct session_slot *sessions; /* TLS sessions to resume; NULL: plain */
    bool is_named;                 /* its host is a name, to be resolved */
    pthread_mutex_t lock;          /* to change, or to hold, its addresses */
    /* Requests and tunnels of backends that limit them, of all workers: shared by all endpoints of
     * its address, however they are asked and judged. */
    struct endpoint_load *load;
    _Atomic(struct endpoint_addresses *) addresses; /* NULL: not resolved (yet) */
    struct health health;                           /* written through server_health.h alone */
    /* The registry's. */
    struct list node;
    unsigned uses;
    struct list shares;
    struct endpoint_tally gone; /* of shares that were taken away */
    struct latency_sum gone_latency;
};

/* The one with that key, or a new one. The texts are copied. A host that is no number, and no Unix
 * socket, has no addresses before some are published. NULL: the path of a Unix socket is too long
 * for one. */
struct endpoint *endpoint_take(const struct endpoint_key *key) MUST_CHECK;
/* One that nobody else finds, whatever its key: what is published of it, and who is asked, is its
 * owner's to say. Its addresses are published by the owner alone. */
struct endpoint *endpoint_create_alone(const struct endpoint_key *key) MUST_CHECK;
struct endpoint *endpoint_hold(struct endpoint *endpoint);
/* NULL is allowed. */
void endpoint_release(struct endpoint *endpoint);

static inline bool endpoint_has_addresses(const struct endpoint *endpoint)
{
    return atomic_load_explicit(&endpoint->addresses, memory_order_relaxed) != NULL;
}
/* A use of the present ones, given back with endpoint_drop_addresses. NULL: none are known. */
const struct endpoint_addresses *endpoint_hold_addresses(struct endpoint *endpoint) MUST_CHECK;
/* NULL is allowed. From any thread. */
void endpoint_drop_addresses(const struct endpoint_addresses *addresses);
/* Publishes addresses (copied), unless they are the present ones. */
void endpoint_publish(struct endpoint *endpoint, const struct sock_address *items, size_t count);

/* The share is the caller's, and stays where it is until endpoint_leave. */
void endpoint_join(struct endpoint *endpoint, struct endpoint_share *share);
/* No lease is open in it. */
void endpoint_leave(struct endpoint *endpoint, struct endpoint_share *share);
/* By the share's own thread: no other one writes, so a load and a store will do. */
static inline void endpoint_count(_Atomic uint64_t *counter, int64_t more)
{
    uint64_t sum = atomic_load_explicit(counter, memory_order_relaxed) + (uint64_t)more;

    atomic_store_explicit(counter, sum, memory_order_relaxed);
}
struct endpoint_tally endpoint_tally(struct endpoint *endpoint);
/* Adds the latencies that workers have seen of it. */
void endpoint_latency(struct endpoint *endpoint, struct latency_sum *sum);

#endif

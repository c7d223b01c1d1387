/* A backend: a group of servers and how they are spoken to, as the configuration has it. Counted,
 * and immutable but for which servers there are now: names get other addresses, lists change. What
 * belongs to no configuration is the servers' endpoints. */
#ifndef TIDEGATE_UPSTREAM_BACKEND_H
#define TIDEGATE_UPSTREAM_BACKEND_H

#include <pthread.h>

#include "upstream/concurrency.h"
#include "upstream/server_queue.h"
#include "upstream/server_set.h"
#include "upstream/sticky.h"

struct tls_context;
struct balance_type;

/* That connections are made with. */
struct backend_contexts {
    struct tls_context *tls;    /* NULL: plain */
    struct tls_context *tls_h1; /* with BACKEND_AUTO: offers HTTP/1.1 alone, for Upgrade */
};

struct backend {
    const char *name;
    uint64_t serial; /* no other one of the process has it, or had it */
    const struct balance_type *balance;
    struct server_queue *queue;                      /* made with the backend */
    const struct concurrency_plan *concurrency_plan; /* of a plan alone; NULL: no limit */
    struct concurrency *concurrency;                 /* made by it; NULL: no limit */
    size_t queue_size;
    uint64_t queue_timeout_ms;
    uint64_t slow_start_us; /* 0: none */
    unsigned bounded_load;  /* of balance_hash: percent of the mean load; 0: no bound */
    unsigned char sticky_key[STICKY_KEY_BYTES]; /* of balance_sticky */
    uint64_t tls_owner;                         /* whose contexts these are; 0: its own */
    struct tls_context *tls;                    /* NULL: plain; see backend_tls_of */
    struct tls_context *tls_h1;
    struct backend_contexts *own_tls; /* of servers that have their own, by server.own_tls - 1 */
    size_t own_tls_count;             /* of the settings' servers; 0: none has */
    enum backend_protocol protocol;
    enum backend_host host_from;
    const char *host;        /* with BACKEND_HOST_NAMED */
    bool is_named_by_client; /* in TLS: SNI, and the name that its certificate must have */
    enum backend_proxy_protocol proxy_protocol;
    bool forwarded; /* tell the servers who the client is: X-Forwarded-*, Forwarded */
    bool via;
    bool client_certificate;           /* Client-Cert, Client-Cert-Chain */
    bool forwarded_client_certificate; /* X-Forwarded-Client-Cert */
    uint64_t connect_timeout_ms;
    uint64_t response_timeout_ms;
    uint64_t idle_timeout_ms;
    uint64_t ack_timeout_ms;   /* until a connection that acknowledges nothing is lost; 0: never */
    uint64_t ping_timeout_ms;  /* HTTP/2: how long a PING may be without its answer */
    unsigned idle_connections; /* pooled, per server and worker */
    uint64_t body_buffer;      /* FastCGI: of a request's body of unknown length */
    unsigned max_ejected;      /* percent of the servers that failures may put out; */
    unsigned panic;            /* with fewer percent left, those out are used too; 0: with none */
    bool spares_down;          /* those that are out are never used */
    bool closes_down;          /* what is relayed to one that goes down by a check ends */
    bool is_of_checks;         /* what becomes of its requests says nothing of its servers */
    atomic_bool is_bound_told; /* that its servers authenticate connections was logged */
    atomic_uint uses;
    atomic_bool is_doubted; /* see backend_doubt */
    /* Behind backend_servers and backend_publish. */
    pthread_mutex_t lock;
    _Atomic(struct server_set *) servers;
};

/* As the plan says, whose texts are copied; the use of the set becomes the backend's. */
struct backend *backend_create(const struct backend *plan, struct server_set *servers) MUST_CHECK;
/* What connections to that server of the backend are made with. */
static inline struct backend_contexts backend_tls_of(const struct backend *backend,
                                                     const struct server *server)
{
    if (server->own_tls != 0 && server->own_tls <= backend->own_tls_count) {
        return backend->own_tls[server->own_tls - 1];
    }
    return (struct backend_contexts){backend->tls, backend->tls_h1};
}
const struct backend *backend_hold(const struct backend *backend);
/* NULL is allowed. From any thread. */
void backend_release(const struct backend *backend);

/* ---- its servers, from any thread ---- */

/* Those that it has now; to be released. */
struct server_set *backend_servers(const struct backend *backend) MUST_CHECK;
/* It has these from now on; the use of the set becomes the backend's. Workers go over to it when
 * they choose a server next (upstream/upstream.h). */
void backend_publish(const struct backend *backend, struct server_set *servers);
/* Whether they are the ones that it has now, of whoever holds that set. One load. */
static inline bool backend_has(const struct backend *backend, const struct server_set *servers)
{
    return atomic_load_explicit(&((struct backend *)(uintptr_t)backend)->servers,
                                memory_order_acquire) == servers;
}
/* One of its servers could not be reached, so it may be that there are others by now. From any
 * thread; costs nothing while it is known. */
void backend_doubt(const struct backend *backend);
/* Whether somebody has, since this was asked last. */
bool backend_take_doubt(const struct backend *backend);
/* Who is to hear of doubts, of any backend: one for the process; NULL: nobody. It is called from
 * whatever thread doubts, and must not be gone before that. */
void backend_on_doubt(void (*hear)(void *arg), void *arg);

#endif

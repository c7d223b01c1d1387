/* Backends and their servers: what all workers share.
 *
 * Made with a snapshot and freed with it. Everything is immutable but a server's addresses, which
 * the control thread publishes once a name has been resolved, and which are never freed before the
 * backend is. */
#ifndef TIDEGATE_UPSTREAM_BACKEND_H
#define TIDEGATE_UPSTREAM_BACKEND_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "io/sock.h"

/* Addresses used of one name: more are ignored. */
#define SERVER_ADDRESSES_MAX 8
/* Servers of a backend. */
#define BACKEND_SERVERS_MAX 1024

struct session_slot;
struct tls_context;
struct balance_policy;

struct server_addresses {
    struct server_addresses *older; /* kept until the end: a worker may be reading it */
    size_t count;
    struct sock_address items[SERVER_ADDRESSES_MAX];
};

struct server {
    const char *text; /* as written, for logs: "10.0.0.5:443" */
    const char *host; /* the name to resolve; NULL: the addresses were given as numbers */
    uint16_t port;
    unsigned weight;
    const char *tls_name;          /* SNI and the name to verify; NULL: none */
    struct session_slot *sessions; /* TLS sessions to resume; NULL: plain; owned by the snapshot */
    _Atomic(struct server_addresses *) addresses; /* NULL: not resolved (yet) */
};

/* AUTO: as the server chooses by ALPN. */
enum backend_protocol { BACKEND_H1, BACKEND_H2, BACKEND_AUTO, BACKEND_H2C };
enum backend_proxy_protocol { BACKEND_PROXY_OFF, BACKEND_PROXY_V1, BACKEND_PROXY_V2 };

struct backend {
    const char *name;
    size_t index; /* in the snapshot; each worker has an array of upstreams */
    struct server *servers;
    size_t server_count;
    const struct balance_policy *policy;
    struct tls_context *tls;    /* NULL: plain; owned by the snapshot */
    struct tls_context *tls_h1; /* with BACKEND_AUTO: offers HTTP/1.1 alone, for Upgrade */
    enum backend_protocol protocol;
    enum backend_proxy_protocol proxy_protocol;
    bool forwarded; /* tell the servers who the client is: X-Forwarded-*, Forwarded */
    bool via;
    bool client_certificate;           /* Client-Cert, Client-Cert-Chain */
    bool forwarded_client_certificate; /* X-Forwarded-Client-Cert */
    uint64_t connect_timeout_ms;
    uint64_t response_timeout_ms;
    uint64_t idle_timeout_ms;
    uint64_t ping_timeout_ms;  /* HTTP/2: how long a PING may be without its answer */
    unsigned idle_connections; /* pooled, per server and worker */
    atomic_bool is_bound_told; /* that its servers authenticate connections was logged */
};

/* Publishes addresses (copied). From one thread only. */
void server_publish(struct server *server, const struct sock_address *items, size_t count);
/* Frees what was published. */
void server_free_addresses(struct server *server);
/* Resolves server->host with the system's resolver, which blocks: never on a worker. */
bool server_resolve(struct server *server, struct error *error) MUST_CHECK;

#endif

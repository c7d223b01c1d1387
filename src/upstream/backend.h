/* A backend: a group of servers and how they are spoken to, as the configuration has it. Immutable
 * and counted: what belongs to no configuration is its servers' endpoints. */
#ifndef TIDEGATE_UPSTREAM_BACKEND_H
#define TIDEGATE_UPSTREAM_BACKEND_H

#include "upstream/endpoint.h"

struct tls_context;
struct balance_type;

struct server {
    const char *text; /* as written, for logs: "10.0.0.5:443" */
    unsigned weight;
    struct endpoint *endpoint;
};

struct backend {
    const char *name;
    uint64_t serial; /* no other one of the process has it, or had it */
    struct server *servers;
    size_t server_count;
    const struct balance_type *balance;
    struct tls_context *tls;    /* NULL: plain */
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
    unsigned max_ejected;      /* percent of the servers that failures may put out; */
    unsigned panic;            /* with fewer percent left, those out are used too; 0: with none */
    bool is_of_checks;         /* what becomes of its requests says nothing of its servers */
    atomic_bool is_bound_told; /* that its servers authenticate connections was logged */
    atomic_uint uses;
};

/* As the plan says, whose texts are copied, and whose uses of endpoints become the backend's. */
struct backend *backend_create(const struct backend *plan) MUST_CHECK;
const struct backend *backend_hold(const struct backend *backend);
/* NULL is allowed. From any thread. */
void backend_release(const struct backend *backend);

#endif

/* The servers of a backend at one time: immutable and counted, so that whoever has one may go on
 * with it while the backend has another already (backend_publish). It holds their endpoints.
 * From any thread. */
#ifndef TIDEGATE_UPSTREAM_SERVER_SET_H
#define TIDEGATE_UPSTREAM_SERVER_SET_H

#include "upstream/endpoint.h"
#include "upstream/server_order.h"

/* Servers of a set; what says more of them is refused or cut where it is read. */
#define SERVER_SET_MAX 1024
/* What a weight may be once that of a name is shared among its addresses. */
#define SERVER_WEIGHT_MAX 1000000

/* server.rank: backups come last, and in each half those of other zones. */
enum server_rank { SERVER_OF_ZONE, SERVER_ELSEWHERE, SERVER_BACKUP, SERVER_BACKUP_ELSEWHERE };
#define SERVER_RANKS 4

struct server {
    const char *text;     /* as it is told in logs: "10.0.0.5:443" */
    const char *host;     /* its own, as Host has it: "app.internal:8080"; NULL: its text */
    unsigned weight;      /* 1 to SERVER_WEIGHT_MAX; people may order another: server_weight */
    unsigned unit;        /* what a weight of 1 in the configuration is among these; 0: 1 */
    const char *own_host; /* that it is asked for, whatever the backend says; NULL: as that says */
    size_t own_tls; /* number of its own TLS of the backend; 0: the backend's (backend_tls_of) */
    bool
        is_named_by_client; /* in TLS, where the client names a host; else by its endpoint's name */
    unsigned rank;          /* those with the lowest are used as long as one of them is well */
    unsigned max_in_use;    /* requests and tunnels, of all workers; 0: no limit */
    struct endpoint *endpoint;
    struct server_order *order; /* set when a backend takes the set, which holds it */
};

struct server_set {
    struct server *servers;
    size_t count;        /* may be 0 */
    const char *problem; /* for a person: why there are none; NULL: nothing to say */
    atomic_uint uses;
};

/* Texts are copied; the uses of endpoints become the set's. `problem` may be NULL. */
struct server_set *server_set_create(const struct server *servers, size_t count,
                                     const char *problem) MUST_CHECK;
/* Whether any of them has one. */
bool server_set_has_limits(const struct server_set *set);
struct server_set *server_set_hold(struct server_set *set);
/* NULL is allowed. */
void server_set_release(struct server_set *set);

/* What counts now: 1 to SERVER_WEIGHT_MAX. One that was ordered the weight 0 is never a choice
 * (server_order_allows). */
unsigned server_weight(const struct server *server);

#endif

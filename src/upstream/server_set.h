/* The servers of a backend at one time: immutable and counted, so that whoever has one may go on
 * with it while the backend has another already (backend_publish). It holds their endpoints.
 * From any thread. */
#ifndef TIDEGATE_UPSTREAM_SERVER_SET_H
#define TIDEGATE_UPSTREAM_SERVER_SET_H

#include "upstream/endpoint.h"

/* Servers of a set; what says more of them is refused or cut where it is read. */
#define SERVER_SET_MAX 1024
/* What a weight may be once that of a name is shared among its addresses. */
#define SERVER_WEIGHT_MAX 1000000

struct server {
    const char *text; /* as it is told in logs: "10.0.0.5:443" */
    unsigned weight;  /* 1 to SERVER_WEIGHT_MAX */
    struct endpoint *endpoint;
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
struct server_set *server_set_hold(struct server_set *set);
/* NULL is allowed. */
void server_set_release(struct server_set *set);

#endif

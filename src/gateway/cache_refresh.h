/* A stale answer was given (stale-while-revalidate, RFC 5861): the server is asked for another one,
 * behind the client's back. */
#ifndef TIDEGATE_GATEWAY_CACHE_REFRESH_H
#define TIDEGATE_GATEWAY_CACHE_REFRESH_H

#include "client/call.h"
#include "gateway/cache_keeper.h"
#include "gateway/worker_base.h"

struct cache_refresh_ask {
    struct worker *worker;
    struct generation *generation;
    const struct http_request *request; /* as it would have been sent */
    const struct backend *backend;
    struct span path;                   /* as the server gets it */
    const struct call_retries *retries; /* NULL: as usual */
    /* What it holds is taken over: its flight ends, whatever comes. */
    const struct cache_keeper *keeper;
};
void cache_refresh_start(const struct cache_refresh_ask *ask);
/* The worker takes its leave. */
void cache_refresh_end_all(struct worker *worker);

#endif

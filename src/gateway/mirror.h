/* A mirror's copy of a request: a call of its own, whose answer is dropped. Whatever becomes of it,
 * its request knows nothing of it.
 *
 *   FILLING --mirror_send--> SENT --next turn of the loop--> ASKING --end, failed, late--> OVER
 *
 * While it is FILLING it is its exchange's, who sends or drops it; then it is the worker's, and
 * ends by itself. Each counts in its upstream's `mirrors` from its beginning to its end. */
#ifndef TIDEGATE_GATEWAY_MIRROR_H
#define TIDEGATE_GATEWAY_MIRROR_H

#include "gateway/route_mirror.h"
#include "gateway/worker_base.h"
#include "http/message.h"

struct mirror;

struct mirror_ask {
    struct worker *worker;
    struct generation *generation;
    const struct route_mirror *route;
    const struct http_request *request; /* as it is sent */
    struct span path;                   /* as the server gets it */
    uint64_t key;                       /* for the balancing; 0: none */
};

struct mirror *mirror_create(const struct mirror_ask *ask) MUST_CHECK;
/* A piece of the body. False: it is too long, which was counted; the mirror is gone. */
bool mirror_add(struct mirror *mirror, struct span bytes) MUST_CHECK;
/* Of the body, so far. */
uint64_t mirror_bytes(const struct mirror *mirror) MUST_CHECK;
/* The request is whole; trailers NULL: none. It is not the caller's any more. */
void mirror_send(struct mirror *mirror, const struct http_fields *trailers);
/* The request will not be whole. The same. */
void mirror_drop(struct mirror *mirror);
/* The worker takes its leave: ends those that are its. */
void mirror_end_all(struct worker *worker);

#endif

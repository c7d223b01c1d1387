/* The addresses of a name, for whoever runs on a loop: the system's resolver blocks, so each lookup
 * has a thread of its own, and its result comes as a message to the loop.
 *
 * Nothing can interrupt the resolver. A lookup that is cancelled leaves its thread behind, which
 * touches nothing but its own memory and ends by itself, or with the process. */
#ifndef TIDEGATE_UPSTREAM_LOOKUP_H
#define TIDEGATE_UPSTREAM_LOOKUP_H

#include "io/loop.h"
#include "upstream/endpoint.h"

/* Threads of lookups in the process at a time, those left behind too: more are refused. */
#define LOOKUPS_MAX 64

struct lookup;

struct lookup_result {
    struct sock_address items[ENDPOINT_ADDRESSES_MAX];
    size_t count;       /* 0: see the error */
    struct error error; /* what went wrong and what to do, for a person */
};

/* NULL with the error: no thread can be started. Otherwise on_done is called, once, from the loop;
 * the lookup is freed behind it. The name is copied. */
struct lookup *lookup_start(struct loop *loop, const char *host, uint16_t port, void *owner,
                            void (*on_done)(void *owner, const struct lookup_result *result),
                            struct error *error) MUST_CHECK;
/* on_done is not called any more. The loop must make a turn before it ends. Not after on_done;
 * NULL is allowed. */
void lookup_cancel(struct lookup *lookup);

#endif

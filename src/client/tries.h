/* The servers that one request, or one tunnel, was tried on, and what came of each: for the log.
 * Embedded in whoever seeks a server. Nothing is kept of a request that goes well at once. */
#ifndef TIDEGATE_CLIENT_TRIES_H
#define TIDEGATE_CLIENT_TRIES_H

#include "base/arena.h"
#include "io/sock.h"

/* That are kept: the first ones, and the last. */
#define TRIES_KEPT 8

struct server_try {
    const char *server;  /* as it is told in logs */
    struct peer address; /* where has_address */
    bool has_address;
    const char *outcome; /* a reason of the log; static. NULL: it answered, with the status */
    unsigned status;
    uint64_t us;
};

struct tries {
    struct arena *arena; /* where they are kept */
    struct server_try *items;
    unsigned count; /* of those that are not kept, too */
};

/* How many of them are kept. */
static inline unsigned tries_kept(const struct tries *tries)
{
    return tries->count < TRIES_KEPT ? tries->count : TRIES_KEPT;
}

/* tries NULL: nobody asks. The server's text is copied. */
static inline void tries_add(struct tries *tries, const struct server_try *one)
{
    struct server_try *at;

    if (tries == NULL) {
        return;
    }
    if (tries->items == NULL) {
        tries->items = arena_calloc(tries->arena, TRIES_KEPT * sizeof(*tries->items));
    }
    at = &tries->items[tries->count < TRIES_KEPT ? tries->count : TRIES_KEPT - 1];
    *at = *one;
    at->server = arena_cstr(tries->arena, span_from_cstr(one->server));
    tries->count++;
}

#endif

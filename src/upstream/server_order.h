/* What people have ordered of a backend's servers while the gateway runs: to drain one, to leave it
 * alone, and to use it again. By the names of backend and server, so that an order outlives the
 * configuration in which it was given, and ends with the process.
 *
 * Counted; from any thread. Workers read it at each choice, and it is rarely written. */
#ifndef TIDEGATE_UPSTREAM_SERVER_ORDER_H
#define TIDEGATE_UPSTREAM_SERVER_ORDER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/check.h"
#include "base/list.h"

enum server_order_word {
    SERVER_ENABLED,
    SERVER_DRAINING, /* gets nothing new; what runs goes on */
    SERVER_DISABLED  /* the same, and it is not checked */
};

struct server_order {
    struct list node; /* the registry's */
    const char *backend;
    const char *server;
    unsigned uses;
    _Atomic int word; /* enum server_order_word */
};

/* The one of these names, or a new one, which is ENABLED. */
struct server_order *server_order_take(const char *backend, const char *server) MUST_CHECK;
/* One that was ordered anything but ENABLED stays. NULL is allowed. */
void server_order_release(struct server_order *order);

static inline enum server_order_word server_order_of(const struct server_order *order)
{
    return (enum server_order_word)atomic_load_explicit(&order->word, memory_order_relaxed);
}
/* "BACKEND/SERVER". False: no configuration has such a server. */
bool server_order_give(const char *name, enum server_order_word word) MUST_CHECK;
const char *server_order_text(enum server_order_word word);

#endif

/* What people have ordered of a backend's servers while the gateway runs: to drain one, to leave it
 * alone, to use it again, and another weight than the configuration's. By the names of backend and
 * server, so that an order outlives the configuration in which it was given; and the process, where
 * that gives them to the next one (server_orders_write).
 *
 * Counted; from any thread. Workers read it at each choice, and it is rarely written. */
#ifndef TIDEGATE_UPSTREAM_SERVER_ORDER_H
#define TIDEGATE_UPSTREAM_SERVER_ORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/list.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "settings/settings.h"

enum server_order_word {
    SERVER_ENABLED,
    SERVER_DRAINING, /* gets nothing new; what runs goes on */
    SERVER_DISABLED  /* the same, and it is not checked */
};

/* No weight is ordered: the configuration's counts. */
#define SERVER_WEIGHT_DEFAULT (-1)

struct server_order {
    struct list node;  /* the registry's */
    struct list alike; /* those whose names have the same hash */
    const char *backend;
    const char *server;
    unsigned uses;
    _Atomic int word; /* enum server_order_word */
    _Atomic int
        weight; /* 0 (it gets nothing new) to SERVER_WEIGHT_SAID_MAX, or SERVER_WEIGHT_DEFAULT */
};

/* The one of these names, or a new one, which is ENABLED and of the default weight. */
struct server_order *server_order_take(const char *backend, const char *server) MUST_CHECK;
/* One that was ordered anything but that stays. NULL is allowed. */
void server_order_release(struct server_order *order);

static inline enum server_order_word server_order_of(const struct server_order *order)
{
    return (enum server_order_word)atomic_load_explicit(&order->word, memory_order_relaxed);
}
static inline int server_order_weight(const struct server_order *order)
{
    return atomic_load_explicit(&order->weight, memory_order_relaxed);
}
/* Whether it may get anything new. */
static inline bool server_order_allows(const struct server_order *order)
{
    return server_order_of(order) == SERVER_ENABLED && server_order_weight(order) != 0;
}
/* Another number each time a weight has been ordered, of any server: whoever goes by weights looks
 * at them again. */
uint64_t server_order_weighings(void);

/* "BACKEND/SERVER". False: no configuration has such a server. */
bool server_order_weigh(const char *name, int weight) MUST_CHECK;
bool server_order_give(const char *name, enum server_order_word word) MUST_CHECK;
const char *server_order_text(enum server_order_word word);

/* All that is ordered, for another process: of each server four texts with a NUL behind them, the
 * word, the weight ("-1": the default one), the backend, the server. */
void server_orders_write(struct strbuf *out);
/* These, and no others: what is ordered besides is as if it had not been. What is no order is
 * passed over. */
void server_orders_read(struct span bytes);

#endif

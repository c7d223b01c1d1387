#include "upstream/server_order.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Of the process. Taken when configurations come and go, and when somebody orders something. */
static struct {
    pthread_mutex_t lock;
    struct list all; /* next NULL: nothing was ever in it */
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Atomic uint64_t weighings;

uint64_t server_order_weighings(void)
{
    return atomic_load_explicit(&weighings, memory_order_acquire);
}

const char *server_order_text(enum server_order_word word)
{
    static const char *const words[] = {"enabled", "draining", "disabled"};

    return words[word];
}

static struct server_order *find(const char *backend, const char *server)
{
    LIST_FOR_EACH(node, &registry.all)
    {
        struct server_order *order = LIST_ENTRY(node, struct server_order, node);
        if (strcmp(order->backend, backend) == 0 && strcmp(order->server, server) == 0) {
            return order;
        }
    }
    return NULL;
}

struct server_order *server_order_take(const char *backend, const char *server)
{
    struct server_order *order;

    (void)pthread_mutex_lock(&registry.lock);
    if (registry.all.next == NULL) {
        list_init(&registry.all);
    }
    order = find(backend, server);
    if (order == NULL) {
        order = xcalloc(1, sizeof(*order));
        order->backend = xstrdup(backend);
        order->server = xstrdup(server);
        atomic_init(&order->weight, SERVER_WEIGHT_DEFAULT);
        list_push_back(&registry.all, &order->node);
    }
    order->uses++;
    (void)pthread_mutex_unlock(&registry.lock);
    return order;
}

/* With the lock. */
static void end_if_unused(struct server_order *order)
{
    if (order->uses == 0 && server_order_of(order) == SERVER_ENABLED &&
        server_order_weight(order) == SERVER_WEIGHT_DEFAULT) {
        list_remove(&order->node);
        free((char *)(uintptr_t)order->backend);
        free((char *)(uintptr_t)order->server);
        free(order);
    }
}

void server_order_release(struct server_order *order)
{
    if (order == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&registry.lock);
    CHECK(order->uses > 0);
    order->uses--;
    end_if_unused(order);
    (void)pthread_mutex_unlock(&registry.lock);
}

/* "BACKEND/SERVER"; with the lock. */
static struct server_order *find_by_name(const char *name)
{
    const char *slash = strchr(name, '/');
    size_t len = slash != NULL ? (size_t)(slash - name) : 0;

    if (slash == NULL || registry.all.next == NULL) {
        return NULL;
    }
    LIST_FOR_EACH(node, &registry.all)
    {
        struct server_order *order = LIST_ENTRY(node, struct server_order, node);
        if (strlen(order->backend) == len && memcmp(order->backend, name, len) == 0 &&
            strcmp(order->server, slash + 1) == 0) {
            return order;
        }
    }
    return NULL;
}

bool server_order_give(const char *name, enum server_order_word word)
{
    struct server_order *order;

    (void)pthread_mutex_lock(&registry.lock);
    order = find_by_name(name);
    if (order != NULL) {
        atomic_store_explicit(&order->word, (int)word, memory_order_relaxed);
        end_if_unused(order);
    }
    (void)pthread_mutex_unlock(&registry.lock);
    return order != NULL;
}

bool server_order_weigh(const char *name, int weight)
{
    struct server_order *order;

    CHECK(weight >= SERVER_WEIGHT_DEFAULT && weight <= SERVER_WEIGHT_SAID_MAX);
    (void)pthread_mutex_lock(&registry.lock);
    order = find_by_name(name);
    if (order != NULL) {
        atomic_store_explicit(&order->weight, weight, memory_order_relaxed);
        atomic_fetch_add_explicit(&weighings, 1, memory_order_release);
        end_if_unused(order);
    }
    (void)pthread_mutex_unlock(&registry.lock);
    return order != NULL;
}

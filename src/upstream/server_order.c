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
        list_push_back(&registry.all, &order->node);
    }
    order->uses++;
    (void)pthread_mutex_unlock(&registry.lock);
    return order;
}

/* With the lock. */
static void end_if_unused(struct server_order *order)
{
    if (order->uses == 0 && server_order_of(order) == SERVER_ENABLED) {
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

bool server_order_give(const char *name, enum server_order_word word)
{
    const char *slash = strchr(name, '/');
    bool is_found = false;

    if (slash == NULL) {
        return false;
    }
    (void)pthread_mutex_lock(&registry.lock);
    for (struct list *node = registry.all.next; node != NULL && node != &registry.all;) {
        struct server_order *order = LIST_ENTRY(node, struct server_order, node);
        size_t len = (size_t)(slash - name);
        node = node->next;
        if (strlen(order->backend) == len && memcmp(order->backend, name, len) == 0 &&
            strcmp(order->server, slash + 1) == 0) {
            atomic_store_explicit(&order->word, (int)word, memory_order_relaxed);
            end_if_unused(order);
            is_found = true;
            break;
        }
    }
    (void)pthread_mutex_unlock(&registry.lock);
    return is_found;
}

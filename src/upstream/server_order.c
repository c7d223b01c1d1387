#include "upstream/server_order.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "upstream/server_changes.h"

#define BUCKETS 4096

/* Of the process. Taken when configurations come and go, and when somebody orders something. */
static struct {
    pthread_mutex_t lock;
    struct list all; /* in the order of coming; next NULL: nothing was ever in it */
    /* The same by their names: a configuration with 10,000 servers asks for each of them. */
    struct list buckets[BUCKETS];
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

/* All below with the lock. */

static struct list *bucket_of(struct span backend, struct span server)
{
    return &registry.buckets[(hash_text(backend) * 31 + hash_text(server)) % BUCKETS];
}

static struct server_order *find(struct span backend, struct span server)
{
    if (registry.all.next == NULL) {
        return NULL;
    }
    LIST_FOR_EACH(node, bucket_of(backend, server))
    {
        struct server_order *order = LIST_ENTRY(node, struct server_order, alike);
        if (span_eq_cstr(backend, order->backend) && span_eq_cstr(server, order->server)) {
            return order;
        }
    }
    return NULL;
}

static struct server_order *find_or_add(const char *backend, const char *server)
{
    struct server_order *order;

    if (registry.all.next == NULL) {
        list_init(&registry.all);
        for (size_t i = 0; i < BUCKETS; i++) {
            list_init(&registry.buckets[i]);
        }
    }
    order = find(span_from_cstr(backend), span_from_cstr(server));
    if (order == NULL) {
        order = xcalloc(1, sizeof(*order));
        order->backend = xstrdup(backend);
        order->server = xstrdup(server);
        atomic_init(&order->weight, SERVER_WEIGHT_DEFAULT);
        list_push_back(&registry.all, &order->node);
        list_push_back(bucket_of(span_from_cstr(backend), span_from_cstr(server)), &order->alike);
    }
    return order;
}

struct server_order *server_order_take(const char *backend, const char *server)
{
    struct server_order *order;

    (void)pthread_mutex_lock(&registry.lock);
    order = find_or_add(backend, server);
    order->uses++;
    (void)pthread_mutex_unlock(&registry.lock);
    return order;
}

static bool says_nothing(const struct server_order *order)
{
    return server_order_of(order) == SERVER_ENABLED &&
           server_order_weight(order) == SERVER_WEIGHT_DEFAULT;
}

/* With the lock. */
static void end_if_unused(struct server_order *order)
{
    if (order->uses == 0 && says_nothing(order)) {
        list_remove(&order->node);
        list_remove(&order->alike);
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

    return slash != NULL ? find(span_make(name, (size_t)(slash - name)), span_from_cstr(slash + 1))
                         : NULL;
}

bool server_order_give(const char *name, enum server_order_word word)
{
    struct server_order *order;

    (void)pthread_mutex_lock(&registry.lock);
    order = find_by_name(name);
    if (order != NULL) {
        atomic_store_explicit(&order->word, (int)word, memory_order_relaxed);
        server_changes_note();
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
        server_changes_note();
        end_if_unused(order);
    }
    (void)pthread_mutex_unlock(&registry.lock);
    return order != NULL;
}

/* ---- for another process ---- */

static void write_one(struct strbuf *out, const struct server_order *order)
{
    char weight[16];
    const char *const texts[] = {server_order_text(server_order_of(order)), weight, order->backend,
                                 order->server};

    (void)snprintf(weight, sizeof(weight), "%d", server_order_weight(order));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        strbuf_add(out, span_make(texts[i], strlen(texts[i]) + 1));
    }
}

void server_orders_write(struct strbuf *out)
{
    (void)pthread_mutex_lock(&registry.lock);
    for (struct list *node = registry.all.next; node != NULL && node != &registry.all;
         node = node->next) {
        const struct server_order *order = LIST_ENTRY(node, struct server_order, node);

        if (!says_nothing(order)) {
            write_one(out, order);
        }
    }
    (void)pthread_mutex_unlock(&registry.lock);
}

static void set(struct server_order *order, enum server_order_word word, int weight)
{
    atomic_store_explicit(&order->word, (int)word, memory_order_relaxed);
    atomic_store_explicit(&order->weight, weight, memory_order_relaxed);
    server_changes_note();
}

/* With the lock: nothing is ordered. */
static void reset_all(void)
{
    for (struct list *node = registry.all.next; node != NULL && node != &registry.all;) {
        struct server_order *order = LIST_ENTRY(node, struct server_order, node);

        node = node->next;
        set(order, SERVER_ENABLED, SERVER_WEIGHT_DEFAULT);
        end_if_unused(order);
    }
}

/* False: it is no weight. */
static bool read_weight(const char *text, int *weight)
{
    size_t len = strlen(text);

    if (strcmp(text, "-1") == 0) {
        *weight = SERVER_WEIGHT_DEFAULT;
        return true;
    }
    if (len == 0 || len > 4 || strspn(text, "0123456789") != len) {
        return false;
    }
    *weight = atoi(text);
    return *weight <= SERVER_WEIGHT_SAID_MAX;
}

static void read_one(const char *word, const char *said, const char *backend, const char *server)
{
    static const enum server_order_word words[] = {SERVER_ENABLED, SERVER_DRAINING,
                                                   SERVER_DISABLED};
    int weight = SERVER_WEIGHT_DEFAULT;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(word, server_order_text(words[i])) == 0 && read_weight(said, &weight)) {
            struct server_order *order = find_or_add(backend, server);

            set(order, words[i], weight);
            end_if_unused(order);
        }
    }
}

void server_orders_read(struct span bytes)
{
    (void)pthread_mutex_lock(&registry.lock);
    reset_all();
    for (;;) {
        const char *word = span_take_cstr(&bytes);
        const char *weight = span_take_cstr(&bytes);
        const char *backend = span_take_cstr(&bytes);
        const char *server = span_take_cstr(&bytes);

        if (server == NULL) {
            break;
        }
        read_one(word, weight, backend, server);
    }
    atomic_fetch_add_explicit(&weighings, 1, memory_order_release);
    (void)pthread_mutex_unlock(&registry.lock);
}

#include "upstream/pool.h"

#include <stdlib.h>

void pool_init(struct pool *pool)
{
    for (size_t i = 0; i < POOL_BUCKETS; i++) {
        list_init(&pool->entries[i]);
    }
}

static struct list *bucket_of(struct pool *pool, const struct endpoint *endpoint)
{
    return &pool->entries[((uintptr_t)endpoint / sizeof(*endpoint)) % POOL_BUCKETS];
}

static struct pool_terms terms_of(const struct backend *backend)
{
    return (struct pool_terms){
        .tls_owner = backend->tls != NULL ? backend->tls_owner : 0,
        .proxy_protocol = backend->proxy_protocol,
        .idle_connections = backend->idle_connections,
        .idle_timeout_ms = backend->idle_timeout_ms,
        .ping_timeout_ms = backend->ping_timeout_ms,
    };
}

static bool is_alike(const struct pool_terms *a, const struct pool_terms *b)
{
    return a->tls_owner == b->tls_owner && a->proxy_protocol == b->proxy_protocol &&
           a->idle_connections == b->idle_connections && a->idle_timeout_ms == b->idle_timeout_ms &&
           a->ping_timeout_ms == b->ping_timeout_ms;
}

static struct pool_entry *create(struct list *bucket, struct endpoint *endpoint,
                                 const struct pool_terms *terms)
{
    struct pool_entry *entry = xcalloc(1, sizeof(*entry));

    entry->endpoint = endpoint_hold(endpoint);
    entry->terms = *terms;
    list_init(&entry->idle);
    list_init(&entry->dials);
    list_init(&entry->shared);
    list_push_back(bucket, &entry->node);
    endpoint_join(endpoint, &entry->share);
    return entry;
}

struct pool_entry *pool_take(struct pool *pool, const struct backend *backend,
                             struct endpoint *endpoint)
{
    struct pool_terms terms = terms_of(backend);
    struct list *bucket = bucket_of(pool, endpoint);
    struct pool_entry *found = NULL;

    LIST_FOR_EACH(node, bucket)
    {
        struct pool_entry *entry = LIST_ENTRY(node, struct pool_entry, node);
        if (entry->endpoint == endpoint && is_alike(&entry->terms, &terms)) {
            found = entry;
            break;
        }
    }
    if (found == NULL) {
        found = create(bucket, endpoint, &terms);
    }
    found->uses++;
    found->present++;
    return found;
}

void pool_retire(struct pool_entry *entry)
{
    CHECK(entry->present > 0);
    entry->present--;
}

void pool_give_back(struct pool_entry *entry)
{
    CHECK(entry->uses > entry->present);
    if (--entry->uses != 0) {
        return;
    }
    CHECK(list_is_empty(&entry->idle) && list_is_empty(&entry->dials) &&
          list_is_empty(&entry->shared));
    list_remove(&entry->node);
    endpoint_leave(entry->endpoint, &entry->share);
    endpoint_release(entry->endpoint);
    free(entry);
}

bool pool_rest(struct pool_entry *entry)
{
    if (entry->present == 0 || entry->idle_count >= entry->terms.idle_connections) {
        return false;
    }
    entry->idle_count++;
    return true;
}

void pool_wake(struct pool_entry *entry)
{
    CHECK(entry->idle_count > 0);
    entry->idle_count--;
}

bool pool_park(struct pool_entry *entry, struct list *node)
{
    if (!pool_rest(entry)) {
        return false;
    }
    list_push_front(&entry->idle, node);
    return true;
}

struct list *pool_unpark(struct pool_entry *entry, bool (*fits)(struct list *node, const void *arg),
                         const void *arg)
{
    int looks = 0;

    LIST_FOR_EACH(node, &entry->idle)
    {
        if (++looks > POOL_LOOKS) {
            break;
        }
        if (fits(node, arg)) {
            pool_remove_parked(entry, node);
            return node;
        }
    }
    return NULL;
}

void pool_remove_parked(struct pool_entry *entry, struct list *node)
{
    list_remove(node);
    pool_wake(entry);
}

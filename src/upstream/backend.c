#include "upstream/backend.h"

#include <stdlib.h>
#include <string.h>

#include "tls/tls_context.h"

/* By people, of the servers by their names. */
static void take_orders(const struct backend *backend, struct server_set *servers)
{
    for (size_t i = 0; i < servers->count; i++) {
        servers->servers[i].order = server_order_take(backend->name, servers->servers[i].text);
    }
}

static struct tls_context *hold(struct tls_context *context)
{
    return context != NULL ? tls_context_hold(context) : NULL;
}

struct backend *backend_create(const struct backend *plan, struct server_set *servers)
{
    static _Atomic uint64_t last_serial;
    struct backend *backend = xcalloc(1, sizeof(*backend));

    memcpy(backend, plan, sizeof(*backend));
    backend->name = xstrdup(plan->name);
    backend->host = plan->host != NULL ? xstrdup(plan->host) : NULL;
    backend->tls = hold(plan->tls);
    backend->tls_h1 = hold(plan->tls_h1);
    backend->own_tls = xcalloc(plan->own_tls_count + 1, sizeof(*backend->own_tls));
    for (size_t i = 0; i < plan->own_tls_count; i++) {
        backend->own_tls[i].tls = hold(plan->own_tls[i].tls);
        backend->own_tls[i].tls_h1 = hold(plan->own_tls[i].tls_h1);
    }
    backend->serial = atomic_fetch_add(&last_serial, 1) + 1;
    /* In a range of its own. */
    backend->tls_owner = plan->tls_owner != 0 ? plan->tls_owner : backend->serial | 1ULL << 63;
    CHECK(pthread_mutex_init(&backend->lock, NULL) == 0);
    take_orders(backend, servers);
    atomic_init(&backend->servers, servers);
    atomic_init(&backend->is_bound_told, false);
    backend->queue = server_queue_create(plan->queue_size);
    backend->concurrency_plan = NULL;
    backend->concurrency = plan->concurrency_plan != NULL
                               ? concurrency_take(plan->name, plan->concurrency_plan)
                               : NULL;
    atomic_init(&backend->uses, 1);
    atomic_init(&backend->is_doubted, false);
    return backend;
}

const struct backend *backend_hold(const struct backend *backend)
{
    struct backend *held = (struct backend *)(uintptr_t)backend;

    (void)atomic_fetch_add_explicit(&held->uses, 1, memory_order_relaxed);
    return backend;
}

void backend_release(const struct backend *backend)
{
    struct backend *held = (struct backend *)(uintptr_t)backend;

    if (held == NULL || atomic_fetch_sub_explicit(&held->uses, 1, memory_order_acq_rel) != 1) {
        return;
    }
    tls_context_destroy(held->tls);
    tls_context_destroy(held->tls_h1);
    for (size_t i = 0; i < held->own_tls_count; i++) {
        tls_context_destroy(held->own_tls[i].tls);
        tls_context_destroy(held->own_tls[i].tls_h1);
    }
    free(held->own_tls);
    server_set_release(atomic_load_explicit(&held->servers, memory_order_relaxed));
    (void)pthread_mutex_destroy(&held->lock);
    server_queue_release(held->queue);
    concurrency_release(held->concurrency);
    free((char *)(uintptr_t)held->name);
    free((char *)(uintptr_t)held->host);
    free(held);
}

struct server_set *backend_servers(const struct backend *backend)
{
    struct backend *held = (struct backend *)(uintptr_t)backend;
    struct server_set *servers;

    (void)pthread_mutex_lock(&held->lock);
    servers = server_set_hold(atomic_load_explicit(&held->servers, memory_order_relaxed));
    (void)pthread_mutex_unlock(&held->lock);
    return servers;
}

void backend_publish(const struct backend *backend, struct server_set *servers)
{
    struct backend *held = (struct backend *)(uintptr_t)backend;
    struct server_set *old;

    take_orders(backend, servers);
    (void)pthread_mutex_lock(&held->lock);
    old = atomic_exchange_explicit(&held->servers, servers, memory_order_acq_rel);
    (void)pthread_mutex_unlock(&held->lock);
    server_set_release(old);
}

/* ---- doubts ---- */

static _Atomic(void *) hearer;
static _Atomic(void (*)(void *)) hear_doubt;

void backend_on_doubt(void (*hear)(void *arg), void *arg)
{
    atomic_store(&hear_doubt, NULL);
    atomic_store(&hearer, arg);
    atomic_store(&hear_doubt, hear);
}

void backend_doubt(const struct backend *backend)
{
    struct backend *doubted = (struct backend *)(uintptr_t)backend;
    void (*hear)(void *) = atomic_load_explicit(&hear_doubt, memory_order_acquire);

    if (hear != NULL && !atomic_exchange(&doubted->is_doubted, true)) {
        hear(atomic_load(&hearer));
    }
}

bool backend_take_doubt(const struct backend *backend)
{
    return atomic_exchange(&((struct backend *)(uintptr_t)backend)->is_doubted, false);
}

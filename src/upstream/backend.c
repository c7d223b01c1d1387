#include "upstream/backend.h"

#include <stdlib.h>
#include <string.h>

#include "tls/tls_context.h"

struct backend *backend_create(const struct backend *plan)
{
    static _Atomic uint64_t last_serial;
    struct backend *backend = xcalloc(1, sizeof(*backend));

    memcpy(backend, plan, sizeof(*backend));
    backend->name = xstrdup(plan->name);
    backend->tls = plan->tls != NULL ? tls_context_hold(plan->tls) : NULL;
    backend->tls_h1 = plan->tls_h1 != NULL ? tls_context_hold(plan->tls_h1) : NULL;
    backend->serial = atomic_fetch_add(&last_serial, 1) + 1;
    backend->servers = xcalloc(plan->server_count, sizeof(*backend->servers));
    for (size_t i = 0; i < plan->server_count; i++) {
        backend->servers[i] = plan->servers[i];
        backend->servers[i].text = xstrdup(plan->servers[i].text);
    }
    atomic_init(&backend->is_bound_told, false);
    atomic_init(&backend->uses, 1);
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
    for (size_t i = 0; i < held->server_count; i++) {
        endpoint_release(held->servers[i].endpoint);
        free((char *)(uintptr_t)held->servers[i].text);
    }
    tls_context_destroy(held->tls);
    tls_context_destroy(held->tls_h1);
    free(held->servers);
    free((char *)(uintptr_t)held->name);
    free(held);
}

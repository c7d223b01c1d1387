#include "gateway/resolver.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

/* Between two attempts to resolve the names that could not be. */
#define RESOLVE_AGAIN_S 2

struct resolver {
    struct snapshot *snapshot;
    pthread_t thread;
    bool is_over;         /* the thread's own: it has seen is_stopping */
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool is_stopping;
    bool is_looking_up;
};

/* The one whose thread was left behind: it will look at it once more. */
static struct resolver *left_behind;

static bool begin_lookup(struct resolver *resolver, const struct server *server,
                         struct server *lookup)
{
    (void)pthread_mutex_lock(&resolver->lock);
    bool goes_on = !resolver->is_stopping;
    if (goes_on) {
        *lookup = (struct server){.host = xstrdup(server->host), .port = server->port};
        resolver->is_looking_up = true;
    }
    (void)pthread_mutex_unlock(&resolver->lock);
    return goes_on;
}

static void use_lookup(const struct backend *backend, struct server *server,
                       const struct server *lookup, const struct error *error, bool first_time)
{
    const struct server_addresses *found = atomic_load(&lookup->addresses);

    if (found != NULL) {
        server_publish(server, found->items, found->count);
        if (!first_time) {
            log_info("backend %s: %s is resolved now", backend->name, server->host);
        }
    } else if (first_time) {
        log_error("backend %s: %s; trying again every %d s", backend->name, error->text,
                  RESOLVE_AGAIN_S);
    }
}

/* On a copy of the server, since nothing of the snapshot may be touched once is_over: the lookup
 * may have taken longer than the gateway lived. True: it has an address now. */
static bool resolve(struct resolver *resolver, const struct backend *backend, struct server *server,
                    bool first_time)
{
    struct server lookup;
    struct error error;

    if (!begin_lookup(resolver, server, &lookup)) {
        resolver->is_over = true;
        return false;
    }
    bool is_resolved = server_resolve(&lookup, &error);
    (void)pthread_mutex_lock(&resolver->lock);
    resolver->is_looking_up = false;
    resolver->is_over = resolver->is_stopping;
    if (!resolver->is_over) {
        use_lookup(backend, server, &lookup, &error, first_time);
    }
    (void)pthread_mutex_unlock(&resolver->lock);
    server_free_addresses(&lookup);
    free((char *)(uintptr_t)lookup.host);
    return is_resolved;
}

static bool resolve_all(struct resolver *resolver, bool first_time)
{
    bool are_resolved = true;

    for (size_t b = 0; !resolver->is_over && b < resolver->snapshot->backend_count; b++) {
        struct backend *backend = &resolver->snapshot->backends[b];
        for (size_t s = 0; !resolver->is_over && s < backend->server_count; s++) {
            struct server *server = &backend->servers[s];
            if (server->host != NULL && atomic_load(&server->addresses) == NULL) {
                are_resolved &= resolve(resolver, backend, server, first_time);
            }
        }
    }
    return are_resolved;
}

/* False: it stops. */
static bool rest(struct resolver *resolver)
{
    uint64_t until_us = clock_us() + RESOLVE_AGAIN_S * 1000000ull;

    (void)pthread_mutex_lock(&resolver->lock);
    while (!resolver->is_stopping &&
           condition_wait_until(&resolver->wake, &resolver->lock, until_us)) {
    }
    bool goes_on = !resolver->is_stopping;
    (void)pthread_mutex_unlock(&resolver->lock);
    return goes_on;
}

static void *run(void *arg)
{
    struct resolver *resolver = arg;
    bool first_time = true;

    while (!resolve_all(resolver, first_time) && rest(resolver)) {
        first_time = false;
    }
    return NULL;
}

static bool has_names(const struct snapshot *snapshot)
{
    for (size_t b = 0; b < snapshot->backend_count; b++) {
        for (size_t s = 0; s < snapshot->backends[b].server_count; s++) {
            if (snapshot->backends[b].servers[s].host != NULL) {
                return true;
            }
        }
    }
    return false;
}

static void destroy(struct resolver *resolver)
{
    (void)pthread_cond_destroy(&resolver->wake);
    (void)pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

struct resolver *resolver_start(struct snapshot *snapshot)
{
    struct resolver *resolver;

    if (!has_names(snapshot)) {
        return NULL;
    }
    resolver = xcalloc(1, sizeof(*resolver));
    resolver->snapshot = snapshot;
    CHECK(pthread_mutex_init(&resolver->lock, NULL) == 0);
    condition_init(&resolver->wake);
    int number = thread_start(&resolver->thread, "resolver", run, resolver);
    if (number != 0) {
        log_error("the names of servers are not resolved: cannot start a thread: %s",
                  strerror(number));
        destroy(resolver);
        return NULL;
    }
    return resolver;
}

void resolver_stop(struct resolver *resolver)
{
    if (resolver == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&resolver->lock);
    resolver->is_stopping = true;
    bool is_looking_up = resolver->is_looking_up;
    (void)pthread_cond_signal(&resolver->wake);
    (void)pthread_mutex_unlock(&resolver->lock);
    if (is_looking_up) {
        (void)pthread_detach(resolver->thread);
        left_behind = resolver;
        return;
    }
    thread_join(resolver->thread);
    destroy(resolver);
}

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
    struct resolver *next; /* among those left behind */
    struct snapshot *snapshot;
    pthread_t thread;
    bool is_over;         /* the thread's own: it has seen is_stopping */
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool is_stopping;
    bool is_looking_up;
    bool has_looked; /* once at each name */
};

/* Those whose threads were left behind: they will look at them once more. */
static struct resolver *volatile left_behind;

/* False: it stops. */
static bool begin_lookup(struct resolver *resolver)
{
    (void)pthread_mutex_lock(&resolver->lock);
    bool goes_on = !resolver->is_stopping;
    resolver->is_looking_up = goes_on;
    (void)pthread_mutex_unlock(&resolver->lock);
    return goes_on;
}

/* `failure` NULL: its addresses have been published. */
static void tell(const struct backend *backend, const char *host, const struct error *failure,
                 bool first_time)
{
    if (failure == NULL && !first_time) {
        log_info("backend %s: %s is resolved now", backend->name, host);
    } else if (failure != NULL && first_time) {
        log_error("backend %s: %s; trying again every %d s", backend->name, failure->text,
                  RESOLVE_AGAIN_S);
    }
}

/* With a copy of the name, since nothing of the snapshot may be touched once is_over: the lookup
 * may have taken longer than the gateway lived. True: the server has an address now. */
static bool resolve(struct resolver *resolver, const struct backend *backend,
                    struct endpoint *endpoint, bool first_time)
{
    struct sock_address items[ENDPOINT_ADDRESSES_MAX];
    size_t count;
    struct error error;
    uint16_t port = endpoint->key.port;
    char *host = xstrdup(endpoint->key.host);
    bool is_resolved = false;

    resolver->is_over = !begin_lookup(resolver);
    if (!resolver->is_over) {
        is_resolved = endpoint_resolve(host, port, items, &count, &error);
        (void)pthread_mutex_lock(&resolver->lock);
        resolver->is_looking_up = false;
        resolver->is_over = resolver->is_stopping;
        if (!resolver->is_over && is_resolved) {
            endpoint_publish(endpoint, items, count);
        }
        if (!resolver->is_over) {
            tell(backend, host, is_resolved ? NULL : &error, first_time);
        }
        (void)pthread_mutex_unlock(&resolver->lock);
    }
    free(host);
    return is_resolved;
}

static bool resolve_all(struct resolver *resolver, bool first_time)
{
    bool are_resolved = true;

    for (size_t b = 0; !resolver->is_over && b < resolver->snapshot->backend_count; b++) {
        const struct backend *backend = resolver->snapshot->backends[b];
        struct server_set *set = backend_servers(backend);
        for (size_t s = 0; !resolver->is_over && s < set->count; s++) {
            struct endpoint *endpoint = set->servers[s].endpoint;
            if (endpoint->is_named && !endpoint_has_addresses(endpoint)) {
                are_resolved &= resolve(resolver, backend, endpoint, first_time);
            }
        }
        server_set_release(set);
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

static void say_looked(struct resolver *resolver)
{
    (void)pthread_mutex_lock(&resolver->lock);
    resolver->has_looked = true;
    (void)pthread_cond_broadcast(&resolver->wake);
    (void)pthread_mutex_unlock(&resolver->lock);
}

static void *run(void *arg)
{
    struct resolver *resolver = arg;
    bool are_resolved = resolve_all(resolver, true);

    say_looked(resolver);
    while (!are_resolved && rest(resolver)) {
        are_resolved = resolve_all(resolver, false);
    }
    return NULL;
}

static void wait_for_first_look(struct resolver *resolver, uint64_t limit_ms)
{
    uint64_t until_us = clock_us() + limit_ms * 1000;

    (void)pthread_mutex_lock(&resolver->lock);
    while (!resolver->has_looked &&
           condition_wait_until(&resolver->wake, &resolver->lock, until_us)) {
    }
    if (!resolver->has_looked) {
        log_warn("not all names of servers could be looked up within %llu ms: see whether this "
                 "machine's name server answers; what needs those servers gets 503 until then",
                 (unsigned long long)limit_ms);
    }
    (void)pthread_mutex_unlock(&resolver->lock);
}

static bool has_names(const struct snapshot *snapshot)
{
    for (size_t b = 0; b < snapshot->backend_count; b++) {
        struct server_set *set = backend_servers(snapshot->backends[b]);
        bool is_any = false;
        for (size_t s = 0; s < set->count; s++) {
            is_any |= set->servers[s].endpoint->is_named;
        }
        server_set_release(set);
        if (is_any) {
            return true;
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

struct resolver *resolver_start_within(struct snapshot *snapshot, uint64_t limit_ms)
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
    wait_for_first_look(resolver, limit_ms);
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
        resolver->next = left_behind;
        left_behind = resolver;
        return;
    }
    thread_join(resolver->thread);
    destroy(resolver);
}

#include "certs/ocsp_fetcher.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "certs/networks.h"
#include "client/fetch.h"
#include "client/fetch_thread.h"
#include "tls/ocsp_check.h"
#include "tls/ocsp_registry.h"

/* The clock that responses count by may be set; it is looked at anew after so long at the latest.
 */
#define LOOK_AGAIN_MS 60000

struct job {
    struct ocsp_fetcher *fetcher;
    struct fetch *fetch; /* NULL: free */
    struct ocsp_fetch what;
};

struct ocsp_fetcher {
    struct ocsp_registry *registry;

    pthread_mutex_t lock; /* of these; taken before the registry's, never after */
    uint64_t timeout_ms;
    struct network_list allowed;

    struct fetch_thread_terms terms;
    struct fetch_thread thread;
    struct job jobs[OCSP_FETCHES_MAX];
};

static void look(void *arg);

/* ---- one fetch ---- */

static bool may_ask(const void *arg, const struct peer *peer)
{
    struct ocsp_fetcher *fetcher = (struct ocsp_fetcher *)(uintptr_t)arg;
    bool is_allowed;

    (void)pthread_mutex_lock(&fetcher->lock);
    is_allowed = networks_have(&fetcher->allowed, peer);
    (void)pthread_mutex_unlock(&fetcher->lock);
    return is_allowed || peer_is_public(peer);
}

/* False: the error says what happened and what to do. */
static bool is_good(const struct fetch_result *result, struct error *error)
{
    switch (result->how) {
    case FETCH_DONE:
        break;
    case FETCH_FORBIDDEN:
        return error_set(error,
                         "%s, which is no public address, and a certificate may name any: if there "
                         "is an OCSP responder, add its network to ocsp_networks",
                         result->problem);
    case FETCH_TIMEOUT:
        return error_set(error, "%s (timeouts.ocsp): see whether this machine may connect to it",
                         result->problem);
    case FETCH_TOO_LARGE:
        return error_set(error,
                         "what it sends is larger than an OCSP response can be (64 KiB): look "
                         "whether a proxy or a login page answers in its place");
    case FETCH_FAILED:
        return error_set(error, "%s", result->problem);
    }
    if (result->status == 200) {
        return true;
    }
    return error_set(error, "it answered with status %u%s", result->status,
                     result->status / 100 == 3
                         ? ", and redirects are not followed: ask the authority"
                         : ": if that lasts, ask the authority");
}

static void on_done(void *owner, const struct fetch_result *result)
{
    struct job *job = owner;
    struct error error = {""};
    struct span bytes = is_good(result, &error) ? result->body : (struct span){NULL, 0};

    job->fetch = NULL;
    ocsp_registry_done(job->fetcher->registry, &job->what, bytes, error.text, clock_wall_ms());
    look(job->fetcher);
}

static void start(struct job *job)
{
    static const struct fetch_field fields[] = {
        {"Content-Type", SPAN("application/ocsp-request")},
        {"Accept", SPAN("application/ocsp-response")},
    };
    struct ocsp_fetcher *fetcher = job->fetcher;
    uint64_t timeout_ms;

    (void)pthread_mutex_lock(&fetcher->lock);
    timeout_ms = fetcher->timeout_ms;
    (void)pthread_mutex_unlock(&fetcher->lock);
    job->fetch = fetch_start(&fetcher->thread.client,
                             &(struct fetch_ask){.url = job->what.url,
                                                 .method = HTTP_POST,
                                                 .body = job->what.request,
                                                 .fields = fields,
                                                 .field_count = ARRAY_LEN(fields),
                                                 .timeout_ms = timeout_ms,
                                                 .body_max = OCSP_RESPONSE_MAX,
                                                 .may_ask = may_ask,
                                                 .may_ask_arg = fetcher},
                             job, on_done);
}

/* ---- the thread ---- */

static struct job *free_job(struct ocsp_fetcher *fetcher)
{
    for (size_t i = 0; i < OCSP_FETCHES_MAX; i++) {
        if (fetcher->jobs[i].fetch == NULL) {
            return &fetcher->jobs[i];
        }
    }
    return NULL;
}

/* Starts what is due, and looks again when more is. */
static void look(void *arg)
{
    struct ocsp_fetcher *fetcher = arg;
    int64_t wait_ms = LOOK_AGAIN_MS;
    struct job *job;

    while ((job = free_job(fetcher)) != NULL &&
           ocsp_registry_next(fetcher->registry, clock_wall_ms(), &job->what, &wait_ms)) {
        start(job);
    }
    fetch_thread_look_in(&fetcher->thread,
                         (uint64_t)(wait_ms < LOOK_AGAIN_MS ? wait_ms : LOOK_AGAIN_MS));
}

static void cut_off(void *arg)
{
    struct ocsp_fetcher *fetcher = arg;

    for (size_t i = 0; i < OCSP_FETCHES_MAX; i++) {
        fetch_cancel(fetcher->jobs[i].fetch);
    }
}

/* ---- start and stop ---- */

/* By whichever thread has loaded a certificate. */
static void poke(void *arg)
{
    struct ocsp_fetcher *fetcher = arg;

    (void)fetch_thread_poke(&fetcher->thread);
}

void ocsp_fetcher_set(struct ocsp_fetcher *fetcher, uint64_t timeout_ms,
                      const struct network_list *allowed)
{
    size_t bytes = allowed->count * sizeof(*allowed->items);

    (void)pthread_mutex_lock(&fetcher->lock);
    free(fetcher->allowed.items);
    fetcher->allowed = (struct network_list){xmalloc(bytes + 1), allowed->count};
    if (bytes != 0) {
        memcpy(fetcher->allowed.items, allowed->items, bytes);
    }
    fetcher->timeout_ms = timeout_ms;
    (void)pthread_mutex_unlock(&fetcher->lock);
}

struct ocsp_fetcher *ocsp_fetcher_start(struct ocsp_registry *registry, uint64_t timeout_ms,
                                        const struct network_list *allowed)
{
    struct ocsp_fetcher *fetcher = xcalloc(1, sizeof(*fetcher));

    fetcher->registry = ocsp_registry_hold(registry);
    for (size_t i = 0; i < OCSP_FETCHES_MAX; i++) {
        fetcher->jobs[i].fetcher = fetcher;
    }
    CHECK(pthread_mutex_init(&fetcher->lock, NULL) == 0);
    ocsp_fetcher_set(fetcher, timeout_ms, allowed);
    fetcher->terms = (struct fetch_thread_terms){.name = "ocsp",
                                                 .fetched = "OCSP responses",
                                                 .send_ms = timeout_ms,
                                                 .look = look,
                                                 .end = cut_off,
                                                 .owner = fetcher};
    fetch_thread_init(&fetcher->thread, &fetcher->terms);
    if (ocsp_registry_watch(registry, poke, fetcher)) {
        poke(fetcher);
    }
    return fetcher;
}

void ocsp_fetcher_stop(struct ocsp_fetcher *fetcher)
{
    if (fetcher == NULL) {
        return;
    }
    (void)ocsp_registry_watch(fetcher->registry, NULL, NULL);
    fetch_thread_free(&fetcher->thread);
    ocsp_registry_release(fetcher->registry);
    (void)pthread_mutex_destroy(&fetcher->lock);
    free(fetcher->allowed.items);
    free(fetcher);
}

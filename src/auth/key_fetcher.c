#include "auth/key_fetcher.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/key_source.h"
#include "base/log.h"
#include "base/thread.h"
#include "cache/cache_control.h"
#include "client/fetch.h"
#include "tls/tls_context.h"

#define FETCHES_MAX 8
/* Of a response's head. */
#define HEAD_MAX (16 * 1024)
#define FIELDS_MAX 100

struct job {
    struct key_fetcher *fetcher;
    struct key_source *source; /* NULL: free */
    struct fetch *fetch;
    struct tls_context *tls; /* of this one or, as it has to outlive it, of the one before */
};

struct key_fetcher {
    pthread_mutex_t lock; /* of these */
    pthread_t thread;
    bool has_thread;
    bool is_poked;
    struct loop_message poke;

    /* The thread's own from its start to its end. */
    struct core core;
    struct client client;
    struct timer timer; /* until one is due */
    struct job jobs[FETCHES_MAX];
};

static void look(struct key_fetcher *fetcher);

/* ---- one fetch ---- */

static void end_job(struct job *job, struct span text, const char *problem, int64_t max_age_s)
{
    struct key_source *source = job->source;

    job->source = NULL;
    job->fetch = NULL;
    key_source_done(source, text, problem, max_age_s);
}

static void on_done(void *owner, const struct fetch_result *result)
{
    struct job *job = owner;
    struct key_fetcher *fetcher = job->fetcher;
    struct span none = {NULL, 0};
    struct cache_control control;
    struct error problem;

    if (result->how != FETCH_DONE) {
        end_job(job, none, result->problem, -1);
    } else if (result->status != 200) {
        (void)error_set(&problem, "it answered with status %u%s", result->status,
                        result->status / 100 == 3 ? ", and redirects are not followed" : "");
        end_job(job, none, problem.text, -1);
    } else {
        cache_control_read(result->fields, SPAN_OF("Cache-Control"), &control);
        end_job(job, result->body, NULL,
                control.no_store || control.no_cache ? 0 : control.max_age_s);
    }
    look(fetcher);
}

/* False: it has ended. */
static bool start(struct job *job, const struct key_fetch *what)
{
    static const struct fetch_field fields[] = {
        {"Accept", SPAN("application/jwk-set+json, application/json")},
    };
    const struct tls_client_options options = {.ca = what->ca, .protocols = TLS_H1_ONLY};
    struct error error;

    job->source = what->source;
    tls_context_destroy(job->tls);
    job->tls = what->url.is_https ? tls_client_context_create(&options, &error) : NULL;
    if (what->url.is_https && job->tls == NULL) {
        end_job(job, span_make(NULL, 0), error.text, -1);
        return false;
    }
    job->fetch = fetch_start(&job->fetcher->client,
                             &(struct fetch_ask){.url = what->url,
                                                 .method = HTTP_GET,
                                                 .fields = fields,
                                                 .field_count = ARRAY_LEN(fields),
                                                 .timeout_ms = what->timeout_ms,
                                                 .body_max = JWK_SET_BYTES_MAX,
                                                 .tls = job->tls},
                             job, on_done);
    return true;
}

/* ---- the thread ---- */

static struct job *free_job(struct key_fetcher *fetcher)
{
    for (size_t i = 0; i < FETCHES_MAX; i++) {
        if (fetcher->jobs[i].source == NULL) {
            return &fetcher->jobs[i];
        }
    }
    return NULL;
}

static void look(struct key_fetcher *fetcher)
{
    uint64_t wait_us = UINT64_MAX;
    struct key_fetch what;
    struct job *job;

    while ((job = free_job(fetcher)) != NULL && key_source_next(&what, &wait_us)) {
        (void)start(job, &what);
    }
    if (job != NULL && wait_us != UINT64_MAX) {
        timer_set_ms(fetcher->core.loop, &fetcher->timer, wait_us / 1000 + 1);
    }
}

static void on_timer(struct timer *timer)
{
    look(CONTAINER_OF(timer, struct key_fetcher, timer));
}

static void on_poke(struct loop_message *message)
{
    struct key_fetcher *fetcher = CONTAINER_OF(message, struct key_fetcher, poke);

    (void)pthread_mutex_lock(&fetcher->lock);
    fetcher->is_poked = false;
    (void)pthread_mutex_unlock(&fetcher->lock);
    look(fetcher);
}

static void *run(void *arg)
{
    struct key_fetcher *fetcher = arg;

    loop_run(fetcher->core.loop);
    for (size_t i = 0; i < FETCHES_MAX; i++) {
        struct job *job = &fetcher->jobs[i];
        if (job->source != NULL) {
            fetch_cancel(job->fetch);
            end_job(job, span_make(NULL, 0), "the gateway ends", -1);
        }
    }
    timer_destroy(fetcher->core.loop, &fetcher->timer);
    client_close_all(&fetcher->client);
    loop_run_deferred(fetcher->core.loop);
    (void)loop_turn(fetcher->core.loop); /* results of lookups that are on their way */
    client_free(&fetcher->client, NULL, 0);
    for (size_t i = 0; i < FETCHES_MAX; i++) {
        tls_context_destroy(fetcher->jobs[i].tls);
    }
    return NULL;
}

/* With the lock. */
static bool start_thread(struct key_fetcher *fetcher)
{
    const struct client_settings settings = {
        .h1 = {.head_bytes = HEAD_MAX, .target_bytes = URL_MAX, .fields = FIELDS_MAX},
        .request_head = HEAD_MAX,
        .send_ms = 10000, /* each fetch has an end of its own */
    };
    int number;

    if (!core_init(&fetcher->core, 0)) {
        log_error("no keys of issuers are fetched for now: %s; raise the limit of open files",
                  strerror(errno));
        return false;
    }
    fetcher->client = (struct client){.core = &fetcher->core, .settings = settings};
    client_init(&fetcher->client, NULL, 0);
    timer_init(&fetcher->timer, on_timer);
    number = thread_start(&fetcher->thread, "keys", run, fetcher);
    if (number != 0) {
        log_error("no keys of issuers are fetched for now: cannot start a thread: %s",
                  strerror(number));
        client_free(&fetcher->client, NULL, 0);
        core_destroy(&fetcher->core);
    }
    return number == 0;
}

/* ---- start and stop ---- */

/* By whichever thread has opened a source, or has a request that waits. */
static bool poke(void *arg)
{
    struct key_fetcher *fetcher = arg;
    bool has_thread;

    (void)pthread_mutex_lock(&fetcher->lock);
    if (!fetcher->has_thread) {
        fetcher->has_thread = start_thread(fetcher);
    }
    if (fetcher->has_thread && !fetcher->is_poked) {
        fetcher->is_poked = true;
        loop_post(fetcher->core.loop, &fetcher->poke);
    }
    has_thread = fetcher->has_thread;
    (void)pthread_mutex_unlock(&fetcher->lock);
    return has_thread;
}

struct key_fetcher *key_fetcher_start(void)
{
    struct key_fetcher *fetcher = xcalloc(1, sizeof(*fetcher));

    fetcher->poke.fn = on_poke;
    for (size_t i = 0; i < FETCHES_MAX; i++) {
        fetcher->jobs[i].fetcher = fetcher;
    }
    CHECK(pthread_mutex_init(&fetcher->lock, NULL) == 0);
    key_source_watch(poke, fetcher);
    return fetcher;
}

void key_fetcher_stop(struct key_fetcher *fetcher)
{
    if (fetcher == NULL) {
        return;
    }
    key_source_watch(NULL, NULL);
    if (fetcher->has_thread) {
        loop_stop(fetcher->core.loop);
        thread_join(fetcher->thread);
        core_destroy(&fetcher->core);
    }
    (void)pthread_mutex_destroy(&fetcher->lock);
    free(fetcher);
}

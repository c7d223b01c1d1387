#include "auth/key_fetcher.h"

#include <stdlib.h>

#include "auth/fetched.h"
#include "cache/cache_control.h"
#include "client/fetch.h"
#include "client/fetch_thread.h"
#include "tls/tls_context.h"

#define FETCHES_MAX 8

struct job {
    struct key_fetcher *fetcher;
    struct fetched *source; /* NULL: free */
    struct fetch *fetch;
    struct tls_context *tls; /* of this one or, as it has to outlive it, of the one before */
};

struct key_fetcher {
    struct fetch_thread_terms terms;
    struct fetch_thread thread;
    struct job jobs[FETCHES_MAX];
};

static void look(void *arg);

/* ---- one fetch ---- */

static void end_job(struct job *job, struct span text, const char *problem, int64_t max_age_s)
{
    struct fetched *source = job->source;

    job->source = NULL;
    job->fetch = NULL;
    fetched_done(source, text, problem, max_age_s);
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
static bool start(struct job *job, const struct fetched_job *what)
{
    const struct fetch_field fields[] = {{"Accept", span_from_cstr(what->type->accept)}};
    const struct tls_client_options options = {.ca = what->ca, .protocols = TLS_H1_ONLY};
    struct error error;

    job->source = what->source;
    tls_context_destroy(job->tls);
    job->tls = what->url.is_https ? tls_client_context_create(&options, &error) : NULL;
    if (what->url.is_https && job->tls == NULL) {
        end_job(job, span_make(NULL, 0), error.text, -1);
        return false;
    }
    job->fetch = fetch_start(&job->fetcher->thread.client,
                             &(struct fetch_ask){.url = what->url,
                                                 .method = HTTP_GET,
                                                 .fields = fields,
                                                 .field_count = ARRAY_LEN(fields),
                                                 .timeout_ms = what->timeout_ms,
                                                 .body_max = what->type->bytes_max,
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

static void look(void *arg)
{
    struct key_fetcher *fetcher = arg;
    uint64_t wait_us = UINT64_MAX;
    struct fetched_job what;
    struct job *job;

    while ((job = free_job(fetcher)) != NULL && fetched_next(&what, &wait_us)) {
        (void)start(job, &what);
    }
    if (job != NULL && wait_us != UINT64_MAX) {
        fetch_thread_look_in(&fetcher->thread, wait_us / 1000 + 1);
    }
}

static void cut_off(void *arg)
{
    struct key_fetcher *fetcher = arg;

    for (size_t i = 0; i < FETCHES_MAX; i++) {
        struct job *job = &fetcher->jobs[i];
        if (job->source != NULL) {
            fetch_cancel(job->fetch);
            end_job(job, span_make(NULL, 0), "the gateway ends", -1);
        }
    }
}

/* ---- start and stop ---- */

/* By whichever thread has opened a source, or has a request that waits. */
static bool poke(void *arg)
{
    struct key_fetcher *fetcher = arg;

    return fetch_thread_poke(&fetcher->thread);
}

struct key_fetcher *key_fetcher_start(void)
{
    struct key_fetcher *fetcher = xcalloc(1, sizeof(*fetcher));

    for (size_t i = 0; i < FETCHES_MAX; i++) {
        fetcher->jobs[i].fetcher = fetcher;
    }
    fetcher->terms = (struct fetch_thread_terms){.name = "keys",
                                                 .fetched = "documents of issuers",
                                                 .send_ms = 10000,
                                                 .look = look,
                                                 .end = cut_off,
                                                 .owner = fetcher};
    fetch_thread_init(&fetcher->thread, &fetcher->terms);
    fetched_watch(poke, fetcher);
    return fetcher;
}

void key_fetcher_stop(struct key_fetcher *fetcher)
{
    if (fetcher == NULL) {
        return;
    }
    fetched_watch(NULL, NULL);
    fetch_thread_free(&fetcher->thread);
    for (size_t i = 0; i < FETCHES_MAX; i++) {
        tls_context_destroy(fetcher->jobs[i].tls);
    }
    free(fetcher);
}

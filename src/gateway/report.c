#include "gateway/report.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "tls/ocsp_registry.h"

struct ask {
    struct loop_message message;
    struct reporter *reporter;
    struct worker *worker;
    bool is_pending; /* posted, and not answered yet */
    bool is_of_this; /* its answer belongs to the present report */
};

struct reporter {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct snapshot *snapshot;
    struct ask *asks;
    unsigned count;
    struct report report;
};

static void add_backend(struct report_backend *out, const struct upstream *upstream, uint64_t now)
{
    out->leases += upstream->leases;
    for (size_t i = 0; i < out->server_count; i++) {
        out->servers[i].idle += upstream->entries[i]->idle_count;
        out->servers[i].down_at += !health_is_choice(&upstream->entries[i]->endpoint->health, now);
    }
}

/* On the worker's own thread. */
static void on_ask(struct loop_message *message)
{
    struct ask *ask = CONTAINER_OF(message, struct ask, message);
    struct reporter *reporter = ask->reporter;
    const struct worker *worker = ask->worker;

    (void)pthread_mutex_lock(&reporter->lock);
    if (ask->is_of_this) {
        struct report *report = &reporter->report;
        report->sessions += worker->session_count;
        report->exchanges += worker->exchange_count;
        for (size_t i = 0; i < report->backend_count; i++) {
            add_backend(&report->backends[i],
                        upstreams_find(&worker->client.upstreams, worker->snapshot->backends[i]),
                        loop_now_us(worker->core.loop));
        }
    }
    ask->is_pending = false;
    (void)pthread_cond_signal(&reporter->answered);
    (void)pthread_mutex_unlock(&reporter->lock);
}

static void clear(struct reporter *reporter)
{
    struct report *report = &reporter->report;

    report->workers = reporter->count;
    report->silent = 0;
    report->sessions = report->exchanges = 0;
    for (size_t b = 0; b < report->backend_count; b++) {
        struct report_backend *backend = &report->backends[b];
        backend->leases = 0;
        for (size_t i = 0; i < backend->server_count; i++) {
            struct server *server = &reporter->snapshot->backends[b]->servers[i];
            backend->servers[i].idle = 0;
            backend->servers[i].down_at = 0;
            backend->servers[i].has_addresses = endpoint_has_addresses(server->endpoint);
        }
    }
}

struct reporter *reporter_create(struct snapshot *snapshot, struct worker **workers, unsigned count)
{
    struct reporter *reporter = xcalloc(1, sizeof(*reporter));
    struct report *report = &reporter->report;

    (void)pthread_mutex_init(&reporter->lock, NULL);
    condition_init(&reporter->answered);
    reporter->snapshot = snapshot;
    reporter->count = count;
    reporter->asks = xcalloc(count, sizeof(*reporter->asks));
    for (unsigned i = 0; i < count; i++) {
        reporter->asks[i] =
            (struct ask){.message = {.fn = on_ask}, .reporter = reporter, .worker = workers[i]};
    }
    report->backend_count = snapshot->backend_count;
    report->backends = xcalloc(snapshot->backend_count + 1, sizeof(*report->backends));
    for (size_t b = 0; b < snapshot->backend_count; b++) {
        const struct backend *backend = snapshot->backends[b];
        struct report_server *servers = xcalloc(backend->server_count + 1, sizeof(*servers));
        for (size_t i = 0; i < backend->server_count; i++) {
            servers[i].address = backend->servers[i].text;
        }
        report->backends[b] =
            (struct report_backend){backend->name, 0, servers, backend->server_count};
    }
    return reporter;
}

/* ---- OCSP ---- */

static void clear_ocsp(struct report_ocsp *ocsp)
{
    for (size_t i = 0; i < ocsp->problem_count; i++) {
        free(ocsp->problems[i].certificate);
        free(ocsp->problems[i].responder);
        free(ocsp->problems[i].problem);
    }
    *ocsp = (struct report_ocsp){0};
}

static void see_failing(void *arg, const struct ocsp_failing *failing)
{
    struct report_ocsp *ocsp = arg;

    if (ocsp->problem_count < REPORT_OCSP_MAX) {
        ocsp->problems[ocsp->problem_count++] = (struct report_ocsp_problem){
            .certificate = xstrdup(failing->certificate),
            .responder = xstrdup(failing->responder),
            .problem = xstrdup(failing->problem),
            .is_stapled = failing->is_stapled,
        };
    }
}

static void look_at_ocsp(struct report_ocsp *ocsp, struct ocsp_registry *registry)
{
    struct ocsp_counts counts;

    clear_ocsp(ocsp);
    counts = ocsp_registry_look(registry, clock_wall_ms(), see_failing, ocsp);
    ocsp->certificates = counts.certificates;
    ocsp->stapled = counts.stapled;
    ocsp->failing = counts.failing;
}

void reporter_destroy(struct reporter *reporter)
{
    clear_ocsp(&reporter->report.ocsp);
    for (size_t b = 0; b < reporter->report.backend_count; b++) {
        free(reporter->report.backends[b].servers);
    }
    free(reporter->report.backends);
    free(reporter->asks);
    (void)pthread_cond_destroy(&reporter->answered);
    (void)pthread_mutex_destroy(&reporter->lock);
    free(reporter);
}

static unsigned count_pending(const struct reporter *reporter)
{
    unsigned pending = 0;

    for (unsigned i = 0; i < reporter->count; i++) {
        pending += reporter->asks[i].is_pending;
    }
    return pending;
}

static void post_all(struct reporter *reporter)
{
    for (unsigned i = 0; i < reporter->count; i++) {
        struct ask *ask = &reporter->asks[i];
        /* One that has not answered the last time is still in the worker's queue. */
        ask->is_of_this = !ask->is_pending;
        if (ask->is_of_this) {
            ask->is_pending = true;
            loop_post(ask->worker->core.loop, &ask->message);
        }
    }
}

const struct report *reporter_ask(struct reporter *reporter)
{
    uint64_t until_us = clock_us() + REPORT_WAIT_MS * 1000;

    (void)pthread_mutex_lock(&reporter->lock);
    clear(reporter);
    post_all(reporter);
    while (count_pending(reporter) != 0) {
        if (!condition_wait_until(&reporter->answered, &reporter->lock, until_us)) {
            break;
        }
    }
    reporter->report.silent = count_pending(reporter);
    for (unsigned i = 0; i < reporter->count; i++) {
        reporter->asks[i].is_of_this = false; /* a late answer must not change what is read now */
    }
    (void)pthread_mutex_unlock(&reporter->lock);
    look_at_ocsp(&reporter->report.ocsp, reporter->snapshot->ocsp);
    return &reporter->report;
}

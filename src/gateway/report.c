#include "gateway/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "discovery/discovery.h"
#include "gateway/current.h"
#include "gateway/generation.h"
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
    struct current *current;
    struct snapshot *snapshot; /* while it asks: the one that the report is about */
    struct ask *asks;
    unsigned count;
    struct report report;
};

static void add_backend(struct report_backend *out, struct upstream *upstream, uint64_t now)
{
    const struct upstream_set *set = upstream_follow(upstream);

    out->leases += upstream->leases;
    /* Others than those that are told of have come in this very moment. */
    for (size_t i = 0; set->servers == out->set && i < out->server_count; i++) {
        out->servers[i].idle += set->entries[i]->idle_count;
        out->servers[i].down_at += !health_is_choice(&set->entries[i]->endpoint->health, now);
    }
}

/* The place of that number, kept in order, or where it is made; NULL: there is no room. */
static struct report_generation *generation_of(struct report *report, uint64_t number)
{
    size_t i = 0;

    while (i < report->generation_count && report->generations[i].number > number) {
        i++;
    }
    if (i < report->generation_count && report->generations[i].number == number) {
        return &report->generations[i];
    }
    if (report->generation_count == REPORT_GENERATIONS_MAX) {
        return NULL;
    }
    memmove(&report->generations[i + 1], &report->generations[i],
            (report->generation_count++ - i) * sizeof(*report->generations));
    report->generations[i] = (struct report_generation){.number = number};
    return &report->generations[i];
}

static void add_generations(struct report *report, const struct worker *worker)
{
    LIST_FOR_EACH(node, &worker->generations)
    {
        const struct generation *generation = LIST_ENTRY(node, struct generation, node);
        struct report_generation *out = generation_of(report, generation->snapshot->number);
        if (out != NULL) {
            out->made_ms = generation->snapshot->made_ms;
            out->is_present |= generation->is_present;
            out->workers++;
            out->sessions += generation->sessions;
            out->exchanges += generation->exchanges;
        }
    }
}

static void add_compression(struct report_compression *out, const struct coder_pool *coders)
{
    out->active += coders->active;
    out->memory += coders->memory;
    out->responses += coders->began;
    out->uncompressed += coders->refused;
    out->bytes_in += coders->taken;
    out->bytes_out += coders->given;
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
        add_generations(report, worker);
        if (worker->longest_follow_us > report->longest_follow_us) {
            report->longest_follow_us = worker->longest_follow_us;
        }
        add_compression(&report->compression, &worker->coders);
        for (size_t i = 0; i < report->backend_count; i++) {
            struct upstream *upstream =
                upstreams_look(&worker->client.upstreams, reporter->snapshot->backends[i]);
            if (upstream != NULL) {
                add_backend(&report->backends[i], upstream, loop_now_us(worker->core.loop));
            }
        }
    }
    ask->is_pending = false;
    (void)pthread_cond_signal(&reporter->answered);
    (void)pthread_mutex_unlock(&reporter->lock);
}

/* ---- names ---- */

static void free_names(struct report_backend *backend)
{
    for (size_t i = 0; i < backend->name_count; i++) {
        free(backend->names[i].name);
        free(backend->names[i].values);
        free(backend->names[i].problem);
    }
    free(backend->names);
}

/* On the discovery's thread, while the reporter waits. */
static void take_name(void *arg, const struct backend *backend, const struct discovery_told *told)
{
    struct reporter *reporter = arg;

    for (size_t b = 0; b < reporter->report.backend_count; b++) {
        struct report_backend *out = &reporter->report.backends[b];
        if (reporter->snapshot->backends[b] != backend || out->name_count == REPORT_NAMES_MAX) {
            continue;
        }
        if (out->names == NULL) {
            out->names = xcalloc(REPORT_NAMES_MAX, sizeof(*out->names));
        }
        out->names[out->name_count++] = (struct report_name){
            .name = xstrdup(told->name),
            .kind = told->kind,
            .values = xstrdup(told->values),
            .age_s = told->age_s,
            .next_s = told->next_s,
            .problem = told->problem != NULL ? xstrdup(told->problem) : NULL,
        };
    }
}

static void free_backends(struct report *report)
{
    for (size_t b = 0; b < report->backend_count; b++) {
        server_set_release(report->backends[b].set);
        free(report->backends[b].servers);
        free_names(&report->backends[b]);
        free(report->backends[b].name);
    }
    free(report->backends);
    report->backends = NULL;
    report->backend_count = 0;
}

static void look_at_latency(struct report_server *out, struct endpoint *endpoint)
{
    struct latency_sum sum = {0};

    endpoint_latency(endpoint, &sum);
    out->p50_us = latency_quantile_us(&sum, 500);
    out->p90_us = latency_quantile_us(&sum, 900);
    out->p99_us = latency_quantile_us(&sum, 990);
}

/* With the servers that it has now. */
static void clear_backend(struct report_backend *out, const struct backend *backend)
{
    struct server_set *set = backend_servers(backend);

    *out = (struct report_backend){
        .name = xstrdup(backend->name),
        .set = set,
        .servers = xcalloc(set->count + 1, sizeof(*out->servers)),
        .server_count = set->count,
        .has_queue = server_set_has_limits(set) || backend->concurrency != NULL,
        .has_concurrency = backend->concurrency != NULL,
        .waiting = server_queue_count(backend->queue),
        .turned_away = server_queue_refused(backend->queue),
    };
    for (unsigned i = 0; i < PRIORITY_LEVELS; i++) {
        out->shed[i] = server_queue_shed(backend->queue, (enum priority)i);
    }
    if (backend->concurrency != NULL) {
        out->concurrency = concurrency_look(backend->concurrency);
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct server *server = &set->servers[i];
        out->servers[i] = (struct report_server){
            .address = server->text,
            .has_addresses = endpoint_has_addresses(server->endpoint),
            .order = server_order_of(server->order),
            .weight = (double)server_weight(server) / (server->unit != 0 ? server->unit : 1),
            .ordered_weight = server_order_weight(server->order),
            .tally = endpoint_tally(server->endpoint),
            .now_us = clock_us(),
        };
        look_at_latency(&out->servers[i], server->endpoint);
        server_health_look(server->endpoint, &out->servers[i].health);
    }
}

/* Of the configuration that is in use now. */
static void clear(struct reporter *reporter)
{
    const struct snapshot *snapshot = reporter->snapshot;
    struct report *report = &reporter->report;

    report->workers = reporter->count;
    report->silent = 0;
    report->sessions = report->exchanges = 0;
    report->generation_count = 0;
    report->longest_follow_us = 0;
    report->compression = (struct report_compression){0};
    free_backends(report);
    report->backends = xcalloc(snapshot->backend_count + 1, sizeof(*report->backends));
    report->backend_count = snapshot->backend_count;
    for (size_t b = 0; b < snapshot->backend_count; b++) {
        clear_backend(&report->backends[b], snapshot->backends[b]);
    }
}

struct reporter *reporter_create(struct current *current, struct worker **workers, unsigned count)
{
    struct reporter *reporter = xcalloc(1, sizeof(*reporter));

    (void)pthread_mutex_init(&reporter->lock, NULL);
    condition_init(&reporter->answered);
    reporter->current = current;
    reporter->count = count;
    reporter->asks = xcalloc(count, sizeof(*reporter->asks));
    for (unsigned i = 0; i < count; i++) {
        reporter->asks[i] =
            (struct ask){.message = {.fn = on_ask}, .reporter = reporter, .worker = workers[i]};
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
    free_backends(&reporter->report);
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
    reporter->snapshot = current_take(reporter->current);
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
    if (reporter->current->discovery != NULL) {
        discovery_tell(reporter->current->discovery, take_name, reporter);
    }
    look_at_ocsp(&reporter->report.ocsp, reporter->snapshot->ocsp);
    snapshot_release(reporter->snapshot);
    return &reporter->report;
}

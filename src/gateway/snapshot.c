#include "gateway/snapshot_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bundle.h"
#include "base/clock.h"
#include "base/file_opener.h"
#include "base/map.h"
#include "cache/cache_store.h"
#include "certs/backend_tls.h"
#include "certs/site_tls.h"
#include "client/call_base.h"
#include "config/complaint.h"
#include "config/places.h"
#include "discovery/server_plan.h"
#include "gateway/route_cache.h"
#include "gateway/snapshot_compress.h"
#include "gateway/snapshot_root.h"
#include "policy/filter_limit.h"
#include "sandbox/sandbox.h"
#include "tls/key_log.h"
#include "tls/ocsp_registry.h"
#include "upstream/balance.h"
#include "upstream/sticky.h"

struct builder {
    struct snapshot *snapshot;
    const struct snapshot_means *means;
    struct config_report *report;
    bool is_for_real;
    bool failed;
    struct map sites_before;    /* of the configuration before, by name: struct site */
    struct map backends_before; /* struct backend_settings */
    struct log_names log_names;
    uint64_t mark; /* of the routes; random, so that no two gateways have the same */
    size_t mark_count;
};

static void fail(struct builder *b, struct place place, const struct error *error)
{
    config_report_add(b->report, CONFIG_ERROR, place, "%s", error->text);
    b->failed = true;
}

/* ---- backends ---- */

static void check_list(struct builder *b, const struct backend_settings *settings)
{
    struct error error;

    if (settings->servers_from != NULL && settings->servers_from->ca != NULL &&
        !tls_context_check_authorities(settings->servers_from->ca, &error)) {
        fail(b, config_place(b->snapshot->settings, &settings->servers_from->ca), &error);
    }
    if (settings->servers_from == NULL || server_source_check(settings->servers_from, &error)) {
        return;
    }
    config_report_add(b->report, CONFIG_WARNING, settings->servers_from->place, "%s: %.500s",
                      settings->servers_from->file, error.text);
    config_report_hint(b->report, "until that is mended, the backend has only its 'servers'");
}

static struct server_set *build_servers(struct builder *b, const struct backend_settings *settings)
{
    struct server_terms terms = server_terms_of(settings, &b->snapshot->arena);
    const struct server_settings *wrong;
    struct server_set *servers = server_plan_first_set(settings, &terms, &wrong);

    if (!b->is_for_real) {
        check_list(b, settings);
    }
    if (wrong != NULL) {
        config_report_add(b->report, CONFIG_ERROR, wrong->address.place,
                          "the path of a Unix socket must be shorter than 108 bytes");
        b->failed = true;
    }
    return servers;
}

static void build_balance(struct builder *b, const struct backend_settings *settings,
                          struct backend *plan)
{
    const struct balance_settings *balance = &settings->balance;
    struct error error;

    if (balance->strategy == BALANCE_HASH) {
        plan->bounded_load = balance->hash->bounded_load;
    }
    if (balance->strategy != BALANCE_STICKY) {
        return;
    }
    if (balance->sticky->key == NULL) {
        sticky_key_of_process(plan->sticky_key);
    } else if (!sticky_key_read(balance->sticky->key, plan->sticky_key, &error)) {
        fail(b, config_place(b->snapshot->settings, &balance->sticky->key), &error);
    }
}

/* What has a name in the configuration before. */
static void map_previous(struct builder *b)
{
    const struct snapshot *previous = b->means->previous;

    map_init(&b->sites_before);
    map_init(&b->backends_before);
    if (previous == NULL) {
        return;
    }
    for (size_t i = 0; i < previous->settings->site_count; i++) {
        (void)map_add(&b->sites_before, previous->sites[i].name, &previous->sites[i]);
    }
    for (size_t i = 0; i < previous->backend_count; i++) {
        const struct backend_settings *backend = &previous->settings->backends[i];
        (void)map_add(&b->backends_before, span_from_cstr(backend->name),
                      (struct backend_settings *)(uintptr_t)backend);
    }
}

/* SNAPSHOT_NEW: there was none of that name. */
static size_t find_previous_backend(const struct builder *b, const char *name)
{
    const struct backend_settings *found = map_find(&b->backends_before, span_from_cstr(name));

    return found != NULL && strcmp(found->name, name) == 0
               ? (size_t)(found - b->means->previous->settings->backends)
               : SNAPSHOT_NEW;
}

static struct backend *build_backend(struct builder *b, const struct backend_settings *settings,
                                     size_t index)
{
    size_t was = find_previous_backend(b, settings->name);
    struct backend plan = {
        .name = settings->name,
        .balance = balance_type_of(settings->balance.strategy),
        .proxy_protocol = settings->proxy_protocol,
        .protocol = settings->protocol,
        .host_from = settings->host_from,
        .host = settings->host,
        .is_named_by_client = settings->tls != NULL && settings->tls->name_from_client,
        .forwarded = settings->forwarded,
        .via = settings->via,
        .client_certificate = settings->client_certificate,
        .forwarded_client_certificate = settings->forwarded_client_certificate,
        .connect_timeout_ms = settings->connect_timeout_ms,
        .response_timeout_ms = settings->response_timeout_ms,
        .idle_timeout_ms = settings->idle_timeout_ms,
        .ack_timeout_ms = settings->ack_timeout_ms,
        .ping_timeout_ms = settings->ping_timeout_ms,
        .idle_connections = settings->idle_connections,
        .body_buffer = settings->body_buffer,
        .max_ejected = settings->outliers.max_share,
        .panic = settings->outliers.panic,
        .spares_down = settings->health_check != NULL && !settings->health_check->use_down,
        .closes_down = settings->health_check != NULL && settings->health_check->close_on_down,
    };

    if (b->snapshot->backend_was != NULL) {
        b->snapshot->backend_was[index] = was;
    }
    plan.concurrency_plan = snapshot_concurrency(b->snapshot, settings->concurrency);
    plan.queue_size = (size_t)settings->queue.size;
    plan.queue_timeout_ms = settings->queue.timeout_ms;
    plan.slow_start_us = settings->slow_start_ms * 1000;
    build_balance(b, settings, &plan);
    if (settings->tls != NULL) {
        struct backend_tls *tls = &b->snapshot->backend_tls[index];
        b->failed |= !backend_tls_build(
            tls, settings, settings->tls, &b->snapshot->trust,
            was != SNAPSHOT_NEW ? &b->means->previous->backend_tls[was] : NULL, b->report);
        plan.tls_owner = tls->owner;
        plan.tls = tls->context;
        plan.tls_h1 = tls->context_h1;
        b->failed |= !backend_tls_build_own(&b->snapshot->server_tls[b->snapshot->server_tls_count],
                                            settings, &b->snapshot->trust, &b->snapshot->arena,
                                            &plan, b->report);
        b->snapshot->server_tls_count += backend_tls_count_own(settings);
    }
    return backend_create(&plan, build_servers(b, settings));
}

static bool has_scripts(const struct backend_settings *settings)
{
    return settings->protocol == BACKEND_FASTCGI && settings->root != NULL &&
           settings->script_files == SCRIPT_FILES_CHECKED;
}

/* NULL: it has none, or they are not looked at. */
static struct files_root *build_scripts(struct builder *b, const struct backend_settings *settings)
{
    struct files_root *root;

    if (!has_scripts(settings)) {
        return NULL;
    }
    root = arena_calloc(&b->snapshot->arena, sizeof(*root));
    if (b->means->is_started_again) {
        files_root_open_later(root, settings->root);
    } else if (!snapshot_open_root(root, settings->root,
                                   config_place(b->snapshot->settings, &settings->root),
                                   b->report)) {
        config_report_hint(b->report, "where the gateway does not see the servers' files, say "
                                      "script_files: trusted");
        b->failed = true;
        return NULL;
    }
    return root;
}

static struct backend *find_backend(const struct snapshot *snapshot,
                                    const struct backend_settings *settings)
{
    return settings != NULL ? snapshot->backends[settings - snapshot->settings->backends] : NULL;
}

/* ---- sites ---- */

static struct body_filter_list build_filters(const struct route_settings *settings,
                                             struct arena *arena)
{
    struct body_filter_maker *makers = arena_calloc(arena, sizeof(*makers));
    size_t count = 0;

    if (settings->response_limit != UINT64_MAX) {
        makers[count++] = (struct body_filter_maker){filter_limit_make, &settings->response_limit};
    }
    return (struct body_filter_list){makers, count};
}

/* The texts were parsed before, when the configuration was read. */
static struct template build_template(const char *text, bool has_response, struct arena *arena)
{
    struct template template = {NULL, 0};
    struct error error = {""};

    CHECK(template_parse(span_from_cstr(text), has_response, arena, &template, &error));
    return template;
}

static const struct route_cache *build_cache(struct builder *b,
                                             const struct route_settings *settings)
{
    const struct snapshot *previous = b->means->previous;

    if (settings->cache == NULL || settings->cache->mode == CACHE_OFF ||
        settings->backend == NULL || !b->is_for_real) {
        return NULL;
    }
    if (b->snapshot->cache == NULL) {
        b->snapshot->cache = route_cache_store(previous != NULL ? previous->cache : NULL,
                                               b->snapshot->settings->limits.cache);
    }
    return route_cache_build(settings, &b->snapshot->arena);
}

static void build_tries(const struct files_settings *files, struct route *route,
                        struct arena *arena)
{
    route->try_count = files->tries.count;
    route->tries = arena_calloc(arena, (files->tries.count + 1) * sizeof(struct template));
    for (size_t i = 0; i < files->tries.count; i++) {
        route->tries[i] = build_template(files->tries.items[i], false, arena);
    }
}

/* NULL: the usual ones. */
static const struct call_retries *build_retries(const struct retries_settings *settings,
                                                struct arena *arena)
{
    struct call_retries *retries;

    if (settings == NULL) {
        return NULL;
    }
    retries = arena_calloc(arena, sizeof(*retries));
    *retries = (struct call_retries){.on = settings->on_bits,
                                     .times = settings->times,
                                     .budget = settings->budget,
                                     .per_try_ms = settings->per_try_ms,
                                     .is_harmless = settings->any_method};
    if (settings->hedge != NULL) {
        retries->hedge_per_mille = settings->hedge->per_mille;
        retries->hedge_ms = settings->hedge->after_ms;
        retries->hedge_max = settings->hedge->max;
    }
    return retries;
}

static const struct template *build_params(const struct backend_settings *backend,
                                           struct arena *arena)
{
    size_t count = backend != NULL ? backend->param_count : 0;
    struct template *params = arena_calloc(arena, (count + 1) * sizeof(*params));

    for (size_t i = 0; i < count; i++) {
        params[i] = build_template(backend->params[i].value, false, arena);
    }
    return params;
}

static void build_route(struct builder *b, const struct site_settings *site,
                        const struct answer_pages *pages, const struct route_settings *settings,
                        struct route *route)
{
    const struct answers_settings answers = serving_answers(site, settings);
    struct snapshot *snapshot = b->snapshot;

    *route = (struct route){
        .settings = settings,
        .name = span_from_cstr(settings->name),
        .backend = find_backend(snapshot, settings->backend),
        .scripts = settings->backend != NULL
                       ? snapshot->scripts[settings->backend - snapshot->settings->backends]
                       : NULL,
        .mark = span_from_cstr(arena_printf(&snapshot->arena, "tidegate-%016llx-%zu",
                                            (unsigned long long)b->mark, b->mark_count++)),
        .body_limit = settings->body_limit != UINT64_MAX ? settings->body_limit
                                                         : snapshot->settings->limits.body,
        .retries = build_retries(settings->retries, &snapshot->arena),
        .params = build_params(settings->backend, &snapshot->arena),
        .cors = answers.cors,
        .cookies = answers.cookies,
        .filters = build_filters(settings, &snapshot->arena),
        .compress = snapshot_compress(settings->compress, &snapshot->arena),
        .rewrite = rewrite_make(settings->rewrite, &snapshot->arena),
        .request_rules = field_rules_of_request(site, settings, &snapshot->arena),
        .response_rules = field_rules_of_response(site, settings, &snapshot->arena),
        .cache = build_cache(b, settings),
        .mirror = snapshot_mirror(snapshot, settings),
        .log_rules = log_rules_build(snapshot->sites[site - snapshot->settings->sites].log_rules,
                                     settings->log, &b->log_names, &snapshot->arena),
    };
    b->failed |=
        !snapshot_build_phases(snapshot, &snapshot->sites[site - snapshot->settings->sites], route,
                               b->report) ||
        !snapshot_build_pages(snapshot, &settings->answers, pages, &route->pages, b->report) ||
        !snapshot_build_respond(snapshot, settings->respond, &route->respond_page, b->report) ||
        !snapshot_build_split(snapshot, settings, &route->split, b->report);
    if (settings->redirect != NULL) {
        route->redirect_to = build_template(settings->redirect->to, false, &snapshot->arena);
    }
    if (settings->files != NULL) {
        build_tries(settings->files, route, &snapshot->arena);
        route->files = arena_calloc(&snapshot->arena, sizeof(*route->files));
        if (b->means->is_started_again) {
            files_root_open_later(route->files, settings->files->root);
        } else {
            b->failed |= !snapshot_open_root(route->files, settings->files->root,
                                             settings->files->place, b->report);
        }
    }
}

/* The site of that name in the configuration before; NULL: there was none. */
static const struct site_tls *find_previous(const struct builder *b,
                                            const struct site_settings *settings)
{
    const struct site *site = map_find(&b->sites_before, span_from_cstr(settings->name));

    return site != NULL && serving_same_name(site->settings->name, settings->name)
               ? site->tls_source
               : NULL;
}

static void build_site(struct builder *b, const struct site_settings *settings, struct site *site)
{
    struct arena *arena = &b->snapshot->arena;
    const struct serving *serving = &b->snapshot->serving;

    *site = (struct site){
        .settings = settings,
        .name = span_from_cstr(settings->name),
        .passthrough = find_backend(b->snapshot, settings->passthrough),
        .tcp = find_backend(b->snapshot, settings->tcp),
        .by_alpn = arena_calloc(arena, (settings->by_alpn_count + 1) * sizeof(*site->by_alpn)),
        .routes = arena_calloc(arena, settings->route_count * sizeof(*site->routes)),
        .edge = &serving->sites[settings - b->snapshot->settings->sites],
        .response_rules = field_rules_of_response(settings, NULL, arena),
        .log_rules = log_rules_build(b->snapshot->log_rules, settings->log, &b->log_names, arena),
    };
    b->failed |=
        !snapshot_build_access(b->snapshot, site, b->report) ||
        !snapshot_build_pages(b->snapshot, &settings->answers, NULL, &site->pages, b->report);
    for (size_t i = 0; i < settings->by_alpn_count; i++) {
        site->by_alpn[i] = find_backend(b->snapshot, settings->by_alpn[i].backend);
    }
    for (size_t i = 0; i < settings->route_count; i++) {
        build_route(b, settings, &site->pages, &settings->routes[i], &site->routes[i]);
    }
    if (settings->tls != NULL) {
        site->tls_source = arena_calloc(arena, sizeof(*site->tls_source));
        b->failed |=
            !site_tls_build(site->tls_source, b->snapshot->settings, settings, &b->snapshot->trust,
                            b->snapshot->ocsp, find_previous(b, settings), arena, b->report);
        site->tls = site->tls_source->context;
        if (!b->is_for_real) {
            site_tls_check_folder(site->tls_source, b->report);
        }
    }
}

/* Before the first context is made, since contexts look whether it is open. */
static void open_key_log(struct builder *b)
{
    const char *path = b->snapshot->settings->tls_key_log;
    struct place place = config_place(b->snapshot->settings, &b->snapshot->settings->tls_key_log);
    struct error error;

    if (path == NULL) {
        return;
    }
    config_report_add(b->report, CONFIG_WARNING, place,
                      "the secrets of all TLS connections are written to %s", path);
    config_report_hint(b->report, "whoever reads it can read all the traffic: remove 'tls_key_log' "
                                  "when the search for the error is over");
    /* It is the process's, and stays with it. */
    if (b->is_for_real && b->means->previous == NULL && !key_log_open(path, &error)) {
        fail(b, place, &error);
    }
}

static bool check_logs(const struct log_names *names, const struct log_outlet_settings **at,
                       struct error *error)
{
    for (size_t i = 0; i < names->count; i++) {
        *at = names->items[i];
        if ((*at)->is_file ? !log_targets_check_file((*at)->name, error)
                           : !log_targets_check_tls(*at, error)) {
            return false;
        }
    }
    return true;
}

static void build_access_logs(struct builder *b)
{
    const struct settings *settings = b->snapshot->settings;
    const struct snapshot *previous = b->means->previous;
    const struct log_outlet_settings *at = NULL;
    struct log_fds given = b->means->logs;
    struct error error;
    bool is_fine = b->is_for_real
                       ? log_targets_open(&b->snapshot->log_targets, settings,
                                          previous != NULL ? &previous->log_targets : NULL, &given,
                                          &at, &error)
                       : check_logs(&b->log_names, &at, &error);

    if (!is_fine) {
        fail(b, at->place, &error);
        config_report_hint(
            b->report, !at->is_file
                           ? "see 'ca' of this place"
                           : "make the folder, or name a file in one that is there and that this "
                             "process may write in (under systemd one of root's, such as "
                             "/var/log/tidegate); \"-\" is standard output, off is none");
    }
}

/* ---- as a whole ---- */

/* means NULL: to check it. */
static struct snapshot *build(const struct settings *settings, const struct snapshot_means *means,
                              struct config_report *report)
{
    static const struct snapshot_means none;
    static atomic_uint_least64_t last_number;
    struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));
    struct builder b = {.snapshot = snapshot,
                        .means = means != NULL ? means : &none,
                        .report = report,
                        .is_for_real = means != NULL};
    const struct snapshot *previous = b.means->previous;
    struct arena *arena = &snapshot->arena;
    size_t own_tls = 0;

    arena_init(arena, 4096);
    if (getrandom(&b.mark, sizeof(b.mark), 0) != sizeof(b.mark)) {
        b.mark =
            (uint64_t)(uintptr_t)snapshot ^ (uint64_t)clock_wall_s(); /* another one, at least */
    }
    snapshot->settings = settings;
    atomic_init(&snapshot->references, 1);
    snapshot->number = atomic_fetch_add(&last_number, 1) + 1;
    snapshot->made_ms = clock_wall_ms();
    snapshot->ocsp = previous != NULL ? ocsp_registry_hold(previous->ocsp) : ocsp_registry_create();
    snapshot->trust.previous = previous != NULL ? &previous->trust : NULL;
    snapshot->backend_count = settings->backend_count;
    snapshot->backends = arena_calloc(arena, settings->backend_count * sizeof(struct backend *));
    if (previous != NULL) {
        snapshot->backend_was = arena_calloc(arena, (settings->backend_count + 1) * sizeof(size_t));
    }
    snapshot->backend_tls =
        arena_calloc(arena, settings->backend_count * sizeof(struct backend_tls));
    snapshot->scripts = arena_calloc(arena, settings->backend_count * sizeof(struct files_root *));
    for (size_t i = 0; i < settings->backend_count; i++) {
        own_tls += backend_tls_count_own(&settings->backends[i]);
    }
    snapshot->server_tls = arena_calloc(arena, (own_tls + 1) * sizeof(struct backend_tls));
    snapshot->sites = arena_calloc(arena, settings->site_count * sizeof(struct site));
    snapshot->listeners = arena_calloc(arena, settings->listener_count * sizeof(struct listener));
    serving_build(&snapshot->serving, settings, arena);
    map_previous(&b);
    open_key_log(&b);
    for (size_t i = 0; i < settings->backend_count; i++) {
        snapshot->backends[i] = build_backend(&b, &settings->backends[i], i);
        snapshot->scripts[i] = build_scripts(&b, &settings->backends[i]);
    }
    log_outlets_names(settings, &b.log_names);
    snapshot->log_rules =
        log_rules_build(NULL, &settings->log.rules, &b.log_names, &snapshot->arena);
    snapshot_build_bans(snapshot);
    for (size_t i = 0; i < settings->site_count; i++) {
        build_site(&b, &settings->sites[i], &snapshot->sites[i]);
    }
    for (size_t i = 0; i < settings->listener_count; i++) {
        snapshot->listeners[i] =
            (struct listener){&settings->listeners[i],
                              &snapshot->serving.hosts[i],
                              snapshot->serving.starttls[i],
                              find_backend(snapshot, settings->listeners[i].tcp),
                              {0}};
        b.failed |= !snapshot_build_listener_access(snapshot, &snapshot->listeners[i], report);
    }
    map_free(&b.sites_before);
    map_free(&b.backends_before);
    snapshot->trust.previous = NULL;
    trust_warn_expired(&snapshot->trust, report);
    build_access_logs(&b);
    if (b.failed) {
        snapshot_release(snapshot);
        return NULL;
    }
    return snapshot;
}

struct snapshot *snapshot_create(const struct settings *settings, struct config_report *report)
{
    static const struct snapshot_means first;

    return build(settings, &first, report);
}

struct snapshot *snapshot_load(struct bundle *bundle, const char *path,
                               const struct snapshot_means *means, struct config_report *report)
{
    struct snapshot *snapshot = NULL;
    struct settings *settings;

    file_opener_set_view(bundle_view(bundle));
    settings = config_load_file(path, report);
    if (settings != NULL) {
        snapshot = build(settings, means, report);
    } else {
        struct log_fds given = means->logs;
        log_fds_close(&given);
    }
    file_opener_set_view(NULL);
    if (snapshot == NULL) {
        settings_destroy(settings);
    } else {
        snapshot->own_settings = settings;
    }
    return snapshot;
}

bool snapshot_check(const struct settings *settings, struct config_report *report)
{
    struct snapshot *snapshot = build(settings, NULL, report);

    if (snapshot == NULL) {
        return false;
    }
    snapshot_release(snapshot);
    return true;
}

/* Whether no error was reported from the site's first line to the next one's. What stands behind
 * the last site of a file counts as its own: no harm, it is looked at again when that is mended. */
static bool is_faultless(const struct settings *settings, size_t site,
                         const struct config_report *report)
{
    struct place first = settings->sites[site].place;
    bool is_last =
        site + 1 >= settings->site_count || settings->sites[site + 1].place.file != first.file;
    int end = is_last ? INT_MAX : settings->sites[site + 1].place.line;

    for (size_t i = 0; i < report->count; i++) {
        const struct config_message *message = &report->messages[i];
        if (message->severity == CONFIG_ERROR && message->place.file == first.file &&
            message->place.line >= first.line && message->place.line < end) {
            return false;
        }
    }
    return true;
}

static void check_roots(const struct site_settings *site, struct config_report *report)
{
    for (size_t i = 0; i < site->route_count; i++) {
        const struct files_settings *files = site->routes[i].files;
        struct files_root root;
        if (files != NULL && files->root != NULL &&
            snapshot_open_root(&root, files->root, files->place, report)) {
            files_root_close(&root);
        }
    }
}

void snapshot_check_files(const struct settings *settings, struct config_report *report)
{
    for (size_t i = 0; i < settings->site_count; i++) {
        const struct site_settings *site = &settings->sites[i];
        if (site->tls != NULL) {
            site_tls_check_files(site, is_faultless(settings, i, report), report);
        }
        check_roots(site, report);
    }
}

struct snapshot *snapshot_hold(struct snapshot *snapshot)
{
    (void)atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

static void free_site(struct site *site)
{
    for (size_t i = 0; site->edge != NULL && i < site->edge->table.count; i++) {
        if (site->routes != NULL && site->routes[i].settings != NULL &&
            site->routes[i].files != NULL) {
            files_root_close(site->routes[i].files);
        }
    }
    if (site->tls_source != NULL) {
        site_tls_free(site->tls_source);
    }
}

void snapshot_release(struct snapshot *snapshot)
{
    if (atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < snapshot->settings->site_count; i++) {
        free_site(&snapshot->sites[i]);
    }
    for (size_t i = 0; i < snapshot->backend_count; i++) {
        backend_release(snapshot->backends[i]);
        backend_tls_free(&snapshot->backend_tls[i]);
        if (snapshot->scripts[i] != NULL) {
            files_root_close(snapshot->scripts[i]);
        }
    }
    for (size_t i = 0; i < snapshot->server_tls_count; i++) {
        backend_tls_free(&snapshot->server_tls[i]);
    }
    auth_plans_free(&snapshot->auth);
    snapshot_close_rates(snapshot);
    access_files_close(&snapshot->access_files);
    snapshot_close_pages(snapshot);
    serving_free(&snapshot->serving);
    ocsp_registry_release(snapshot->ocsp);
    trust_free(&snapshot->trust);
    log_targets_close(&snapshot->log_targets);
    cache_store_release(snapshot->cache);
    arena_destroy(&snapshot->arena);
    settings_destroy(snapshot->own_settings);
    free(snapshot);
}

const struct site *snapshot_site(const struct snapshot *snapshot, const struct edge_site *site)
{
    return site != NULL ? &snapshot->sites[serving_index(&snapshot->serving, site)] : NULL;
}

const struct listener *snapshot_listener_of_socket(const struct snapshot *snapshot,
                                                   size_t socket_index)
{
    for (size_t i = 0; i < snapshot->settings->listener_count; i++) {
        size_t count = snapshot->settings->listeners[i].bind.count;
        if (socket_index < count) {
            return &snapshot->listeners[i];
        }
        socket_index -= count;
    }
    CHECK(false);
    return NULL;
}

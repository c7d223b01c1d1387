#include "admin/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "access/rule_counts.h"
#include "admin/bans.h"
#include "admin/configuration.h"
#include "base/clock.h"
#include "cache/cache_store.h"
#include "gateway/current.h"
#include "gateway/deaths.h"
#include "gateway/memory_watch.h"
#include "gateway/mirror_counts.h"
#include "gateway/report.h"
#include "gateway/snapshot.h"
#include "io/loop.h"
#include "keys/key_client.h"
#include "observe/failures.h"
#include "sandbox/sandbox.h"

/* The newest failures in an answer; the counts are of all. */
enum { LAST_SHOWN = 100 };

static void add_text(struct strbuf *out, const char *name, const char *value)
{
    strbuf_printf(out, ",\"%s\":", name);
    if (value != NULL && value[0] != '\0') {
        strbuf_add_json(out, span_from_cstr(value));
    } else {
        strbuf_add_cstr(out, "null");
    }
}

/* "time":"2026-01-31T23:59:59.123Z" */
static void add_time(struct strbuf *out, const char *name, int64_t ms)
{
    time_t second = (time_t)(ms / 1000);
    struct tm parts;
    char text[32] = "";

    if (gmtime_r(&second, &parts) != NULL) {
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    }
    strbuf_printf(out, "\"%s\":\"%s.%03dZ\"", name, text, (int)(ms % 1000));
}

static void add_failure(struct strbuf *out, const struct failure_entry *entry)
{
    strbuf_add_char(out, '{');
    add_time(out, "time", entry->time_ms);
    add_text(out, "side", entry->side);
    add_text(out, "who", entry->who);
    add_text(out, "reason", entry->reason);
    add_text(out, "detail", entry->detail);
    add_text(out, "name", entry->name);
    add_text(out, "peer", entry->peer);
    strbuf_add_char(out, '}');
}

static void add_group(struct strbuf *out, const struct failure_group *group)
{
    strbuf_printf(out, "{\"count\":%llu,", (unsigned long long)group->count);
    add_time(out, "first", group->first_ms);
    strbuf_add_char(out, ',');
    add_time(out, "last", group->last_ms);
    add_text(out, "side", group->side);
    add_text(out, "reason", group->reason);
    add_text(out, "mend", group->mend);
    strbuf_add_cstr(out, ",\"example\":");
    add_failure(out, &group->last);
    strbuf_add_char(out, '}');
}

static void print_handshakes(const struct admin_world *world, struct strbuf *out)
{
    struct failure_group *groups = xcalloc(FAILURES_REASONS, sizeof(*groups));
    struct failure_entry *last = xcalloc(LAST_SHOWN, sizeof(*last));
    size_t group_count = failures_groups(groups, FAILURES_REASONS);
    size_t last_count = failures_last(last, LAST_SHOWN);

    (void)world;
    strbuf_printf(out, "{\"total\":%llu,\"groups\":[", (unsigned long long)failures_total());
    for (size_t i = 0; i < group_count; i++) {
        strbuf_add_cstr(out, i == 0 ? "\n" : ",\n");
        add_group(out, &groups[i]);
    }
    strbuf_add_cstr(out, "],\"last\":[");
    for (size_t i = 0; i < last_count; i++) {
        strbuf_add_cstr(out, i == 0 ? "\n" : ",\n");
        add_failure(out, &last[i]);
    }
    strbuf_add_cstr(out, "]}\n");
    free(groups);
    free(last);
}

static void add_name(struct strbuf *out, bool is_next, const struct report_name *name)
{
    strbuf_printf(out, "%s{\"age_s\":%lld,\"next_s\":%lld", is_next ? "," : "",
                  (long long)name->age_s, (long long)name->next_s);
    add_text(out, "name", name->name);
    add_text(out, "kind", name->kind);
    add_text(out, "values", name->values);
    add_text(out, "problem", name->problem);
    strbuf_add_char(out, '}');
}

/* In milliseconds. */
static void add_latency(struct strbuf *out, const struct report_server *server)
{
    if (server->p50_us != 0) {
        strbuf_printf(out, ",\"latency_ms\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f}",
                      (double)server->p50_us / 1000, (double)server->p90_us / 1000,
                      (double)server->p99_us / 1000);
    }
}

static void add_seconds(struct strbuf *out, const char *name, uint64_t since_us, uint64_t now_us)
{
    if (since_us != 0 && now_us >= since_us) {
        strbuf_printf(out, ",\"%s\":%llu", name,
                      (unsigned long long)((now_us - since_us) / 1000000));
    }
}

/* What follows its address. */
static void add_server(struct strbuf *out, const struct report_server *server)
{
    const struct server_health_view *health = &server->health;
    const struct endpoint_tally *tally = &server->tally;

    strbuf_printf(out, ",\"state\":\"%s\",\"order\":\"%s\"", health_word(health->state),
                  server_order_text(server->order));
    if (server->ordered_weight == SERVER_WEIGHT_DEFAULT) {
        strbuf_printf(out, ",\"weight\":%.4g,\"ordered_weight\":null", server->weight);
    } else {
        strbuf_printf(out, ",\"weight\":%d,\"ordered_weight\":%d", server->ordered_weight,
                      server->ordered_weight);
    }
    add_seconds(out, "state_s", health->since_us, server->now_us);
    if (health->why[0] != '\0') {
        add_text(out, "why", health->why);
    }
    if (health->checked_us != 0) {
        add_text(out, "last_check", health->was_good ? "it is well" : health->answer);
        add_seconds(out, "last_check_s", health->checked_us, server->now_us);
    }
    add_latency(out, server);
    strbuf_printf(out,
                  ",\"in_flight\":%llu,\"served\":%llu,\"errors\":%llu,\"failed\":%llu"
                  ",\"idle\":%llu,\"down_at\":%u,\"resolved\":%s}",
                  (unsigned long long)tally->leases, (unsigned long long)tally->served,
                  (unsigned long long)tally->errors, (unsigned long long)tally->failed,
                  (unsigned long long)server->idle, server->down_at,
                  server->has_addresses ? "true" : "false");
}

static void add_backend(struct strbuf *out, const struct report_backend *backend)
{
    strbuf_add_cstr(out, "{\"name\":");
    strbuf_add_json(out, span_from_cstr(backend->name));
    strbuf_printf(out, ",\"leases\":%llu,", (unsigned long long)backend->leases);
    if (backend->has_queue) {
        strbuf_printf(out,
                      "\"queue\":{\"waiting\":%zu,\"turned_away\":%llu,\"shed\":{\"high\":%llu,"
                      "\"normal\":%llu,\"low\":%llu}},",
                      backend->waiting, (unsigned long long)backend->turned_away,
                      (unsigned long long)backend->shed[PRIORITY_HIGH],
                      (unsigned long long)backend->shed[PRIORITY_NORMAL],
                      (unsigned long long)backend->shed[PRIORITY_LOW]);
    }
    if (backend->has_concurrency) {
        const struct concurrency_look *look = &backend->concurrency;
        strbuf_printf(
            out, "\"concurrency\":{\"adapts\":%s,\"limit\":%u,\"in_use\":%u,\"base_us\":%llu},",
            look->adapts ? "true" : "false", look->limit, look->in_use,
            (unsigned long long)look->base_us);
    }
    strbuf_add_cstr(out, "\"servers\":[");
    for (size_t i = 0; i < backend->server_count; i++) {
        const struct report_server *server = &backend->servers[i];
        strbuf_add_cstr(out, i == 0 ? "{\"address\":" : ",{\"address\":");
        strbuf_add_json(out, span_from_cstr(server->address));
        add_server(out, server);
    }
    strbuf_add_cstr(out, "],\"names\":[");
    for (size_t i = 0; i < backend->name_count; i++) {
        add_name(out, i != 0, &backend->names[i]);
    }
    strbuf_add_cstr(out, "]}");
}

static void add_ocsp(struct strbuf *out, const struct report_ocsp *ocsp)
{
    strbuf_printf(out,
                  ",\"ocsp\":{\"certificates\":%zu,\"stapled\":%zu,\"failing\":%zu,"
                  "\"problems\":[",
                  ocsp->certificates, ocsp->stapled, ocsp->failing);
    for (size_t i = 0; i < ocsp->problem_count; i++) {
        const struct report_ocsp_problem *problem = &ocsp->problems[i];
        strbuf_printf(out, "%s{\"stapled\":%s", i == 0 ? "\n" : ",\n",
                      problem->is_stapled ? "true" : "false");
        add_text(out, "certificate", problem->certificate);
        add_text(out, "responder", problem->responder);
        add_text(out, "problem", problem->problem);
        strbuf_add_char(out, '}');
    }
    strbuf_add_cstr(out, "]}");
}

/* Of gateway processes before this one, and whom they have it refuse. */
static void add_deaths(struct strbuf *out)
{
    struct death *deaths = xcalloc(DEATHS_KEPT, sizeof(*deaths));
    struct refused_client *clients = xcalloc(DEATHS_CLIENTS_MAX, sizeof(*clients));
    uint64_t total;
    size_t count = deaths_last(deaths, DEATHS_KEPT, &total);
    size_t refused = deaths_refused(clients, DEATHS_CLIENTS_MAX, clock_ms());
    char client[SOCK_TEXT_MAX];

    strbuf_printf(out, ",\"deaths\":%llu,\"last_deaths\":[", (unsigned long long)total);
    for (size_t i = 0; i < count; i++) {
        strbuf_add_cstr(out, i == 0 ? "\n{" : ",\n{");
        add_time(out, "time", deaths[i].at_ms);
        add_text(out, "how", deaths[i].how);
        add_text(out, "words", deaths[i].words);
        strbuf_add_char(out, '}');
    }
    strbuf_add_cstr(out, "],\"refused\":[");
    for (size_t i = 0; i < refused; i++) {
        (void)peer_ip_text(&clients[i].client, client);
        strbuf_add_cstr(out, i == 0 ? "{\"client\":" : ",{\"client\":");
        strbuf_add_json(out, span_from_cstr(client));
        strbuf_printf(out, ",\"seconds_left\":%llu}",
                      (unsigned long long)(clients[i].left_ms / 1000));
    }
    strbuf_add_char(out, ']');
    free(deaths);
    free(clients);
}

/* What was asked of the process that has the keys; nothing where there is none. */
static void add_signatures(struct strbuf *out)
{
    struct key_counts counts;
    uint64_t refused = 0;

    if (!key_client_counts(&counts)) {
        return;
    }
    for (size_t i = KEY_ANSWER_SIGNED + 1; i < KEY_ANSWER_COUNT; i++) {
        refused += counts.answers[i];
    }
    strbuf_printf(out, ",\"signatures\":{\"signed\":%llu,\"delayed\":%llu,\"refused\":%llu}",
                  (unsigned long long)counts.answers[KEY_ANSWER_SIGNED],
                  (unsigned long long)counts.delayed, (unsigned long long)refused);
}

static void add_compression(struct strbuf *out, const struct report_compression *compression)
{
    strbuf_printf(
        out,
        ",\"compression\":{\"active\":%llu,\"memory\":%llu,\"responses\":%llu,"
        "\"uncompressed\":%llu,\"bytes_in\":%llu,\"bytes_out\":%llu}",
        (unsigned long long)compression->active, (unsigned long long)compression->memory,
        (unsigned long long)compression->responses, (unsigned long long)compression->uncompressed,
        (unsigned long long)compression->bytes_in, (unsigned long long)compression->bytes_out);
}

/* What is stored of responses; nothing where no route has a cache. */
static void add_cache(const struct admin_world *world, struct strbuf *out)
{
    struct snapshot *snapshot = current_take(world->current);
    struct cache_counts c;

    if (snapshot->cache != NULL) {
        cache_store_counts(snapshot->cache, &c);
        strbuf_printf(out,
                      ",\"cache\":{\"entries\":%llu,\"bytes\":%llu,\"limit\":%llu,\"hits\":%llu,"
                      "\"stale_hits\":%llu,\"misses\":%llu,\"waits\":%llu,\"stored\":%llu,"
                      "\"evicted\":%llu,\"purged\":%llu}",
                      (unsigned long long)c.entries, (unsigned long long)c.bytes,
                      (unsigned long long)c.limit_bytes, (unsigned long long)c.hits,
                      (unsigned long long)c.stale_hits, (unsigned long long)c.misses,
                      (unsigned long long)c.waits, (unsigned long long)c.stored,
                      (unsigned long long)c.evicted, (unsigned long long)c.purged);
    }
    snapshot_release(snapshot);
}

/* What each place of the access log has lost. */
static void add_log(const struct admin_world *world, struct strbuf *out)
{
    struct snapshot *snapshot = current_take(world->current);
    const struct log_targets *targets = &snapshot->log_targets;

    strbuf_add_cstr(out, ",\"log\":[");
    for (size_t i = 0; i < targets->count; i++) {
        struct log_writer_counts counts;

        log_writer_counts(targets->items[i].writer, &counts);
        strbuf_printf(out,
                      "%s{\"written_bytes\":%llu,\"waiting_bytes\":%llu,\"lost_lines\":%llu,"
                      "\"connections\":%llu",
                      i == 0 ? "\n" : ",\n", (unsigned long long)counts.written_bytes,
                      (unsigned long long)counts.waiting_bytes,
                      (unsigned long long)counts.lost_lines,
                      (unsigned long long)counts.connections);
        add_text(out, "to", log_writer_name(targets->items[i].writer));
        strbuf_add_char(out, '}');
    }
    strbuf_add_char(out, ']');
    snapshot_release(snapshot);
}

static void add_rule(void *arg, const char *name, const char *word, uint64_t hits)
{
    struct strbuf *out = arg;

    strbuf_printf(out, "%s{\"decided\":%llu", out->ptr[out->len - 1] == '[' ? "\n" : ",\n",
                  (unsigned long long)hits);
    add_text(out, "rule", name);
    add_text(out, "verdict", word);
    strbuf_add_char(out, '}');
}

/* Which rules of `access` have decided how often. */
static void add_rules(struct strbuf *out)
{
    strbuf_add_cstr(out, ",\"access\":[");
    rule_counts_each(add_rule, out);
    strbuf_add_char(out, ']');
}

static void add_mirror(void *arg, const struct mirror_counts *counts)
{
    static const char *const words[] = {"sent", "dropped", "too_large", "failed"};
    struct strbuf *out = arg;

    strbuf_add_cstr(out, out->ptr[out->len - 1] == '[' ? "\n{" : ",\n{");
    for (int i = 0; i < MIRROR_COUNTS; i++) {
        strbuf_printf(out, "%s\"%s\":%llu", i == 0 ? "" : ",", words[i],
                      (unsigned long long)mirror_counts_get(counts, (enum mirror_count)i));
    }
    add_text(out, "route", counts->route);
    add_text(out, "backend", counts->backend);
    strbuf_add_char(out, '}');
}

/* What became of the copies for mirrors. */
static void add_mirrors(struct strbuf *out)
{
    strbuf_add_cstr(out, ",\"mirrors\":[");
    mirror_counts_each(add_mirror, out);
    strbuf_add_char(out, ']');
}

static void add_mark(struct strbuf *out, const char *name, uint64_t mark)
{
    if (mark != SETTINGS_UNLIMITED) {
        strbuf_printf(out, ",\"%s\":%llu", name, (unsigned long long)mark);
    }
}

/* Nothing where it has no marks. */
static void add_memory(const struct admin_world *world, struct strbuf *out)
{
    static const char *const words[] = {"enough", "short", "out"};
    struct snapshot *snapshot = current_take(world->current);
    const struct memory_settings *marks = &snapshot->settings->memory;
    struct memory_look look = memory_look();

    if (memory_is_watched(marks)) {
        strbuf_printf(out, ",\"memory\":{\"level\":\"%s\",\"bytes\":%llu,\"changes\":%llu",
                      words[look.level], (unsigned long long)look.bytes,
                      (unsigned long long)look.changes);
        add_mark(out, "soft", marks->soft);
        add_mark(out, "hard", marks->hard);
        strbuf_add_char(out, '}');
    }
    snapshot_release(snapshot);
}

static void print_status(const struct admin_world *world, struct strbuf *out)
{
    const struct report *report = reporter_ask(world->reporter);

    strbuf_add_cstr(out, "{\"version\":");
    strbuf_add_json(out, span_from_cstr(world->version));
    strbuf_printf(out, ",\"pid\":%d,\"uptime_s\":%llu", (int)getpid(),
                  (unsigned long long)((clock_us() - world->started_us) / 1000000));
    strbuf_printf(out, ",\"workers\":%u,\"silent_workers\":%u", report->workers, report->silent);
    strbuf_printf(out, ",\"sessions\":%llu,\"exchanges\":%llu,\"failures\":%llu,\"backends\":[",
                  (unsigned long long)report->sessions, (unsigned long long)report->exchanges,
                  (unsigned long long)failures_total());
    for (size_t i = 0; i < report->backend_count; i++) {
        strbuf_add_cstr(out, i == 0 ? "\n" : ",\n");
        add_backend(out, &report->backends[i]);
    }
    strbuf_add_char(out, ']');
    add_memory(world, out);
    add_deaths(out);
    add_ocsp(out, &report->ocsp);
    add_signatures(out);
    add_compression(out, &report->compression);
    add_cache(world, out);
    add_log(world, out);
    add_rules(out);
    add_mirrors(out);
    strbuf_add_cstr(out, "}\n");
}

/* Certificates in an answer; a folder may have a hundred thousand. */
enum { CERTIFICATES_SHOWN = 20000 };

struct certificate_list {
    struct strbuf *out;
    int64_t now;
    size_t count;
};

static const char *kind_word(enum tls_listed_kind kind)
{
    return kind == TLS_LISTED_AUTHORITY     ? "authority"
           : kind == TLS_LISTED_REVOCATIONS ? "revocation list"
                                            : "certificate";
}

static void add_certificate(void *arg, const struct owned_certificate *certificate)
{
    struct certificate_list *list = arg;
    int64_t left = certificate->not_after - list->now;

    if (list->count++ >= CERTIFICATES_SHOWN) {
        return;
    }
    strbuf_add_cstr(list->out, list->count == 1 ? "\n{" : ",\n{");
    add_time(list->out, "not_before", certificate->not_before * 1000);
    strbuf_add_char(list->out, ',');
    add_time(list->out, "not_after", certificate->not_after * 1000);
    strbuf_printf(list->out, ",\"seconds_left\":%lld", (long long)left);
    add_text(list->out, "kind", kind_word(certificate->kind));
    add_text(list->out, "owner", certificate->owner);
    add_text(list->out, "names", certificate->names);
    add_text(list->out, "file", certificate->file);
    strbuf_add_char(list->out, '}');
}

static void print_certificates(const struct admin_world *world, struct strbuf *out)
{
    struct certificate_list list = {out, clock_wall_s(), 0};
    struct snapshot *snapshot = current_take(world->current);

    strbuf_add_cstr(out, "{\"certificates\":[");
    snapshot_each_certificate(snapshot, add_certificate, &list);
    snapshot_release(snapshot);
    strbuf_printf(out, "],\"total\":%zu}\n", list.count);
}

static void print_generations(const struct admin_world *world, struct strbuf *out)
{
    const struct report *report = reporter_ask(world->reporter);

    strbuf_printf(out,
                  "{\"workers\":%u,\"silent_workers\":%u,\"longest_turn_us\":%llu,"
                  "\"generations\":[",
                  report->workers, report->silent, (unsigned long long)report->longest_follow_us);
    for (size_t i = 0; i < report->generation_count; i++) {
        const struct report_generation *generation = &report->generations[i];
        strbuf_printf(out, "%s{\"number\":%llu,", i == 0 ? "\n" : ",\n",
                      (unsigned long long)generation->number);
        add_time(out, "loaded", generation->made_ms);
        strbuf_printf(
            out, ",\"is_present\":%s,\"workers\":%u,\"connections\":%llu,\"requests\":%llu}",
            generation->is_present ? "true" : "false", generation->workers,
            (unsigned long long)generation->sessions, (unsigned long long)generation->exchanges);
    }
    strbuf_add_cstr(out, "]}\n");
}

static const char *state_word(enum sandbox_state state)
{
    return state == SANDBOX_HOLDS       ? "holds"
           : state == SANDBOX_LACKS     ? "lacks"
           : state == SANDBOX_NOT_MEANT ? "off"
                                        : "unknown";
}

static void add_sandbox(struct strbuf *out, enum sandbox_role role,
                        const struct sandbox_report *report)
{
    strbuf_printf(out, "{\"role\":\"%s\",\"pid\":%d,\"parts\":[", sandbox_role_name(role),
                  (int)report->pid);
    for (size_t i = 0; i < SANDBOX_PARTS; i++) {
        strbuf_printf(out, "%s{\"part\":\"%s\",\"state\":\"%s\"", i == 0 ? "" : ",",
                      sandbox_part_name((enum sandbox_part)i), state_word(report->parts[i].state));
        add_text(out, "note", report->parts[i].note);
        strbuf_add_char(out, '}');
    }
    strbuf_add_cstr(out, "]}");
}

static void print_sandbox(const struct admin_world *world, struct strbuf *out)
{
    struct sandbox_report report;
    bool is_first = true;

    (void)world;
    strbuf_add_cstr(out, "{\"processes\":[");
    for (int role = 0; role < SANDBOX_ROLES; role++) {
        sandbox_look((enum sandbox_role)role, &report);
        if (report.pid != 0) {
            strbuf_add_cstr(out, is_first ? "\n" : ",\n");
            add_sandbox(out, (enum sandbox_role)role, &report);
            is_first = false;
        }
    }
    strbuf_add_cstr(out, "]}\n");
}

static void print_configuration(const struct admin_world *world, struct strbuf *out)
{
    struct snapshot *snapshot = current_take(world->current);

    configuration_print(snapshot->settings, out);
    snapshot_release(snapshot);
}

static void print_index(const struct admin_world *world, struct strbuf *out);

static const struct admin_route routes[] = {
    {"/", "this list", print_index},
    {"/status", "workers, connections, backends and their servers, OCSP responses", print_status},
    {"/configuration", "the files that the configuration was read from, and the environment's part",
     print_configuration},
    {ADMIN_BANS_PATH, "who is kept off, until when; and what was turned away", bans_print},
    {"/sandbox", "what the processes are confined to", print_sandbox},
    {"/certificates",
     "certificates of sites and backends, authorities and revocation lists, with their last days",
     print_certificates},
    {"/generations", "configurations that are in use: since when, by how many", print_generations},
    {"/handshakes", "failed handshakes and connections, by reason, and the last ones",
     print_handshakes},
};

static void print_index(const struct admin_world *world, struct strbuf *out)
{
    (void)world;
    strbuf_add_char(out, '{');
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        strbuf_printf(out, "%s\n\"%s\":\"%s\"", i == 0 ? "" : ",", routes[i].path, routes[i].doc);
    }
    strbuf_add_cstr(out, "}\n");
}

const struct admin_route *admin_route_find(struct span path)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (span_eq_cstr(path, routes[i].path)) {
            return &routes[i];
        }
    }
    return NULL;
}

/* tidegate status: asks a running gateway through its control socket. */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/options.h"

/* ---- printing ---- */

/* What clients send must not reach a terminal as it is. */
static void print_clean(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        (void)putchar(c < ' ' || c >= 0x7f ? '?' : c);
    }
}

static void print_group(const json_t *group, bool color)
{
    const json_t *example = json_object_get(group, "example");
    const char *name = control_text(example, "name");
    const char *mend = control_text(group, "mend");
    bool is_backend = strcmp(control_text(group, "side"), "backend") == 0;

    (void)printf("%s%6lld  ", color ? "\033[1m" : "", control_number(group, "count"));
    print_clean(control_text(group, "reason"));
    (void)printf("%s  (%s)\n", color ? "\033[0m" : "",
                 is_backend ? "with a backend" : "with a client");
    (void)printf("        when        %.19sZ", control_text(group, "last"));
    if (control_number(group, "count") > 1) {
        (void)printf(", first %.19sZ", control_text(group, "first"));
    }
    (void)printf("\n        who refused %s\n        why         ", control_text(example, "who"));
    print_clean(control_text(example, "detail"));
    (void)printf("\n        last        ");
    print_clean(control_text(example, "peer"));
    if (name[0] != '\0') {
        (void)printf(is_backend ? " of the backend " : " asked for ");
        print_clean(name);
    }
    if (mend[0] != '\0') {
        (void)printf("\n        what to do  ");
        print_clean(mend);
    }
    (void)printf("\n\n");
}

static void print_handshakes(const json_t *answer)
{
    const json_t *groups = json_object_get(answer, "groups");
    bool color = options_color(stdout);

    if (json_array_size(groups) == 0) {
        (void)printf("No handshake and no connection has failed since the gateway started.\n");
        return;
    }
    (void)printf("%lld failed since the gateway started:\n\n", control_number(answer, "total"));
    for (size_t i = 0; i < json_array_size(groups); i++) {
        print_group(json_array_get(groups, i), color);
    }
}

/* "  app.example (A): 10.0.0.5, 10.0.0.6; looked up again in 12 s" */
static void print_name(const json_t *name)
{
    long long next = control_number(name, "next_s");
    const char *values = control_text(name, "values");
    const char *problem = control_text(name, "problem");

    (void)printf("  ");
    print_clean(control_text(name, "name"));
    (void)printf(" (%s): ", control_text(name, "kind"));
    print_clean(values[0] != '\0' ? values : "nothing");
    if (isupper((unsigned char)control_text(name, "kind")[0])) { /* a type of record */
        if (next < 0) {
            (void)printf("; being looked up");
        } else {
            (void)printf("; looked up again in %lld s", next);
        }
    }
    if (problem[0] != '\0') {
        (void)printf("; ");
        print_clean(problem);
    }
    (void)printf("\n");
}

/* Nothing where nothing was seen. */
static void print_latency(const json_t *latency)
{
    if (latency != NULL) {
        (void)printf("  %-30s half within %.3g ms, 90 %% within %.3g ms, 99 %% within %.3g ms\n",
                     "", json_number_value(json_object_get(latency, "p50")),
                     json_number_value(json_object_get(latency, "p90")),
                     json_number_value(json_object_get(latency, "p99")));
    }
}

static const char *state_of(const json_t *server)
{
    const char *order = control_text(server, "order");

    if (!json_is_true(json_object_get(server, "resolved"))) {
        return "name not resolved";
    }
    return order[0] != '\0' && strcmp(order, "enabled") != 0 ? order
                                                             : control_text(server, "state");
}

static void print_server(const json_t *server)
{
    const char *why = control_text(server, "why");
    const char *check = control_text(server, "last_check");

    (void)printf("  %-30s %s", control_text(server, "address"), state_of(server));
    if (json_object_get(server, "state_s") != NULL) {
        (void)printf(" for %lld s", control_number(server, "state_s"));
    }
    if (json_is_integer(json_object_get(server, "ordered_weight"))) {
        (void)printf(", weight %lld (ordered)", control_number(server, "ordered_weight"));
    }
    (void)printf(", %lld in flight, %lld served, %lld errors, %lld failed, %lld idle connections\n",
                 control_number(server, "in_flight"), control_number(server, "served"),
                 control_number(server, "errors"), control_number(server, "failed"),
                 control_number(server, "idle"));
    print_latency(json_object_get(server, "latency_ms"));
    if (why[0] != '\0') {
        (void)printf("    why: ");
        print_clean(why);
        (void)printf("\n");
    }
    if (check[0] != '\0' && strcmp(check, why) != 0) {
        (void)printf("    last check, %lld s ago: ", control_number(server, "last_check_s"));
        print_clean(check);
        (void)printf("\n");
    }
}

/* Each priority's that got no server. */
static void print_shed(const json_t *shed)
{
    static const char *const words[] = {"high", "normal", "low"};
    bool is_first = true;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (control_number(shed, words[i]) != 0) {
            (void)printf("%s%lld %s", is_first ? ", shed: " : ", ", control_number(shed, words[i]),
                         words[i]);
            is_first = false;
        }
    }
}

static void print_concurrency(const json_t *concurrency)
{
    long long base_us = control_number(concurrency, "base_us");

    if (concurrency == NULL) {
        return;
    }
    (void)printf("  concurrency: %lld of %lld requests", control_number(concurrency, "in_use"),
                 control_number(concurrency, "limit"));
    if (base_us != 0) {
        (void)printf(", which take %.1f ms without a line", (double)base_us / 1000);
    }
    (void)printf("\n");
}

static void print_backend(const json_t *backend)
{
    const json_t *servers = json_object_get(backend, "servers");
    const json_t *queue = json_object_get(backend, "queue");
    const json_t *names = json_object_get(backend, "names");

    (void)printf("backend %s: %lld in use", control_text(backend, "name"),
                 control_number(backend, "leases"));
    if (queue != NULL) {
        (void)printf(", %lld waiting, %lld turned away", control_number(queue, "waiting"),
                     control_number(queue, "turned_away"));
        print_shed(json_object_get(queue, "shed"));
    }
    (void)printf("\n");
    print_concurrency(json_object_get(backend, "concurrency"));
    for (size_t i = 0; i < json_array_size(servers); i++) {
        print_server(json_array_get(servers, i));
    }
    for (size_t i = 0; i < json_array_size(names); i++) {
        print_name(json_array_get(names, i));
    }
}

/* Nothing where nothing is fetched. */
static void print_ocsp(const json_t *ocsp)
{
    const json_t *problems = json_object_get(ocsp, "problems");
    long long left = control_number(ocsp, "failing") - (long long)json_array_size(problems);

    if (control_number(ocsp, "certificates") == 0) {
        return;
    }
    (void)printf("OCSP: responses for %lld of %lld certificates\n", control_number(ocsp, "stapled"),
                 control_number(ocsp, "certificates"));
    for (size_t i = 0; i < json_array_size(problems); i++) {
        const json_t *problem = json_array_get(problems, i);
        (void)printf("  ");
        print_clean(control_text(problem, "certificate"));
        (void)printf(" (%s), from ", json_is_true(json_object_get(problem, "stapled"))
                                         ? "the response before still holds"
                                         : "none is stapled");
        print_clean(control_text(problem, "responder"));
        (void)printf(": ");
        print_clean(control_text(problem, "problem"));
        (void)printf("\n");
    }
    if (left > 0) {
        (void)printf("  and %lld more\n", left);
    }
}

/* Nothing where no process has died. */
static void print_deaths(const json_t *answer)
{
    const json_t *last = json_object_get(answer, "last_deaths");
    const json_t *refused = json_object_get(answer, "refused");
    long long total = control_number(answer, "deaths");

    if (total != 0) {
        (void)printf("%lld time%s the process that carries the traffic has died; lately:\n", total,
                     total == 1 ? "" : "s");
    }
    for (size_t i = 0; i < json_array_size(last); i++) {
        const json_t *death = json_array_get(last, i);

        (void)printf("  %.19sZ  it ", control_text(death, "time"));
        print_clean(control_text(death, "how"));
        if (control_text(death, "words")[0] != '\0') {
            (void)printf("\n    ");
            print_clean(control_text(death, "words"));
        }
        (void)printf("\n");
    }
    for (size_t i = 0; i < json_array_size(refused); i++) {
        const json_t *client = json_array_get(refused, i);

        (void)printf("client %s is refused for %lld s more: it was in hand at two deaths within a "
                     "minute\n",
                     control_text(client, "client"), control_number(client, "seconds_left"));
    }
}

/* Nothing where the gateway has its keys itself. */
/* Which rules of `access` have decided anything. */
static void print_rules(const json_t *rules)
{
    json_t *rule;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)rules, i, rule)
    {
        (void)printf("%-7s %s: %lld\n", control_text(rule, "verdict"), control_text(rule, "rule"),
                     control_number(rule, "decided"));
    }
}

/* What became of the copies for mirrors. */
static void print_mirrors(const json_t *mirrors)
{
    json_t *mirror;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)mirrors, i, mirror)
    {
        (void)printf("mirror %s of %s: %lld sent, %lld failed; not sent: %lld dropped, %lld too "
                     "large\n",
                     control_text(mirror, "backend"), control_text(mirror, "route"),
                     control_number(mirror, "sent"), control_number(mirror, "failed"),
                     control_number(mirror, "dropped"), control_number(mirror, "too_large"));
    }
}

static void print_cache(const json_t *cache)
{
    if (cache == NULL) {
        return;
    }
    (void)printf("cache: %lld responses, %lld of %lld bytes; %lld hits, %lld stale, %lld misses, "
                 "%lld evicted, %lld purged\n",
                 control_number(cache, "entries"), control_number(cache, "bytes"),
                 control_number(cache, "limit"), control_number(cache, "hits"),
                 control_number(cache, "stale_hits"), control_number(cache, "misses"),
                 control_number(cache, "evicted"), control_number(cache, "purged"));
}

/* Where all was written nothing is said. */
static void print_log(const json_t *log)
{
    for (size_t i = 0; i < json_array_size(log); i++) {
        const json_t *place = json_array_get(log, i);

        if (control_number(place, "lost_lines") != 0) {
            (void)printf("access log %s: %lld lines lost\n", control_text(place, "to"),
                         control_number(place, "lost_lines"));
        }
    }
}

static void print_signatures(const json_t *signatures)
{
    if (signatures == NULL) {
        return;
    }
    (void)printf("keys in a process of their own: %lld signatures",
                 control_number(signatures, "signed"));
    if (control_number(signatures, "delayed") != 0) {
        (void)printf(", limits.signatures reached %lld times",
                     control_number(signatures, "delayed"));
    }
    if (control_number(signatures, "refused") != 0) {
        (void)printf(", %lld refused (see the log)", control_number(signatures, "refused"));
    }
    (void)printf("\n");
}

static void print_memory(const json_t *memory)
{
    static const char *const marks[] = {"soft", "hard"};

    if (memory == NULL) {
        return;
    }
    (void)printf("memory: %s, %lld MiB", control_text(memory, "level"),
                 control_number(memory, "bytes") >> 20);
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (json_object_get(memory, marks[i]) != NULL) {
            (void)printf(", %s %lld MiB", marks[i], control_number(memory, marks[i]) >> 20);
        }
    }
    (void)printf("\n");
}

static void print_compression(const json_t *compression)
{
    long long in = control_number(compression, "bytes_in");
    long long refused = control_number(compression, "uncompressed");

    if (control_number(compression, "responses") == 0 && refused == 0) {
        return;
    }
    (void)printf("%lld responses compressed to %lld %% of %lld MB, %lld of them under way",
                 control_number(compression, "responses"),
                 in != 0 ? control_number(compression, "bytes_out") * 100 / in : 100, in / 1000000,
                 control_number(compression, "active"));
    if (refused != 0) {
        (void)printf("; %lld not, as limits.compression_memory was reached", refused);
    }
    (void)printf("\n");
}

static void print_status(const json_t *answer)
{
    const json_t *backends = json_object_get(answer, "backends");
    long long up = control_number(answer, "uptime_s");

    (void)printf("Tidegate %s, process %lld, up %lld d %02lld:%02lld:%02lld\n",
                 control_text(answer, "version"), control_number(answer, "pid"), up / 86400,
                 up / 3600 % 24, up / 60 % 60, up % 60);
    (void)printf("%lld workers, %lld connections, %lld requests under way, %lld failures",
                 control_number(answer, "workers"), control_number(answer, "sessions"),
                 control_number(answer, "exchanges"), control_number(answer, "failures"));
    (void)printf("%s\n", control_number(answer, "failures") != 0 ? " (see --handshakes)" : "");
    if (control_number(answer, "silent_workers") != 0) {
        (void)printf("%lld of the workers did not answer in time\n",
                     control_number(answer, "silent_workers"));
    }
    print_deaths(answer);
    for (size_t i = 0; i < json_array_size(backends); i++) {
        print_backend(json_array_get(backends, i));
    }
    print_ocsp(json_object_get(answer, "ocsp"));
    print_cache(json_object_get(answer, "cache"));
    print_log(json_object_get(answer, "log"));
    print_rules(json_object_get(answer, "access"));
    print_mirrors(json_object_get(answer, "mirrors"));
    print_signatures(json_object_get(answer, "signatures"));
    print_memory(json_object_get(answer, "memory"));
    print_compression(json_object_get(answer, "compression"));
}

static int compare_ends(const void *a, const void *b)
{
    long long left = control_number(*(const json_t *const *)a, "seconds_left");
    long long right = control_number(*(const json_t *const *)b, "seconds_left");

    return (left > right) - (left < right);
}

/* The one that ends first at the top. */
static void print_certificates(const json_t *answer)
{
    const json_t *found = json_object_get(answer, "certificates");
    size_t count = json_array_size(found);
    const json_t **sorted = xcalloc(count + 1, sizeof(*sorted));

    for (size_t i = 0; i < count; i++) {
        sorted[i] = json_array_get(found, i);
    }
    qsort(sorted, count, sizeof(*sorted), compare_ends);
    for (size_t i = 0; i < count; i++) {
        long long left = control_number(sorted[i], "seconds_left");
        (void)printf("%.10s  %s%lld days%s  ", control_text(sorted[i], "not_after"),
                     left < 0 ? "ended " : "", (left < 0 ? -left : left) / 86400,
                     left < 0 ? " ago" : " left");
        print_clean(control_text(sorted[i], "owner"));
        (void)printf("  ");
        if (strcmp(control_text(sorted[i], "kind"), "certificate") != 0) {
            print_clean(control_text(sorted[i], "kind"));
            (void)printf(" ");
        }
        print_clean(control_text(sorted[i], "names"));
        (void)printf("  ");
        print_clean(control_text(sorted[i], "file"));
        (void)printf("\n");
    }
    if (control_number(answer, "total") > (long long)count) {
        (void)printf("and %lld more\n", control_number(answer, "total") - (long long)count);
    }
    if (count == 0) {
        (void)printf("No site and no backend has a certificate.\n");
    }
    free(sorted);
}

static void print_confined(const json_t *process)
{
    const json_t *parts = json_object_get(process, "parts");

    (void)printf("%s (process %lld)\n", control_text(process, "role"),
                 control_number(process, "pid"));
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i);

        (void)printf("  %-14s %-6s ", control_text(part, "part"), control_text(part, "state"));
        print_clean(control_text(part, "note"));
        (void)printf("\n");
    }
}

static void print_sandbox(const json_t *answer)
{
    const json_t *processes = json_object_get(answer, "processes");

    for (size_t i = 0; i < json_array_size(processes); i++) {
        print_confined(json_array_get(processes, i));
    }
}

static void print_generations(const json_t *answer)
{
    const json_t *all = json_object_get(answer, "generations");

    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        bool is_present = json_is_true(json_object_get(one, "is_present"));

        (void)printf("%lld  loaded %.19sZ  %-7s  %lld of %lld workers, %lld connections, %lld "
                     "requests\n",
                     control_number(one, "number"), control_text(one, "loaded"),
                     is_present ? "present" : "old", control_number(one, "workers"),
                     control_number(answer, "workers"), control_number(one, "connections"),
                     control_number(one, "requests"));
    }
    (void)printf("%.2f ms of a worker's time at once was the most that one of them took\n",
                 (double)control_number(answer, "longest_turn_us") / 1000.0);
}

static const struct page {
    const char *path;
    void (*print)(const json_t *answer);
} pages[] = {{"/status", print_status},
             {"/handshakes", print_handshakes},
             {"/certificates", print_certificates},
             {"/sandbox", print_sandbox},
             {"/generations", print_generations}};

static bool show(const char *path, const struct page *page, bool as_json, struct error *error)
{
    struct strbuf answer;
    json_t *json;
    bool ok;

    if (!as_json) {
        json = control_get_json(path, page->path, error);
        if (json != NULL) {
            page->print(json);
            json_decref(json);
        }
        return json != NULL;
    }
    strbuf_init(&answer);
    ok = control_get(path, page->path, &answer, error);
    if (ok) {
        (void)fputs(answer.ptr, stdout);
    }
    strbuf_free(&answer);
    return ok;
}

int cmd_status(int argc, char **argv)
{
    const char *config = NULL;
    const char *socket_path = NULL;
    bool handshakes = false;
    bool certificates = false;
    bool sandbox = false;
    bool generations = false;
    bool as_json = false;
    const struct option_spec specs[] = {
        {"--config", "-c", &config, NULL},         {"--socket", NULL, &socket_path, NULL},
        {"--handshakes", NULL, NULL, &handshakes}, {"--certificates", NULL, NULL, &certificates},
        {"--sandbox", NULL, NULL, &sandbox},       {"--generations", NULL, NULL, &generations},
        {"--json", NULL, NULL, &as_json}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);
    struct error error;
    char *path;
    bool ok;

    if (result != OPTIONS_OK) {
        return result;
    }
    if (handshakes + certificates + sandbox + generations > 1) {
        return usage_error("status",
                           "--handshakes, --certificates, --sandbox or --generations, one "
                           "at a time");
    }
    path = socket_path != NULL ? xstrdup(socket_path) : control_path_of_config(config, &error);
    ok = path != NULL && show(path,
                              &pages[generations    ? 4
                                     : sandbox      ? 3
                                     : certificates ? 2
                                     : handshakes   ? 1
                                                    : 0],
                              as_json, &error);
    free(path);
    if (!ok) {
        (void)fprintf(stderr, "tidegate status: %s\n", error.text);
    }
    return ok ? 0 : 1;
}

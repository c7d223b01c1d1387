/* tidegate route: what would serve a URL, hop by hop, without sending anything. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/load_settings.h"
#include "cli/options.h"
#include "cli/route_answer.h"
#include "cli/route_backend.h"
#include "cli/route_who.h"
#include "config/address.h"
#include "config/config.h"
#include "http/message.h"
#include "tls/hello.h"

static void print_result(const struct route_answer *answer)
{
    switch (answer->outcome) {
    case ROUTE_TO_BACKEND:
    case ROUTE_TO_PASSTHROUGH:
    case ROUTE_TO_TCP:
        (void)printf("=> %s '%s'\n",
                     answer->outcome == ROUTE_TO_BACKEND ? "backend"
                     : answer->outcome == ROUTE_TO_TCP   ? "relayed to"
                                                         : "passed through to",
                     answer->backend->name);
        break;
    case ROUTE_TO_RESPOND:
        (void)printf("=> answered by Tidegate itself: %u\n", answer->status);
        break;
    case ROUTE_TO_FILES:
        (void)printf("=> files of %s\n", answer->route->files->root);
        break;
    case ROUTE_TO_REDIRECT:
        (void)printf("=> %u to %s\n", answer->status, answer->location);
        break;
    case ROUTE_TO_REFUSAL:
        if (answer->status != 0) {
            (void)printf("=> refused: %u (%s)\n", answer->status, answer->reason);
        } else {
            (void)printf("=> refused: %s\n", answer->reason);
        }
    }
}

static const char *file_of(const struct settings *settings, struct place place)
{
    return settings->origin.files[place.file].name;
}

/* The servers, as the gateway that runs has them. */
static void print_now(const json_t *now)
{
    json_t *server;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)now, i, server)
    {
        const char *why = control_text(server, "why");
        (void)printf("  %-9s %s is %s%s%s\n", "now", control_text(server, "address"),
                     route_server_state(server), why[0] != '\0' ? ": " : "", why);
    }
}

static void print_line(const char *what, const char *text, struct place place,
                       const struct settings *settings)
{
    (void)printf("  %-9s %s", what, text);
    if (place.line > 0) {
        (void)printf("  (%s:%d)", file_of(settings, place), place.line);
    }
    (void)printf("\n");
}

static void print_tries(const struct route_answer *answer, const struct settings *settings)
{
    for (size_t i = 0; i < answer->try_count; i++) {
        const struct route_try *try = &answer->tries[i];
        char text[1024];

        (void)snprintf(text, sizeof(text), "'%s': %s", try->route->name, try->text);
        print_line("not", text, try->route->place, settings);
    }
}

/* What the routes said stands before the step in which one was taken, or none. */
static void print_text(const struct route_answer *answer, const char *url,
                       const struct settings *settings, const json_t *now)
{
    bool is_told = false;

    (void)printf("%s\n", url);
    for (size_t i = 0; i < answer->step_count; i++) {
        const struct route_step *step = &answer->steps[i];

        if (!is_told && strcmp(step->what, "route") == 0) {
            print_tries(answer, settings);
            is_told = true;
        }
        print_line(step->what, step->text, step->place, settings);
    }
    if (!is_told) {
        print_tries(answer, settings);
    }
    print_now(now);
    print_result(answer);
}

static void add_member(struct strbuf *b, const char *name, const char *value)
{
    if (value != NULL) {
        strbuf_printf(b, ",\"%s\":", name);
        strbuf_add_json(b, span_from_cstr(value));
    }
}

static void add_servers(struct strbuf *b, const struct backend_settings *backend)
{
    add_member(b, "backend", backend->name);
    strbuf_add_cstr(b, ",\"servers\":[");
    for (size_t i = 0; i < backend->server_count; i++) {
        strbuf_add_cstr(b, i == 0 ? "{\"address\":" : ",{\"address\":");
        strbuf_add_json(b, span_from_cstr(backend->servers[i].address.text));
        strbuf_printf(b, ",\"weight\":%u}", backend->servers[i].weight);
    }
    strbuf_add_char(b, ']');
    if (backend->servers_from != NULL) {
        add_member(b, "servers_from",
                   backend->servers_from->file != NULL ? backend->servers_from->file
                                                       : backend->servers_from->url);
    }
}

static void add_steps(struct strbuf *b, const struct route_answer *answer,
                      const struct settings *settings)
{
    strbuf_add_cstr(b, ",\"steps\":[");
    for (size_t i = 0; i < answer->step_count; i++) {
        const struct route_step *step = &answer->steps[i];

        strbuf_add_cstr(b, i == 0 ? "{\"what\":" : ",{\"what\":");
        strbuf_add_json(b, span_from_cstr(step->what));
        add_member(b, "text", step->text);
        if (step->place.line > 0) {
            add_member(b, "file", file_of(settings, step->place));
            strbuf_printf(b, ",\"line\":%d", step->place.line);
        }
        strbuf_add_char(b, '}');
    }
    strbuf_add_char(b, ']');
}

static void add_now(struct strbuf *b, const json_t *now)
{
    json_t *server;
    size_t i;

    strbuf_add_cstr(b, ",\"now\":[");
    json_array_foreach((json_t *)(uintptr_t)now, i, server)
    {
        strbuf_add_cstr(b, i == 0 ? "{\"address\":" : ",{\"address\":");
        strbuf_add_json(b, span_from_cstr(control_text(server, "address")));
        add_member(b, "state", route_server_state(server));
        add_member(b, "why",
                   control_text(server, "why")[0] != '\0' ? control_text(server, "why") : NULL);
        strbuf_add_char(b, '}');
    }
    strbuf_add_char(b, ']');
}

static void add_tries(struct strbuf *b, const struct route_answer *answer,
                      const struct settings *settings)
{
    strbuf_add_cstr(b, ",\"tried\":[");
    for (size_t i = 0; i < answer->try_count; i++) {
        const struct route_try *try = &answer->tries[i];

        strbuf_add_cstr(b, i == 0 ? "{\"route\":" : ",{\"route\":");
        strbuf_add_json(b, span_from_cstr(try->route->name));
        add_member(b, "failed", try->failed);
        add_member(b, "text", try->text);
        if (try->route->place.line > 0) {
            add_member(b, "file", file_of(settings, try->route->place));
            strbuf_printf(b, ",\"line\":%d", try->route->place.line);
        }
        strbuf_add_char(b, '}');
    }
    strbuf_add_char(b, ']');
}

static void print_json(const struct route_answer *answer, const char *url,
                       const struct settings *settings, const json_t *now)
{
    struct strbuf b;

    strbuf_init(&b);
    strbuf_add_cstr(&b, "{\"url\":");
    strbuf_add_json(&b, span_from_cstr(url));
    add_member(&b, "result", route_outcome_word(answer->outcome));
    if (answer->status != 0) {
        strbuf_printf(&b, ",\"status\":%u", answer->status);
    }
    add_member(&b, "reason", answer->reason);
    add_member(&b, "rule", answer->rule);
    add_member(&b, "location", answer->location);
    add_member(&b, "listener", answer->listener);
    add_member(&b, "site", answer->site != NULL ? answer->site->name : NULL);
    add_member(&b, "route", answer->route != NULL ? answer->route->name : NULL);
    if (answer->path.ptr != NULL) {
        strbuf_add_cstr(&b, ",\"path\":");
        strbuf_add_json(&b, answer->path);
    }
    if (answer->backend != NULL) {
        add_servers(&b, answer->backend);
    }
    if (now != NULL) {
        add_now(&b, now);
    }
    add_tries(&b, answer, settings);
    add_steps(&b, answer, settings);
    (void)printf("%.*s}\n", SPAN_ARG(strbuf_span(&b)));
    strbuf_free(&b);
}

static int answer_question(const struct settings *settings, const struct route_question *question,
                           const char *url, bool json)
{
    struct route_answer answer;
    struct arena arena;
    json_t *now = NULL;
    int status;

    arena_init(&arena, 4096);
    route_answer_find(&answer, settings, question, &arena);
    if (answer.backend != NULL) {
        now = route_servers_now(settings, answer.backend);
    }
    if (json) {
        print_json(&answer, url, settings, now);
    } else {
        print_text(&answer, url, settings, now);
    }
    json_decref(now);
    status = answer.outcome == ROUTE_TO_REFUSAL ? 1 : 0;
    arena_destroy(&arena);
    return status;
}

/* "h2,http/1.1"; the most that a ClientHello's are looked at. */
static bool read_protocols(const char *text, struct span protocols[HELLO_ALPN_MAX], size_t *count)
{
    struct span rest = text[0] != '\0' ? span_from_cstr(text) : (struct span){0};

    *count = 0;
    while (rest.ptr != NULL) {
        if (*count == HELLO_ALPN_MAX || !span_split(&rest, ',', &protocols[*count]) ||
            protocols[*count].len == 0) {
            return false;
        }
        (*count)++;
    }
    return true;
}

/* ---- what the request is like ---- */

enum { FIELDS_MAX = 64, WHO_MAX = 64 };

struct route_options {
    const char *config;
    const char *url;
    const char *method;
    const char *sni;
    const char *alpn;
    struct span protocols[HELLO_ALPN_MAX]; /* read from it */
    bool json;
    bool no_certificate;
    const char *headers[FIELDS_MAX];
    size_t header_count;
    const char *cookies[FIELDS_MAX];
    size_t cookie_count;
    const char *from;
    struct network network; /* read from it: of one address */
    struct route_field fields[2 * FIELDS_MAX];
    const char *who[WHO_MAX]; /* --as */
    size_t who_count;
    const char *claims[WHO_MAX];
    size_t claim_count;
    const char *at;
    struct route_who found;
};

/* OPTIONS_OK, or the status of a usage error. */
static int read_request(struct route_options *options, struct route_question *question)
{
    for (size_t i = 0; i < options->header_count; i++) {
        if (!route_field_parse(span_from_cstr(options->headers[i]), &options->fields[i])) {
            return usage_error("route", "--header '%s' is not 'name: value'", options->headers[i]);
        }
    }
    for (size_t i = 0; i < options->cookie_count; i++) {
        if (strchr(options->cookies[i], '=') == NULL) {
            return usage_error("route", "--cookie '%s' is not name=value", options->cookies[i]);
        }
        options->fields[options->header_count + i] =
            (struct route_field){SPAN_OF("Cookie"), span_from_cstr(options->cookies[i])};
    }
    question->fields = options->fields;
    question->field_count = options->header_count + options->cookie_count;
    if (!route_question_from(question, options->from, &options->network)) {
        return usage_error("route", "--from '%s' is no address", options->from);
    }
    for (size_t i = 0; i < options->who_count; i++) {
        if (!route_who_add(&options->found, span_from_cstr(options->who[i]))) {
            return usage_error("route", "--as '%s' is not user=, group= or scope= and a name",
                               options->who[i]);
        }
    }
    for (size_t i = 0; i < options->claim_count; i++) {
        if (!route_who_add_claim(&options->found, span_from_cstr(options->claims[i]))) {
            return usage_error("route", "--claim '%s' is not name=value", options->claims[i]);
        }
    }
    question->says_who = options->who_count + options->claim_count != 0;
    question->identity = route_who_identity(&options->found);
    if (options->at != NULL && !route_time_parse(span_from_cstr(options->at), &question->at_s)) {
        return usage_error("route", "--at '%s' is no time, such as 2027-01-31T18:30:00Z",
                           options->at);
    }
    return OPTIONS_OK;
}

/* What was asked for in TLS, or would be. The same. */
static int read_hello(struct route_options *options, struct route_question *question)
{
    const char *sni = options->sni;
    const char *alpn = options->alpn;

    question->is_without_certificate = options->no_certificate;
    if (sni != NULL) {
        if (!question->is_https) {
            return usage_error("route", "--sni is for https:// URLs");
        }
        question->sni = sni[0] != '\0' ? span_from_cstr(sni) : (struct span){0};
    }
    if (alpn != NULL && !question->is_https) {
        return usage_error("route", "--alpn is for https://, tls:// and postgres:// URLs");
    }
    if (alpn == NULL) {
        alpn = question->starttls == STARTTLS_OFF && !question->is_bytes ? "h2,http/1.1" : "";
    }
    if (!read_protocols(alpn, options->protocols, &question->alpn_count)) {
        return usage_error("route", "'%s' is no list of protocols, such as h2,http/1.1", alpn);
    }
    question->alpn = options->protocols;
    return OPTIONS_OK;
}

static int read_question(struct route_options *options, struct route_question *question)
{
    struct error error;
    int result;

    if (options->url == NULL) {
        return usage_error("route", "which URL?");
    }
    if (!route_question_parse(question, options->url, &error)) {
        return usage_error("route", "%s", error.text);
    }
    if (!http_is_token(span_from_cstr(options->method))) {
        return usage_error("route", "'%s' is no method", options->method);
    }
    question->method = span_from_cstr(options->method);
    result = read_request(options, question);
    return result != OPTIONS_OK ? result : read_hello(options, question);
}

static int take_options(struct route_options *options, int argc, char **argv)
{
    const struct {
        const char *name;
        const char *letter;
        const char **items;
        size_t *count;
        size_t max;
    } lists[] = {{"--header", "-H", options->headers, &options->header_count, FIELDS_MAX},
                 {"--cookie", NULL, options->cookies, &options->cookie_count, FIELDS_MAX},
                 {"--as", NULL, options->who, &options->who_count, WHO_MAX},
                 {"--claim", NULL, options->claims, &options->claim_count, WHO_MAX}};
    const struct option_spec specs[] = {{"--config", "-c", &options->config, NULL},
                                        {"--sni", NULL, &options->sni, NULL},
                                        {"--alpn", NULL, &options->alpn, NULL},
                                        {"--method", NULL, &options->method, NULL},
                                        {"--from", NULL, &options->from, NULL},
                                        {"--at", NULL, &options->at, NULL},
                                        {"--no-certificate", NULL, NULL, &options->no_certificate},
                                        {"--json", NULL, NULL, &options->json}};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        argc = options_take_all(argc, argv, lists[i].name, lists[i].letter, lists[i].items,
                                lists[i].count, lists[i].max);
        if (argc == 0) {
            return 2;
        }
    }
    return options_parse(argc, argv, specs, ARRAY_LEN(specs), &options->url, 1);
}

int cmd_route(int argc, char **argv)
{
    struct route_options options = {.method = "GET", .from = "203.0.113.1"};
    struct route_question question;
    struct settings *settings;
    int result = take_options(&options, argc, argv);

    if (result == OPTIONS_OK) {
        result = read_question(&options, &question);
    }
    if (result != OPTIONS_OK) {
        return result;
    }
    settings = load_settings(options.config);
    if (settings == NULL) {
        return 1;
    }
    result = answer_question(settings, &question, options.url, options.json);
    settings_destroy(settings);
    return result;
}

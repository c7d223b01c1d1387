#include "cli/explain_route.h"

#include <jansson.h>
#include <string.h>

#include "base/check.h"
#include "base/span.h"
#include "cli/control_client.h"
#include "cli/explain_session.h"
#include "cli/route_answer.h"
#include "cli/route_backend.h"
#include "config/address.h"
#include "http/message.h"

/* Who asks, when the connection is gone (or never was): as `tidegate route` has it. */
static const char SOMEBODY[] = "203.0.113.1";

struct asked {
    struct route_question question;
    struct route_field fields[EXPLAIN_HEADERS_MAX];
    struct span alpn[2];
    struct network network; /* the client's address */
    char from[SOCK_TEXT_MAX];
};

static void set_from(struct asked *asked, const struct sock_address *local)
{
    struct complaint complaint;

    if (local->len != 0) {
        struct peer peer = peer_from(local);

        asked->from[peer_ip_text(&peer, asked->from)] = '\0';
    }
    if (local->len == 0 ||
        !network_parse(span_from_cstr(asked->from), &asked->network, &complaint)) {
        (void)strcpy(asked->from, SOMEBODY);
        CHECK(network_parse(span_from_cstr(asked->from), &asked->network, &complaint));
    }
    asked->question.from = asked->network.address;
    asked->question.from_text = span_from_cstr(asked->from);
}

/* The options were checked, and the URL was asked already. */
static bool make_question(struct asked *asked, const struct explain *ex)
{
    const struct explain_options *options = ex->options;
    struct route_question *question = &asked->question;
    struct error error;
    struct span host;
    uint16_t port;

    if (!route_question_parse(question, options->url, &error)) {
        return false;
    }
    if (options->connect != NULL &&
        http_parse_authority(span_from_cstr(options->connect), &host, &port) && port != 0) {
        question->port = port;
    }
    if (options->sni != NULL) {
        question->sni = options->sni[0] != '\0' ? span_from_cstr(options->sni) : (struct span){0};
    }
    for (size_t i = 0; i < options->header_count; i++) {
        struct span line = span_from_cstr(options->headers[i]);
        size_t colon = span_find(line, ':');
        asked->fields[i] =
            (struct route_field){span_head(line, colon), span_trim(span_skip(line, colon + 1))};
    }
    question->fields = asked->fields;
    question->field_count = options->header_count;
    question->method = span_from_cstr(options->method);
    question->is_without_certificate = options->certificate == NULL;
    asked->alpn[0] = options->http11 ? SPAN_OF("http/1.1") : SPAN_OF("h2");
    asked->alpn[1] = SPAN_OF("http/1.1");
    question->alpn = asked->alpn;
    question->alpn_count = question->is_bytes ? 0 : options->http11 ? 1 : 2;
    set_from(asked, &ex->local);
    return true;
}

/* Hops that the steps before this one do not show already. */
static bool is_worth_noting(const char *what)
{
    static const char *const left_out[] = {"listener", "TLS"};

    for (size_t i = 0; i < ARRAY_LEN(left_out); i++) {
        if (strcmp(what, left_out[i]) == 0) {
            return false;
        }
    }
    return true;
}

static void note_now(struct explain *ex, const json_t *now)
{
    json_t *server;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)now, i, server)
    {
        const char *why = control_text(server, "why");
        explain_note(ex, "now", "%s is %s%s%s", control_text(server, "address"),
                     route_server_state(server), why[0] != '\0' ? ": " : "", why);
    }
}

void explain_route(struct explain *ex, const struct settings *settings)
{
    struct asked asked = {0};
    struct route_answer answer;

    explain_step(ex, EXPLAIN_HERE, "route",
                 ex->target.is_bytes ? "what the configuration makes of this session"
                                     : "what the configuration makes of this request");
    if (!make_question(&asked, ex)) {
        explain_note(ex, "outcome", "not known for such a URL");
        return;
    }
    route_answer_find(&answer, settings, &asked.question, &ex->arena);
    explain_note(ex, "outcome", "%s", route_outcome_word(answer.outcome));
    for (size_t i = 0; i < answer.step_count; i++) {
        if (answer.outcome == ROUTE_TO_REFUSAL || is_worth_noting(answer.steps[i].what)) {
            explain_note(ex, answer.steps[i].what, "%s", answer.steps[i].text);
        }
    }
    if (answer.backend != NULL) {
        json_t *now = route_servers_now(settings, answer.backend);
        note_now(ex, now);
        json_decref(now);
    }
    if (ex->target.is_bytes) {
        explain_session_log(ex, settings, answer.site);
    }
}

#include "cli/route_answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "access/access_rules.h"
#include "cli/route_access.h"
#include "cli/route_answers.h"
#include "cli/route_backend.h"
#include "cli/route_location.h"
#include "cli/route_request.h"
#include "cli/route_tls.h"
#include "config/serving.h"
#include "edge/balance_key.h"
#include "edge/rewrite.h"
#include "edge/script.h"
#include "edge/serve.h"
#include "http/h1_parse.h"
#include "http/message.h"
#include "settings/mirror_settings.h"
#include "settings/split_settings.h"
#include "tls/hello.h"
#include "tls/protocol_choice.h"

static const char *const how_matched[] = {
    [HOST_MATCH_NONE] = "",
    [HOST_MATCH_EXACT] = "by its exact name",
    [HOST_MATCH_WILDCARD] = "by its wildcard",
    [HOST_MATCH_ANY_DEPTH] = "by its wildcard of any depth",
    [HOST_MATCH_PATTERN] = "by its regular expression",
    [HOST_MATCH_DEFAULT] = "as the default site",
    [HOST_MATCH_ADDRESS] = "by the address connected to",
};

/* What is passed along while the answer grows. */
struct search {
    struct route_answer *answer;
    const struct settings *settings;
    const struct route_question *question;
    const struct listener_settings *listener;
    const struct address_setting *bind; /* of it, at which the connection arrives */
    struct arena *arena;
    struct serving serving;
    const struct host_table *hosts; /* of that listener */
    struct route_request *request;  /* as live traffic has it, while it is routed */
};

static void add_step(struct search *s, const char *what, struct place place, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static void add_step(struct search *s, const char *what, struct place place, const char *fmt, ...)
{
    struct route_answer *answer = s->answer;
    va_list args;

    CHECK(answer->step_count < ROUTE_STEPS_MAX);
    va_start(args, fmt);
    answer->steps[answer->step_count++] =
        (struct route_step){what, arena_vprintf(s->arena, fmt, args), place};
    va_end(args);
}

static void refuse(struct search *s, unsigned status, const char *reason)
{
    s->answer->outcome = ROUTE_TO_REFUSAL;
    s->answer->status = status;
    s->answer->reason = reason;
}

const char *route_outcome_word(enum route_outcome outcome)
{
    static const char *const words[] = {"backend", "passthrough", "tcp",    "respond",
                                        "files",   "redirect",    "refused"};

    return words[outcome];
}

/* --- the listener --- */

static bool is_any_address(const struct address_setting *bind)
{
    return bind->kind == ADDRESS_ANY || strcmp(bind->host, "0.0.0.0") == 0 ||
           strcmp(bind->host, "::") == 0;
}

/* Whether a connection to the URL's host and port would arrive at this bind. A name could be any
 * address of this machine, and which one only DNS knows; a port that is chosen at start-up could be
 * any, so it only serves when nothing else does. */
static bool bind_fits(const struct address_setting *bind, const struct route_question *question,
                      bool allow_any_port)
{
    struct span host = question->host;

    if (bind->kind == ADDRESS_UNIX || (bind->port != question->port && bind->port != 0) ||
        (bind->port == 0 && !allow_any_port)) {
        return false;
    }
    if (bind->kind == ADDRESS_NAME || host.len == 0 || route_is_name(host) ||
        is_any_address(bind)) {
        return true;
    }
    char text[HOST_ADDRESS_MAX];
    char bound[HOST_ADDRESS_MAX];
    return span_eq(host_canonical(host, text), host_canonical(span_from_cstr(bind->host), bound));
}

static bool find_bind(struct search *s, bool allow_any_port)
{
    for (size_t i = 0; i < s->settings->listener_count; i++) {
        const struct listener_settings *listener = &s->settings->listeners[i];

        for (size_t k = 0; k < listener->bind.count; k++) {
            const struct address_setting *bind = &listener->bind.items[k];

            if (bind_fits(bind, s->question, allow_any_port)) {
                s->listener = listener;
                s->bind = bind;
                s->answer->listener = bind->text;
                add_step(s, "listener", bind->place, "%s%s", bind->text,
                         bind->port == 0 ? " (any free port, chosen at start-up)" : "");
                return true;
            }
        }
    }
    return false;
}

static bool find_listener(struct search *s)
{
    if (find_bind(s, false) || find_bind(s, true)) {
        return true;
    }
    add_step(s, "listener", (struct place){0},
             "none listens on port %u: the connection is refused by the system; add it to "
             "`listeners: - bind:`",
             (unsigned)s->question->port);
    refuse(s, 0, "no_listener");
    return false;
}

static const struct site_settings *settings_of(const struct search *s, const struct edge_site *site)
{
    return site != NULL ? &s->settings->sites[serving_index(&s->serving, site)] : NULL;
}

/* --- servers --- */

static void add_backend(struct search *s, const struct backend_settings *backend, const char *way)
{
    const char *proxy = backend->proxy_protocol == BACKEND_PROXY_V1    ? ", PROXY v1 first"
                        : backend->proxy_protocol != BACKEND_PROXY_OFF ? ", PROXY v2 first"
                                                                       : "";

    s->answer->backend = backend;
    add_step(s, "backend", backend->place, "'%s', %s%s%s", backend->name,
             backend->server_count > 1 ? route_how_chosen(s->arena, &backend->balance) : "",
             route_servers_text(s->arena, backend), proxy);
    add_step(s, "upstream", (struct place){0}, "%s", way);
}

/* Whom it gets first, where that is determined. */
static void add_first(struct search *s, const struct backend_settings *backend, struct span path)
{
    const struct balance_facts facts = {.sni = s->question->sni,
                                        .request = s->request != NULL ? &s->request->message : NULL,
                                        .path = path};
    const char *first = route_first_text(backend, &facts, s->arena);

    if (first != NULL && (backend->server_count > 1 || backend->servers_from != NULL)) {
        add_step(s, "first", (struct place){0}, "%s", first);
    }
}

/* --- the route --- */

/* Whether the script is there is looked at when it is asked for. */
static void add_script(struct search *s, const struct route_settings *route,
                       const struct route_url *url, const struct path *asked)
{
    const struct backend_settings *backend = route->backend;
    const struct script_rule rule = {span_from_cstr(backend->split_path),
                                     span_from_cstr(backend->index)};
    struct path path = *asked;
    struct script script;

    if (route->rewrite != NULL && !route_rewrite(route->rewrite, url, &path, s->arena)) {
        return; /* which was said */
    }
    if (route->files != NULL && route->files->tries.count != 0) {
        add_step(s, "script", backend->place, "the first of `try` that is a script in %s",
                 backend->root);
    } else if (script_find(&rule, path.match, s->arena, &script)) {
        add_step(s, "script", backend->place, "%s%.*s, if it is there; else 404%s%.*s",
                 backend->root, SPAN_ARG(script.name), script.info.len != 0 ? "; PATH_INFO " : "",
                 SPAN_ARG(script.info));
    } else {
        add_step(s, "script", backend->place, "none has this path: 404");
    }
}

/* False: it is refused. */
static bool explain_rewrite(struct search *s, const struct rewrite_settings *settings,
                            const struct route_url *url, struct path path)
{
    if (!route_rewrite(settings, url, &path, s->arena)) {
        add_step(s, "rewrite", settings->place,
                 "400: what `replace` makes of the path is no path that could be sent on");
        refuse(s, 400, "rewrite_refused");
        return false;
    }
    s->answer->path = path.forward;
    add_step(s, "rewrite", settings->place, "%s", route_rewritten(settings, url, &path, s->arena));
    return true;
}

/* False: it is refused. */
static bool tell_access(struct search *s, const struct route_access *access)
{
    s->answer->rule = access->rule;
    if (access->text != NULL) {
        add_step(s, "access", access->place, "%s", access->text);
    }
    if (!access->passes) {
        refuse(s, access->status, access->reason);
    }
    return access->passes;
}

static bool explain_access(struct search *s, const struct site_settings *site, size_t index,
                           const struct path *path)
{
    const struct route_settings *route = &site->routes[index];
    const char *auth = route_auth_text(route, s->arena);
    const char *rates = route_rates_text(site, route, s->arena);
    struct route_access access = route_access_ask(
        s->request, site, route, &s->serving.sites[site - s->settings->sites], path);

    if (auth != NULL) {
        add_step(s, "auth", route->auth->place, "%s", auth);
    }
    if (rates != NULL) {
        add_step(s, "rates", route->place, "%s", rates);
    }
    return tell_access(s, &access);
}

static void follow_route(struct search *s, const struct site_settings *site, size_t index,
                         const struct path *asked)
{
    const struct route_match *match =
        &s->serving.sites[site - s->settings->sites].table.routes[index];
    const struct route_url url = {.is_https = s->question->is_https,
                                  .host = s->question->host,
                                  .port = s->question->port,
                                  .path = asked->forward,
                                  .query = s->question->query,
                                  .method = s->question->method,
                                  .match = match,
                                  .match_path = asked->match};
    const struct route_settings *route = &site->routes[index];
    struct route_answer *answer = s->answer;
    struct place place;
    const char *word;
    const char *text;

    answer->route = route;
    add_step(s, "route", route->place, "'%s' (path %s)", route->name,
             route->match.path != NULL ? route->match.path : "/*");
    if (route->delay_ms != 0) {
        add_step(s, "delay", route->place, "%llu ms before anything is done with it",
                 (unsigned long long)route->delay_ms);
    }
    if (!explain_access(s, site, index, asked)) {
        return;
    }
    if (route->match.client != NULL) {
        add_step(s, "client", route->match.client->place,
                 route->otherwise == OTHERWISE_DENY
                     ? "only with a certificate that fits; others get 403"
                     : "only with a certificate that fits; others go on to the next route, or get "
                       "403");
    }
    for (size_t i = 0; (text = route_answers_line(site, route, s->question->is_https, i, s->arena,
                                                  &word, &place)) != NULL;
         i++) {
        add_step(s, word, place, "%s", text);
    }
    if (route->rewrite != NULL && !explain_rewrite(s, route->rewrite, &url, *asked)) {
        return;
    }
    if (route->redirect != NULL) {
        answer->outcome = ROUTE_TO_REDIRECT;
        answer->status = route->redirect->status;
        answer->location = route_location(route->redirect, &url, s->arena);
        add_step(s, "redirect", route->redirect->place, "%u to %s", route->redirect->status,
                 answer->location);
    } else if (route->backend != NULL) {
        if (route->files != NULL) {
            add_step(s, "files", route->files->place,
                     "from the folder %s, if a file is found there; else", route->files->root);
        }
        if (route->backend->protocol == BACKEND_FASTCGI) {
            add_script(s, route, &url, asked);
        }
        answer->outcome = ROUTE_TO_BACKEND;
        for (size_t i = 0; i < route->split_count; i++) {
            add_step(s, "split", route->split[i].place, "%s", route_split_text(route, i, s->arena));
        }
        if (route->mirror != NULL) {
            add_step(s, "mirror", route->mirror->place, "copies of %u %% go to '%s', too",
                     route->mirror->share, route->mirror->backend->name);
        }
        add_backend(s, route->backend, route_way_text(s->arena, route->backend));
        add_first(s, route->backend, asked->match);
        add_step(s, "retries", route->retries != NULL ? route->retries->place : (struct place){0},
                 "%s", route_retries_text(route->retries, s->question->method, s->arena));
    } else if (route->files != NULL) {
        answer->outcome = ROUTE_TO_FILES;
        add_step(s, "files", route->files->place, "from the folder %s", route->files->root);
    } else {
        answer->outcome = ROUTE_TO_RESPOND;
        answer->status = route->respond->status;
        add_step(s, "respond", route->respond->place, "%s", route_respond_text(route, s->arena));
    }
}

/* --- plain HTTP --- */

static void redirect(struct search *s, const struct site_settings *site,
                     const struct edge_decision *decision)
{
    s->answer->outcome = ROUTE_TO_REDIRECT;
    s->answer->status = decision->status;
    s->answer->location = decision->location;
    add_step(s, "redirect", site->place, "%u to %s, since %s", decision->status, decision->location,
             strcmp(decision->reason, "www") != 0 ? "plain_http is `redirect`"
             : site->www == SITE_WWW_ADD          ? "www is `add`"
                                                  : "www is `remove`");
}

/* --- the request --- */

static void explain_misdirected(struct search *s, const struct site_settings *connected)
{
    const struct site_settings *site = settings_of(s, host_table_find(s->hosts, s->question->host));

    add_step(s, "site", (struct place){0},
             "421: the host '%.*s' belongs to %s%s%s, but this connection was made for site '%s'; "
             "clients then open a new one with the right SNI",
             SPAN_ARG(s->question->host), site != NULL ? "site '" : "no site",
             site != NULL ? site->name : "", site != NULL ? "'" : "", connected->name);
}

/* Whose decision it was. */
static const char *refusal_step(unsigned status, const struct edge_decision *decision)
{
    return decision->site == NULL || status == 400 ? "request" : "route";
}

/* What would become of the request else is told first. */
static void explain_maintenance(struct search *s, const struct edge_decision *decision,
                                const struct site_settings *site)
{
    const struct answers_settings answers =
        decision->has_route ? serving_answers(site, &site->routes[decision->route]) : site->answers;

    if (decision->has_route) {
        follow_route(s, site, decision->route, &decision->path);
    }
    refuse(s, decision->status, decision->reason);
    add_step(s, "refused", answers.maintenance->place,
             "503, as `maintenance` is there, and this "
             "client is none of its 'except'");
}

/* The answer is for the request that is to follow. */
static void explain_preflight(struct search *s, const struct edge_decision *decision,
                              const struct site_settings *site)
{
    const struct route_settings *route = &site->routes[decision->route];
    const struct answers_settings answers = serving_answers(site, route);

    s->answer->route = route;
    s->answer->outcome = ROUTE_TO_RESPOND;
    s->answer->status = 204;
    add_step(s, "route", route->place, "'%s', which the %.*s to follow would get", route->name,
             SPAN_ARG(decision->method));
    add_step(s, "preflight", answers.cors->place,
             "204, answered here: `cors` says what pages of "
             "other origins may do");
}

static void explain_refusal(struct search *s, const struct edge_decision *decision,
                            const struct site_settings *site, const struct site_settings *connected)
{
    struct place place = site != NULL ? site->place : (struct place){0};

    if (decision->is_in_maintenance) {
        explain_maintenance(s, decision, site);
        return;
    }
    refuse(s, decision->status, decision->reason);
    if (strcmp(decision->reason, "misdirected_request") == 0) {
        explain_misdirected(s, connected);
    } else if (strcmp(decision->reason, "unknown_host") == 0) {
        add_step(s, "site", place,
                 "421: no site has the host '%.*s', and there is no default site (`hosts: "
                 "[\"*\"]`)",
                 SPAN_ARG(s->question->host));
    } else if (strcmp(decision->reason, "plain_http_refused") == 0) {
        add_step(s, "refused", place, "400: plain_http is `refuse` on this site");
    } else if (decision->status == 405 && site != NULL) {
        struct span allow =
            route_table_allow(&decision->site->table, decision->path.match, s->arena);

        add_step(s, "route", place, "405: the path is served for %.*s only", SPAN_ARG(allow));
    } else if (decision->status == 404) {
        add_step(s, "route", place, "404: no route of site '%s' matches this path", site->name);
    } else {
        add_step(s, refusal_step(decision->status, decision), place, "%u: %s", decision->status,
                 decision->detail);
    }
}

/* `connected`: the site of the TLS connection; NULL: plain. */
static void follow_request(struct search *s, const struct edge_site *connected)
{
    const struct route_question *question = s->question;
    struct route_request *request = arena_alloc(s->arena, sizeof(*request));
    struct edge_decision decision;
    const struct site_settings *site;

    route_request_init(request, question, s->settings, s->hosts, connected, s->arena);
    s->request = request;
    edge_decide(&request->edge, s->arena, &decision);
    site = settings_of(s, decision.site);
    if (decision.has_asked_routes) {
        s->answer->tries = route_request_tries(request, &decision, site, &s->answer->try_count);
    }
    if (decision.path.raw.ptr != NULL || decision.path.forward.ptr != NULL) {
        struct span path = decision.path.forward;

        if (decision.verdict != EDGE_REFUSE || decision.status != 400) {
            s->answer->path = path;
            add_step(s, "request", (struct place){0}, "%.*s %.*s%s", SPAN_ARG(question->method),
                     SPAN_ARG(path),
                     decision.path.is_rewritten ? " (dot segments removed, or bytes encoded)" : "");
        }
    }
    if (site != NULL && connected == NULL) {
        s->answer->site = site;
        add_step(s, "site", site->place, "'%s', %s; plain HTTP, nothing is encrypted", site->name,
                 how_matched[decision.how]);
    } else if (site != NULL && decision.site != connected) {
        s->answer->site = site;
        add_step(s, "site", site->place,
                 "'%s' for the host, %s; its TLS settings are those of the connection's site",
                 site->name, how_matched[decision.how]);
    }
    switch (decision.verdict) {
    case EDGE_ROUTE:
        follow_route(s, site, decision.route, &decision.path);
        break;
    case EDGE_PREFLIGHT:
        explain_preflight(s, &decision, site);
        break;
    case EDGE_REDIRECT:
        redirect(s, site, &decision);
        break;
    case EDGE_REFUSE:
        explain_refusal(s, &decision, site, settings_of(s, connected));
        break;
    }
}

/* --- TLS --- */

/* The client did not begin as those of this kind of site do. */
static void refuse_beginning(struct search *s, enum edge_door door,
                             const struct site_settings *site, const char *shown)
{
    bool needs = door == EDGE_DOOR_NEEDS_STARTTLS;

    add_step(s, "TLS", site->place, "%s: %s", shown,
             needs
                 ? "its site takes PostgreSQL's request for TLS first, or the protocol postgresql "
                   "(--alpn); the handshake ends with the alert no_application_protocol"
                 : "its site is none of PostgreSQL's; the handshake ends with the alert "
                   "unrecognized_name");
    refuse(s, 0, needs ? "starttls_missing" : "starttls_not_here");
}

static void refuse_door(struct search *s, enum edge_door door, const struct site_settings *site,
                        const char *shown)
{
    add_step(s, "TLS", site != NULL ? site->place : (struct place){0},
             "%s: %s; the handshake ends with the alert unrecognized_name", shown,
             site != NULL ? "its site has neither `tls` nor `passthrough`"
                          : "no site has this host, and there is no default site");
    /* No client sends an address. */
    bool is_unusable = s->question->sni.ptr != NULL && !host_is_address(s->question->sni);
    refuse(s, 0,
           door == EDGE_DOOR_NO_TLS         ? "site_without_tls"
           : door == EDGE_DOOR_UNKNOWN_NAME ? "unknown_server_name"
           : is_unusable                    ? "unusable_server_name"
                                            : "no_server_name");
}

/* What a client connects to: the address in the URL, or the only one that the listener has. Absent
 * where it could be any. */
static struct span connected_address(const struct search *s)
{
    struct span bound = span_from_cstr(s->bind->host);

    if (host_is_address(s->question->host)) {
        return s->question->host;
    }
    return host_is_address(bound) && !is_any_address(s->bind) ? bound : span_make(NULL, 0);
}

static const char *offered(struct search *s)
{
    const char *text = "";

    for (size_t i = 0; i < s->question->alpn_count; i++) {
        text = arena_printf(s->arena, "%s%s%.*s", text, i == 0 ? "" : ", ",
                            SPAN_ARG(s->question->alpn[i]));
    }
    return text;
}

static void pass_by_alpn(struct search *s, const struct by_alpn_settings *entry)
{
    s->answer->outcome = ROUTE_TO_PASSTHROUGH;
    add_step(s, "TLS", entry->place,
             "passed through, as the client offers one of the entry's protocols (ALPN %s; --alpn "
             "asks for others): never decrypted here",
             offered(s));
    add_backend(s, entry->backend, "the client's own TLS, byte for byte");
}

/* As the handshake finds it; false: it is refused. */
static bool has_protocol_in_common(struct search *s, const struct site_settings *site)
{
    enum tls_protocols protocols = site->tls->protocols;
    struct hello hello = {.has_alpn = s->question->alpn_count != 0,
                          .alpn_count = s->question->alpn_count};
    enum cause failure;

    memcpy(hello.alpn, s->question->alpn, hello.alpn_count * sizeof(hello.alpn[0]));
    failure =
        site->tcp != NULL
            ? protocol_choice_of(&hello, site->alpn.items, site->alpn.count, site->alpn_required)
            : protocol_choice(&hello, protocols != TLS_H1_ONLY, protocols != TLS_H2_ONLY);
    if (failure == CAUSE_COUNT) {
        return true;
    }
    add_step(s, "TLS", site->tls->place, "%s: it is refused with no_application_protocol",
             cause_words(failure)->sentence);
    refuse(s, 0, cause_words(failure)->word);
    return false;
}

/* Something that is not HTTP, where HTTP is served. */
static void refuse_bytes(struct search *s, struct place place)
{
    add_step(s, "request", place,
             "HTTP is served here: bytes of another protocol are answered 400; where they are to "
             "be relayed, a site or a listener has `tcp`");
    refuse(s, 400, h1_error_word(H1_BAD_REQUEST_LINE));
}

/* Of what passes connections on; false: its rules refuse this one. */
static bool is_let_in(struct search *s, const struct access_settings *rules, const char *name)
{
    struct route_access access =
        route_access_ask_connection(s->settings, rules, name, s->question, s->arena);

    return tell_access(s, &access);
}

static void add_relay(struct search *s, const struct backend_settings *backend,
                      const struct access_settings *rules, const char *name)
{
    if (!is_let_in(s, rules, name)) {
        return;
    }
    s->answer->outcome = ROUTE_TO_TCP;
    add_backend(s, backend, route_relay_text(backend));
    add_first(s, backend, SPAN_OF(""));
}

static void follow_tls(struct search *s)
{
    const struct route_question *question = s->question;
    bool is_name = hello_is_name(question->sni);
    struct edge_entrance entrance = edge_find_door(
        s->hosts, &(struct edge_hello){.sni = is_name ? question->sni : span_make(NULL, 0),
                                       .local = connected_address(s),
                                       .alpn = question->alpn,
                                       .alpn_count = question->alpn_count,
                                       .starttls = question->starttls});
    const struct site_settings *site = settings_of(s, entrance.site);
    const char *shown = question->sni.ptr == NULL
                            ? "no SNI"
                            : arena_printf(s->arena, "SNI '%.*s'%s", SPAN_ARG(question->sni),
                                           is_name ? "" : ", which is no host name");

    s->answer->site = site;
    switch (entrance.door) {
    case EDGE_DOOR_TERMINATES:
        add_step(s, "site", site->place, "'%s' for %s, %s", site->name, shown,
                 how_matched[entrance.how]);
        if (!has_protocol_in_common(s, site)) {
            return;
        }
        add_step(s, "TLS", site->tls->place, "terminated here with %s; %s",
                 route_certificates_text(site->tls, s->arena), route_clients_text(site->tls));
        if (site->tcp != NULL) {
            add_relay(s, site->tcp, &site->access, site->name);
        } else if (question->is_bytes) {
            refuse_bytes(s, site->place);
        } else {
            follow_request(s, entrance.site);
        }
        return;
    case EDGE_DOOR_PASSES:
    case EDGE_DOOR_PASSES_BY_ALPN:
        add_step(s, "site", site->place, "'%s' for %s, %s", site->name, shown,
                 how_matched[entrance.how]);
        if (access_asks_connection(site, &entrance) && !is_let_in(s, &site->access, site->name)) {
            return;
        }
        if (entrance.door == EDGE_DOOR_PASSES_BY_ALPN) {
            pass_by_alpn(s, &site->by_alpn[entrance.alpn]);
            return;
        }
        s->answer->outcome = ROUTE_TO_PASSTHROUGH;
        add_step(s, "TLS", site->place,
                 "passed through: never decrypted here, the client sees the backend's certificate");
        add_backend(s, site->passthrough,
                    site->starttls == STARTTLS_POSTGRES
                        ? "PostgreSQL's request for TLS, then the client's own TLS, byte for byte"
                        : "the client's own TLS, byte for byte");
        return;
    case EDGE_DOOR_NO_STARTTLS:
    case EDGE_DOOR_NEEDS_STARTTLS:
        s->answer->site = NULL;
        refuse_beginning(s, entrance.door, site, shown);
        return;
    case EDGE_DOOR_NO_NAME:
    case EDGE_DOOR_UNKNOWN_NAME:
    case EDGE_DOOR_NO_TLS:
        s->answer->site = NULL;
        refuse_door(s, entrance.door, site, shown);
        return;
    }
}

static bool takes_starttls(const struct search *s)
{
    return s->serving.starttls[s->listener - s->settings->listeners] == s->question->starttls;
}

/* Its bytes are taken for HTTP, of which they are none. */
static void refuse_starttls(struct search *s)
{
    add_step(s, "TLS", s->listener->place,
             "no site of this listener has `starttls: postgres`: the request for TLS is answered "
             "400, as broken HTTP");
    refuse(s, 400, h1_error_word(H1_BAD_REQUEST_LINE));
}

void route_answer_find(struct route_answer *answer, const struct settings *settings,
                       const struct route_question *question, struct arena *arena)
{
    struct search s = {
        .answer = answer, .settings = settings, .question = question, .arena = arena};

    *answer = (struct route_answer){0};
    if (!find_listener(&s)) {
        return;
    }
    serving_build(&s.serving, settings, arena);
    s.hosts = &s.serving.hosts[s.listener - settings->listeners];
    if (s.listener->tcp != NULL) {
        add_step(&s, "tcp", s.listener->place, "all that comes is relayed, whatever it is");
        add_relay(&s, s.listener->tcp, &s.listener->access, s.listener->name);
    } else if (question->is_bytes && !question->is_https) {
        refuse_bytes(&s, s.listener->place);
    } else if (question->starttls != STARTTLS_OFF && !takes_starttls(&s)) {
        refuse_starttls(&s);
    } else if (question->is_https) {
        follow_tls(&s);
    } else {
        follow_request(&s, NULL);
    }
    serving_free(&s.serving);
}

#include "cli/route_answer.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "edge/host_table.h"
#include "edge/path.h"
#include "edge/route.h"
#include "http/message.h"

static const char *const how_matched[] = {"", "by its exact name", "by its wildcard",
                                          "as the default site"};

/* What is passed along while the answer grows. */
struct search {
    struct route_answer *answer;
    const struct settings *settings;
    const struct route_question *question;
    const struct listener_settings *listener;
    struct arena *arena;
    struct host_table hosts; /* of that listener */
    struct path path;        /* once read_request has been there */
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
    static const char *const words[] = {"backend", "passthrough", "respond",
                                        "files",   "redirect",    "refused"};

    return words[outcome];
}

/* --- the URL --- */

static bool is_name(struct span host)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr address;

    if (host.len == 0 || host.ptr[0] == '[') {
        return false;
    }
    if (host.len >= sizeof(text)) {
        return true;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, &address) != 1;
}

bool route_question_parse(struct route_question *question, const char *url, struct error *error)
{
    struct span rest = span_from_cstr(url);
    struct span authority;
    size_t end = 0;

    *question = (struct route_question){.method = SPAN_OF("GET")};
    if (rest.len >= 8 && span_ieq(span_head(rest, 8), SPAN_OF("https://"))) {
        question->is_https = true;
        rest = span_skip(rest, 8);
    } else if (rest.len >= 7 && span_ieq(span_head(rest, 7), SPAN_OF("http://"))) {
        rest = span_skip(rest, 7);
    } else {
        return error_set(error,
                         "'%s' does not begin with http:// or https://; write it whole, such as "
                         "https://shop.example.com/cart",
                         url);
    }
    while (end < rest.len && strchr("/?#", rest.ptr[end]) == NULL) {
        end++;
    }
    authority = span_head(rest, end);
    if (!http_parse_authority(authority, &question->host, &question->port)) {
        return error_set(error, "'%.*s' is no host[:port] in '%s'", SPAN_ARG(authority), url);
    }
    if (question->port == 0) {
        question->port = question->is_https ? 443 : 80;
    }
    rest = span_skip(rest, end);
    rest = span_head(rest, span_find(rest, '#')); /* a fragment is never sent */
    question->path = span_head(rest, span_find(rest, '?'));
    if (question->path.len < rest.len) {
        question->query = span_skip(rest, question->path.len + 1);
    }
    if (question->is_https && is_name(question->host)) {
        question->sni = question->host;
    }
    return true;
}

/* --- the listener --- */

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
    if (bind->kind == ADDRESS_ANY || bind->kind == ADDRESS_NAME || is_name(host) ||
        strcmp(bind->host, "0.0.0.0") == 0 || strcmp(bind->host, "::") == 0) {
        return true;
    }
    if (host.ptr[0] == '[') {
        host = span_make(host.ptr + 1, host.len - 2);
    }
    return span_eq_cstr(host, bind->host);
}

static bool find_bind(struct search *s, bool allow_any_port)
{
    for (size_t i = 0; i < s->settings->listener_count; i++) {
        const struct listener_settings *listener = &s->settings->listeners[i];

        for (size_t k = 0; k < listener->bind.count; k++) {
            const struct address_setting *bind = &listener->bind.items[k];

            if (bind_fits(bind, s->question, allow_any_port)) {
                s->listener = listener;
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

static bool listener_serves(const struct listener_settings *listener,
                            const struct site_settings *site)
{
    for (size_t i = 0; i < listener->sites.count; i++) {
        if (strcasecmp(listener->sites.items[i], site->name) == 0) {
            return true;
        }
    }
    return listener->sites.count == 0;
}

static void fill_hosts(struct search *s)
{
    for (size_t i = 0; i < s->settings->site_count; i++) {
        struct site_settings *site = &s->settings->sites[i];

        for (size_t k = 0; listener_serves(s->listener, site) && k < site->hosts.count; k++) {
            /* A host that is there twice was an error of the configuration. */
            (void)host_table_add(&s->hosts, span_from_cstr(site->hosts.items[k]), site);
        }
    }
}

/* --- servers --- */

static const char *list_servers(struct search *s, const struct backend_settings *backend)
{
    const char *text = "";

    for (size_t i = 0; i < backend->server_count; i++) {
        const struct server_settings *server = &backend->servers[i];

        text = arena_printf(s->arena, "%s%s%s", text, i == 0 ? "" : ", ", server->address.text);
        if (server->weight != 1) {
            text = arena_printf(s->arena, "%s (weight %u)", text, server->weight);
        }
    }
    return text;
}

static void add_backend(struct search *s, const struct backend_settings *backend, const char *way)
{
    const char *proxy = backend->proxy_protocol == PROXY_PROTOCOL_V1   ? ", PROXY v1 first"
                        : backend->proxy_protocol == PROXY_PROTOCOL_V2 ? ", PROXY v2 first"
                                                                       : "";

    s->answer->backend = backend;
    add_step(s, "backend", backend->place, "'%s', %s%s%s", backend->name,
             backend->server_count > 1 ? "round robin over " : "", list_servers(s, backend), proxy);
    add_step(s, "upstream", (struct place){0}, "%s", way);
}

static const char *upstream_way(struct arena *arena, const struct backend_settings *backend)
{
    static const char *const protocols[] = {
        [PROTOCOL_H1] = "HTTP/1.1",
        [PROTOCOL_H2] = "HTTP/2",
        [PROTOCOL_AUTO] = "HTTP/2 or HTTP/1.1 (by ALPN)",
        [PROTOCOL_H2C] = "HTTP/2",
    };
    const char *protocol = protocols[backend->protocol];

    if (backend->tls == NULL) {
        return arena_printf(arena, "plain %s", protocol);
    }
    return arena_printf(arena, "%s over fresh %sTLS, the server's certificate %s", protocol,
                        backend->tls->verify && backend->tls->certificate != NULL ? "two-way " : "",
                        backend->tls->verify ? "verified" : "NOT verified");
}

/* --- the request --- */

static void follow_route(struct search *s, const struct site_settings *site, size_t index)
{
    const struct route_settings *route = &site->routes[index];
    struct route_answer *answer = s->answer;

    answer->route = route;
    add_step(s, "route", route->place, "'%s' (path %s)", route->name,
             route->match.path != NULL ? route->match.path : "/*");
    if (route->match.client != NULL) {
        add_step(s, "client", route->match.client->place,
                 "only with a certificate that fits; others go on to the next route, or get 403");
    }
    if (route->backend != NULL) {
        answer->outcome = ROUTE_TO_BACKEND;
        add_backend(s, route->backend, upstream_way(s->arena, route->backend));
    } else if (route->files != NULL) {
        answer->outcome = ROUTE_TO_FILES;
        add_step(s, "files", route->files->place, "from the folder %s", route->files->root);
    } else {
        answer->outcome = ROUTE_TO_RESPOND;
        answer->status = route->respond->status;
        add_step(s, "respond", route->respond->place, "status %u, %s", route->respond->status,
                 route->respond->echo ? "the request as JSON" : "a text of the configuration");
    }
}

static void build_routes(struct search *s, const struct site_settings *site,
                         struct route_table *table)
{
    struct route_match *matches =
        arena_calloc(s->arena, (site->route_count + 1) * sizeof(*matches));

    for (size_t i = 0; i < site->route_count; i++) {
        const struct match_settings *match = &site->routes[i].match;

        route_match_init(&matches[i], match->path != NULL ? match->path : "*", match->methods.items,
                         match->methods.count, s->arena);
    }
    *table = (struct route_table){matches, site->route_count};
}

/* What is refused before anybody asks whose request it is. */
static bool read_request(struct search *s)
{
    const struct route_question *question = s->question;
    enum path_error bad;

    if (http_method_from(question->method) == HTTP_CONNECT) {
        add_step(s, "request", (struct place){0},
                 "405: CONNECT asks for a forward proxy, which this is not");
        refuse(s, 405, "connect_refused");
        return false;
    }
    bad = path_normalise(question->path, s->arena, &s->path);
    if (bad != PATH_OK) {
        add_step(s, "request", (struct place){0}, "400: %s", path_error_text(bad));
        refuse(s, 400, path_error_word(bad));
        return false;
    }
    s->answer->path = s->path.forward;
    add_step(s, "request", (struct place){0}, "%.*s %.*s%s", SPAN_ARG(question->method),
             SPAN_ARG(s->path.forward), s->path.is_rewritten ? " (dot segments removed)" : "");
    return true;
}

static void find_route(struct search *s, const struct site_settings *site)
{
    struct route_table table;
    int index;

    build_routes(s, site, &table);
    index = route_table_find(&table, s->path.match, s->question->method);
    if (index >= 0) {
        follow_route(s, site, (size_t)index);
    } else if (index == ROUTE_METHOD_NOT_ALLOWED) {
        struct span allow = route_table_allow(&table, s->path.match, s->arena);

        add_step(s, "route", site->place, "405: the path is served for %.*s only", SPAN_ARG(allow));
        refuse(s, 405, "method_not_allowed");
    } else {
        add_step(s, "route", site->place, "404: no route of site '%s' matches this path",
                 site->name);
        refuse(s, 404, "no_route");
    }
}

/* --- plain HTTP --- */

/* As exchange_answer_redirect does it: the same port takes TLS too, but 80 has 443 for that. */
static void redirect(struct search *s, const struct site_settings *site)
{
    const struct route_question *question = s->question;
    char *host = arena_cstr(s->arena, question->host);
    const char *port = question->port == 80 || question->port == 443
                           ? ""
                           : arena_printf(s->arena, ":%u", (unsigned)question->port);

    for (size_t i = 0; i < question->host.len; i++) {
        host[i] = ascii_lower(host[i]);
    }
    s->answer->outcome = ROUTE_TO_REDIRECT;
    s->answer->status = 308;
    s->answer->location =
        arena_printf(s->arena, "https://%s%s%s%.*s%s%.*s", host, port,
                     question->path.len == 0 ? "/" : "", SPAN_ARG(question->path),
                     question->query.ptr != NULL ? "?" : "", SPAN_ARG(question->query));
    add_step(s, "redirect", site->place, "308 to %s, since plain_http is `redirect`",
             s->answer->location);
}

static void follow_http(struct search *s)
{
    enum host_match how;
    const struct site_settings *site = host_table_find_how(&s->hosts, s->question->host, &how);

    if (!read_request(s)) {
        return;
    }
    if (site == NULL) {
        add_step(s, "site", (struct place){0},
                 "421: no site has the host '%.*s', and there is no default site (`hosts: "
                 "[\"*\"]`)",
                 SPAN_ARG(s->question->host));
        refuse(s, 421, "unknown_host");
        return;
    }
    s->answer->site = site;
    add_step(s, "site", site->place, "'%s', %s; plain HTTP, nothing is encrypted", site->name,
             how_matched[how]);
    if (site->plain_http == PLAIN_HTTP_REDIRECT) {
        redirect(s, site);
    } else if (site->plain_http == PLAIN_HTTP_REFUSE) {
        add_step(s, "refused", site->place, "400: plain_http is `refuse` on this site");
        refuse(s, 400, "plain_http_refused");
    } else {
        find_route(s, site);
    }
}

/* --- TLS --- */

static const char *describe_clients(const struct tls_settings *tls)
{
    if (tls->clients == NULL || tls->clients->verify == CLIENT_VERIFY_OFF) {
        return "clients need no certificate";
    }
    return tls->clients->verify == CLIENT_VERIFY_REQUIRED
               ? "two-way: clients must show a certificate"
               : "clients may show a certificate";
}

static void follow_terminated(struct search *s, const struct site_settings *by_sni)
{
    const struct route_question *question = s->question;
    const struct site_settings *site = host_table_find(&s->hosts, question->host);

    if (!read_request(s)) {
        return;
    }
    if (site == by_sni) {
        find_route(s, by_sni);
        return;
    }
    add_step(s, "site", (struct place){0},
             "421: the host '%.*s' belongs to %s%s%s, but this connection was made for site '%s'; "
             "clients then open a new one with the right SNI",
             SPAN_ARG(question->host), site != NULL ? "site '" : "no site",
             site != NULL ? site->name : "", site != NULL ? "'" : "", by_sni->name);
    refuse(s, 421, "misdirected_request");
}

static void follow_tls(struct search *s)
{
    struct span sni = s->question->sni;
    enum host_match how;
    const struct site_settings *site = host_table_find_how(&s->hosts, sni, &how);
    const char *shown =
        sni.ptr == NULL ? "no SNI" : arena_printf(s->arena, "SNI '%.*s'", SPAN_ARG(sni));

    if (site == NULL || (site->tls == NULL && site->passthrough == NULL)) {
        add_step(s, "TLS", site != NULL ? site->place : (struct place){0},
                 "%s: %s; the handshake ends with the alert unrecognized_name", shown,
                 site != NULL ? "its site has neither `tls` nor `passthrough`"
                              : "no site has this host, and there is no default site");
        refuse(s, 0,
               site != NULL      ? "site_without_tls"
               : sni.ptr == NULL ? "no_server_name"
                                 : "unknown_server_name");
        return;
    }
    s->answer->site = site;
    add_step(s, "site", site->place, "'%s' for %s, %s", site->name, shown, how_matched[how]);
    if (site->passthrough != NULL) {
        s->answer->outcome = ROUTE_TO_PASSTHROUGH;
        add_step(s, "TLS", site->place,
                 "passed through: never decrypted here, the client sees the backend's certificate");
        add_backend(s, site->passthrough, "the client's own TLS, byte for byte");
        return;
    }
    add_step(s, "TLS", site->tls->place, "terminated here with %s; %s",
             site->tls->certificate_count > 0 ? site->tls->certificates[0].certificate : "nothing",
             describe_clients(site->tls));
    follow_terminated(s, site);
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
    host_table_init(&s.hosts);
    fill_hosts(&s);
    if (question->is_https) {
        follow_tls(&s);
    } else {
        follow_http(&s);
    }
    host_table_free(&s.hosts);
}

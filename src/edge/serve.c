#include "edge/serve.h"

#include "edge/cors.h"
#include "edge/network.h"
#include "edge/path_reading.h"
#include "edge/www.h"
#include "http/message.h"

static bool offers(const struct edge_hello *hello, struct span protocol)
{
    for (size_t i = 0; i < hello->alpn_count; i++) {
        if (span_eq(hello->alpn[i], protocol)) {
            return true;
        }
    }
    return false;
}

/* A client of PostgreSQL may leave its request out and begin with TLS, if it offers the protocol's
 * name: so no client of another protocol is mistaken for one. */
static bool begins_as_one_of(const struct edge_hello *hello, enum site_starttls starttls)
{
    return hello->starttls == starttls ||
           (hello->starttls == STARTTLS_OFF && starttls == STARTTLS_POSTGRES &&
            offers(hello, SPAN_OF("postgresql")));
}

/* Which of the site's by_alpn the client is for; their count: none. */
static size_t find_by_alpn(const struct edge_site *site, const struct edge_hello *hello)
{
    for (size_t i = 0; i < site->by_alpn_count; i++) {
        for (size_t j = 0; j < site->by_alpn[i].count; j++) {
            if (offers(hello, site->by_alpn[i].names[j])) {
                return i;
            }
        }
    }
    return site->by_alpn_count;
}

static enum edge_door door_of(const struct edge_site *site, const struct edge_hello *hello,
                              size_t *alpn)
{
    if (hello->starttls == STARTTLS_OFF) {
        *alpn = find_by_alpn(site, hello);
        if (*alpn != site->by_alpn_count) {
            return EDGE_DOOR_PASSES_BY_ALPN;
        }
    }
    if (!begins_as_one_of(hello, site->starttls)) {
        return hello->starttls == STARTTLS_OFF ? EDGE_DOOR_NEEDS_STARTTLS : EDGE_DOOR_NO_STARTTLS;
    }
    switch (site->tls) {
    case EDGE_TLS_ENDS:
        return EDGE_DOOR_TERMINATES;
    case EDGE_TLS_PASSES:
        return EDGE_DOOR_PASSES;
    case EDGE_TLS_NONE:
        break;
    }
    return EDGE_DOOR_NO_TLS;
}

struct edge_entrance edge_find_door(const struct host_table *hosts, const struct edge_hello *hello)
{
    bool has_name = hello->sni.len != 0 && !host_is_address(hello->sni);
    struct edge_entrance entrance = {.how = HOST_MATCH_ADDRESS};

    entrance.site = has_name ? NULL : host_table_find_address(hosts, hello->local);
    if (entrance.site == NULL) {
        entrance.site =
            host_table_find_how(hosts, has_name ? hello->sni : span_make(NULL, 0), &entrance.how);
    }
    entrance.door = entrance.site != NULL ? door_of(entrance.site, hello, &entrance.alpn)
                    : has_name            ? EDGE_DOOR_UNKNOWN_NAME
                                          : EDGE_DOOR_NO_NAME;
    return entrance;
}

static bool refuse(struct edge_decision *d, unsigned status, const char *reason, const char *detail,
                   const char *mend)
{
    d->verdict = EDGE_REFUSE;
    d->status = status;
    d->reason = reason;
    d->detail = detail;
    d->mend = mend;
    return false;
}

static bool refuse_path(struct edge_decision *d, enum path_error error, struct arena *arena)
{
    d->closes = true;
    return refuse(d, 400, path_error_word(error), path_error_detail(error, &d->path, arena),
                  path_error_mend(error));
}

/* The site of the request's authority, which on TLS must be as good as the one that the handshake
 * was for: another may have another certificate or ask for one of the client (RFC 9110 section
 * 15.5.20). */
static bool find_site(const struct edge_request *request, struct edge_decision *d)
{
    const struct edge_site *connected = request->connected;
    const struct edge_site *site = host_table_find_how(request->hosts, request->host, &d->how);

    if (connected != NULL && site != connected &&
        (site == NULL || site->tls != EDGE_TLS_ENDS || site->tls_class != connected->tls_class)) {
        return refuse(d, 421, "misdirected_request",
                      "the request's host belongs to another site than the TLS handshake was for",
                      "the client should open a connection of its own for that host");
    }
    if (site == NULL) {
        return refuse(d, 421, "unknown_host", "no site has the request's host",
                      "add the name to the hosts of a site, or a site with hosts: [\"*\"] as the "
                      "default");
    }
    d->site = site;
    return true;
}

/* A trusted proxy took TLS off. That serves as if it had come here, but where the site's TLS does
 * what the proxy's cannot: it ends elsewhere, or it is what lets clients in. */
static bool needs_tls_here(struct edge_decision *d)
{
    bool passes = d->site->tls == EDGE_TLS_PASSES;

    if (d->site->plain_http == PLAIN_HTTP_SERVE ||
        (!passes && !d->site->wants_client && !d->site->is_tcp)) {
        return true;
    }
    d->closes = true;
    return refuse(d, 400, "plain_http_refused",
                  d->site->is_tcp ? "what is inside the site's TLS is relayed, and is not HTTP"
                  : passes
                      ? "the site passes TLS through, and the proxy in front has taken it off"
                      : "the site asks for client certificates, and the proxy in front has taken "
                        "TLS off",
                  "let the proxy pass TLS through, or set plain_http: serve of the site");
}

/* ---- redirects ---- */

/* The same URL with another scheme or host. A port that is the scheme's own is not written. */
static bool redirect(const struct edge_request *request, struct edge_decision *d,
                     const char *scheme, struct span host, uint16_t port, struct arena *arena)
{
    struct span path = d->path.forward;
    struct span query = request->message != NULL ? request->message->query : span_make(NULL, 0);
    const char *port_text = port != 0 ? arena_printf(arena, ":%u", port) : "";

    d->verdict = EDGE_REDIRECT;
    d->status = 308;
    d->location = arena_printf(arena, "%s://%.*s%s%.*s%s%.*s", scheme, SPAN_ARG(host), port_text,
                               SPAN_ARG(span_eq(path, SPAN_OF("*")) ? SPAN_OF("/") : path),
                               query.ptr != NULL ? "?" : "", SPAN_ARG(path_encode(query, arena)));
    return false;
}

/* The client reaches this gateway by what it wrote in Host, or a trusted proxy says it wrote,
 * whatever port is bound here behind a container's or a balancer's forwarding: a port that was
 * named takes TLS too, and none means 443. */
static bool send_to_https(const struct edge_request *request, struct edge_decision *d,
                          struct arena *arena)
{
    struct span host;
    uint16_t port;

    if (!http_parse_authority(request->authority(request->asker), &host, &port)) {
        d->closes = true;
        return refuse(d, 400, "no_host", "there is no Host field to redirect to https with", NULL);
    }
    d->reason = "plain_http";
    return redirect(request, d, "https", host, port != 80 && port != 443 ? port : 0, arena);
}

static bool is_name_of(const struct edge_request *request, const struct edge_site *site,
                       struct span host)
{
    enum host_match how;

    return host_table_find_how(request->hosts, host, &how) == site && how == HOST_MATCH_EXACT;
}

/* By the name that the client wrote: whoever stands in front may ask with one of the two forms for
 * both. Only from a name of the site's to a name of the site's. False: it is decided. */
static bool keep_to_form(const struct edge_request *request, struct edge_decision *d,
                         struct arena *arena)
{
    const struct edge_site *site = d->site;
    struct span host;
    struct span other;
    uint16_t port;

    if (site->www == SITE_WWW_AS_IS ||
        !http_parse_authority(request->authority(request->asker), &host, &port) ||
        !www_has_forms(host) || !www_sends_away(site->www, host) ||
        !is_name_of(request, site, host)) {
        return true;
    }
    other = www_other_form(host, arena);
    if (!is_name_of(request, site, other)) {
        return true;
    }
    d->reason = "www";
    return redirect(request, d, request->is_https ? "https" : "http", other,
                    port != (request->is_https ? 443 : 80) ? port : 0, arena);
}

/* Plain HTTP, as the client sees it, to a site that speaks TLS. False: it is decided. */
static bool keep_off_plain(const struct edge_request *request, struct edge_decision *d,
                           struct arena *arena)
{
    if (request->is_https) {
        return request->connected != NULL || needs_tls_here(d);
    }
    switch (d->site->plain_http) {
    case PLAIN_HTTP_SERVE:
        return true;
    case PLAIN_HTTP_REDIRECT:
        return send_to_https(request, d, arena);
    case PLAIN_HTTP_REFUSE:
        break;
    }
    d->closes = true;
    return refuse(d, 400, "plain_http_refused",
                  "this site speaks TLS only, and the request came in plain HTTP: use https://",
                  "use https://, or set plain_http of the site");
}

/* Over all readings of the path; *error: what cannot be read to its end. */
static int find_strictest(struct match_facts *facts, struct edge_decision *d,
                          const struct client_names *client, enum path_error *error)
{
    const struct route_table *table = &d->site->table;
    struct path_readings readings;
    int found = ROUTE_NONE;
    bool is_first = true;

    *error = path_readings_begin(&readings, &d->path);
    while (*error == PATH_OK && path_readings_next(&readings, &facts->path)) {
        int next = route_table_find(table, facts, client);
        found = is_first ? next : route_table_stricter(table, found, next);
        is_first = false;
    }
    path_readings_end(&readings);
    return found;
}

static bool refuse_unrouted(struct edge_decision *d, int found, const struct client_names *client)
{
    if (found == ROUTE_UNDECIDED) {
        return refuse(d, 400, "match_undecided",
                      "a regular expression of the routes takes more steps than it may to be "
                      "looked for in this request",
                      "write the expression so that it need not go back: with ^, [^/]* in place of "
                      ".*, and no repetition of a repetition");
    }
    if (found == ROUTE_CONDITION_REFUSED) {
        return refuse(d, 403, "request_not_allowed",
                      "a route of the path is for other requests, and denies all others",
                      "match of the route says for which");
    }
    if (found == ROUTE_METHOD_NOT_ALLOWED) {
        return refuse(d, 405, "method_not_allowed", "no route of the path takes this method",
                      "name the method in match.methods of a route");
    }
    if (found == ROUTE_CLIENT_REFUSED && client == &route_unverified_client) {
        return refuse(d, 403, "client_unverified",
                      "the routes of the path are for clients with a verified certificate, and "
                      "this one's was not",
                      "client_verdict says what is wrong with it");
    }
    if (found == ROUTE_CLIENT_REFUSED) {
        return refuse(d, 403, client != NULL ? "client_not_allowed" : "client_unknown",
                      client != NULL ? "no route of the path is for this client's certificate"
                                     : "the routes of the path are for clients that show a "
                                       "certificate",
                      "match.client of the routes says whom they are for");
    }
    return refuse(d, 404, "no_route", "no route of the site matches the path",
                  "add a route, for example one with the path /*");
}

struct match_facts edge_facts(const struct edge_request *request, struct span path,
                              struct arena *arena)
{
    return (struct match_facts){.path = path,
                                .method = request->method,
                                .is_https = request->is_https,
                                .request = request->message,
                                .is_peer_trusted = request->is_peer_trusted,
                                .address = request->address,
                                .asker = request->asker,
                                .arena = arena,
                                .steps = MATCH_STEPS_MAX};
}

static void find_route(const struct edge_request *request, struct arena *arena,
                       struct edge_decision *d)
{
    const struct route_table *table = &d->site->table;
    const struct client_names *client =
        route_table_asks_client(table) ? request->client(request->asker) : NULL;
    struct match_facts facts = edge_facts(request, d->path.match, arena);
    enum path_error error = PATH_OK;
    int found;

    d->has_asked_routes = true;
    if (UNLIKELY(d->path.is_ambiguous) && d->site->paths == EDGE_PATHS_EACH_READING) {
        found = find_strictest(&facts, d, client, &error);
    } else {
        found = route_table_find(table, &facts, client);
    }
    if (error != PATH_OK) {
        (void)refuse_path(d, error, arena);
    } else if (found < 0) {
        (void)refuse_unrouted(d, found, client);
    } else {
        d->has_route = true;
        d->route = (size_t)found;
    }
}

/* By site, path and routes alone. */
static void decide(const struct edge_request *request, struct arena *arena,
                   struct edge_decision *decision)
{
    enum path_error error;

    *decision = (struct edge_decision){
        .verdict = EDGE_ROUTE, .how = HOST_MATCH_NONE, .method = request->method};
    if (span_eq(request->method, SPAN_OF("CONNECT"))) {
        decision->closes = true;
        (void)refuse(decision, 405, "connect_refused",
                     "CONNECT asks for a forward proxy, which this is not", NULL);
        return;
    }
    error = path_normalise(request->path, arena, &decision->path);
    if (error != PATH_OK) {
        (void)refuse_path(decision, error, arena);
        return;
    }
    if (!find_site(request, decision)) {
        return;
    }
    if (decision->site->paths == EDGE_PATHS_STRICT) {
        error = path_check_strict(&decision->path);
    }
    if (error != PATH_OK) {
        (void)refuse_path(decision, error, arena);
        return;
    }
    /* To https under the same name first: only there may it say that it is to be insisted on. */
    if (keep_off_plain(request, decision, arena) && keep_to_form(request, decision, arena)) {
        find_route(request, arena, decision);
    }
}

static const struct edge_answers *answers_of(const struct edge_decision *d)
{
    return d->has_route ? &d->site->of_routes[d->route] : &d->site->answers;
}

/* The route is the one that the request itself would get, by the method that it would have: a
 * browser asks for leave before anything else, and without credentials. */
static bool is_preflight(const struct edge_request *request, struct arena *arena,
                         struct edge_decision *d)
{
    struct edge_request other = *request;

    if (request->message == NULL || !cors_is_preflight(request->message, &other.method)) {
        return false;
    }
    decide(&other, arena, d);
    if (d->verdict != EDGE_ROUTE || !answers_of(d)->has_cors) {
        return false;
    }
    d->verdict = EDGE_PREFLIGHT;
    return true;
}

/* Who is kept out, whatever else would have become of the request; but where another name or scheme
 * is served, that is told. */
static void keep_out(const struct edge_request *request, struct edge_decision *d)
{
    const struct maintenance_settings *maintenance;

    if (d->site == NULL || d->verdict == EDGE_REDIRECT) {
        return;
    }
    maintenance = answers_of(d)->maintenance;
    if (maintenance == NULL ||
        (maintenance->except.count != 0 &&
         network_list_has(&maintenance->except, request->address(request->asker)))) {
        return;
    }
    d->closes = false;
    d->is_in_maintenance = true;
    (void)refuse(d, 503, "maintenance", "the site, or the route, says 'maintenance'",
                 "remove it when the work is done; its 'except' lets some clients in before");
}

void edge_decide(const struct edge_request *request, struct arena *arena,
                 struct edge_decision *decision)
{
    if (!is_preflight(request, arena, decision)) {
        decide(request, arena, decision);
        keep_out(request, decision);
    }
}

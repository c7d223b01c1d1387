#include "config/check_internal.h"

#include <string.h>

#include "config/complaint.h"
#include "config/places.h"
#include "edge/www.h"

static void error_at(const struct checker *checker, struct place place, const char *text,
                     const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, place, "%s", text);
    config_report_hint(checker->report, "%s", hint);
}

/* The kinds of answer that a site or route can name. */
struct answers {
    const void *members[4]; /* backend, respond, files, redirect, as in answer_names */
};

static const char *const answer_names[] = {"backend", "respond", "files", "redirect"};

/* How many are given; `first` and `last` are indexes of given ones. */
static size_t count_answers(const struct checker *checker, const struct answers *answers,
                            size_t *first, size_t *last)
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(answers->members); i++) {
        if (check_is_given(checker, answers->members[i])) {
            *first = count == 0 ? i : *first;
            *last = i;
            count++;
        }
    }
    return count;
}

static size_t check_one_answer(const struct checker *checker, const struct answers *answers,
                               const char *what)
{
    size_t first = 0;
    size_t last = 0;
    size_t count = count_answers(checker, answers, &first, &last);

    if (count == 2 && answers->members[first] == answers->members[0] &&
        answers->members[last] == answers->members[2]) {
        return 1; /* the backend gets what no file is found for */
    }
    if (count > 1) {
        config_report_add(
            checker->report, CONFIG_ERROR, config_place(checker->settings, answers->members[last]),
            "%s has both '%s' and '%s'", what, answer_names[first], answer_names[last]);
        config_report_hint(checker->report, "keep one; give each its own route with a 'match'");
    }
    return count;
}

static bool has_field(const struct respond_settings *respond, const char *name)
{
    for (size_t i = 0; i < respond->field_count; i++) {
        if (span_ieq(span_from_cstr(respond->fields[i].name), span_from_cstr(name))) {
            return true;
        }
    }
    return false;
}

/* Fields without which clients can make nothing of an answer (RFC 9110 sections 15.4, 15.5.2 and
 * 15.5.22). */
static void check_respond_fields(const struct checker *checker,
                                 const struct respond_settings *respond)
{
    struct place place = check_place(checker, &respond->status, respond->place);
    unsigned status = respond->status;
    bool needs_location =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;

    /* Elsewhere it is the gateway's to say, for each connection. */
    if (status != 426 && has_field(respond, "Upgrade")) {
        error_at(checker, check_place(checker, &respond->fields, respond->place),
                 "field 'Upgrade' cannot be set", "it belongs to status 426 alone");
    }
    if (config_report_has_errors(checker->report)) {
        return; /* one of the fields may be what was wrong */
    }
    if (status == 426 && !has_field(respond, "Upgrade")) {
        error_at(checker, place, "a 426 response needs the field Upgrade",
                 "say what clients are to switch to, for example fields: { Upgrade: websocket }");
    }
    if (needs_location && !has_field(respond, "Location")) {
        config_report_add(checker->report, CONFIG_ERROR, place,
                          "a %u response without Location leads nowhere", status);
        config_report_hint(checker->report,
                           "add where to: fields: { Location: \"https://www.example.com/\" }");
    }
    if (status == 401 && !has_field(respond, "WWW-Authenticate")) {
        config_report_add(checker->report, CONFIG_WARNING, place,
                          "a 401 response without WWW-Authenticate asks for nothing");
        config_report_hint(checker->report,
                           "add for example fields: { WWW-Authenticate: Basic }, or answer 403");
    }
}

/* Where nothing is answered, nothing else can be said of the answer. 444 is how nginx writes it. */
static void check_close(const struct checker *checker, const struct respond_settings *respond)
{
    static const char hint[] =
        "to close the connection without an answer: respond: { close: true }";

    if (respond->close && (check_is_given(checker, &respond->status) || respond->body[0] != '\0' ||
                           respond->echo || respond->file != NULL || respond->json != NULL ||
                           respond->field_count != 0 || respond->retry_after_ms != 0)) {
        error_at(checker, check_place(checker, &respond->close, respond->place),
                 "'close' goes with nothing else of respond: there is no answer", hint);
    }
    if (respond->status == 444) {
        config_report_add(checker->report, CONFIG_WARNING,
                          check_place(checker, &respond->status, respond->place),
                          "status 444 is sent as it is: no client knows it");
        config_report_hint(checker->report, "%s", hint);
    }
}

static void check_respond(const struct checker *checker, const struct respond_settings *respond)
{
    bool has_body = respond->body != NULL && respond->body[0] != '\0';
    struct place place = check_place(checker, &respond->body, respond->place);

    check_respond_fields(checker, respond);
    check_close(checker, respond);
    if (respond->echo && has_body) {
        error_at(checker, place, "respond has both 'body' and 'echo'",
                 "keep one; the echo is the body");
    }
    if (has_body + respond->echo + (respond->file != NULL) + (respond->json != NULL) > 1 &&
        !(respond->echo && has_body)) {
        error_at(checker, respond->place, "respond has more than one body",
                 "keep one of 'body', 'file', 'json' and 'echo'");
    }
    has_body |= respond->file != NULL || respond->json != NULL;
    if ((respond->status == 204 || respond->status == 205 || respond->status == 304) &&
        (has_body || respond->echo)) {
        config_report_add(checker->report, CONFIG_ERROR,
                          has_body ? place : check_place(checker, &respond->echo, respond->place),
                          "a %u response has no body", respond->status);
        config_report_hint(checker->report, "remove the body, or choose another status, such as "
                                            "200");
    }
}

/* A site's is left out where it cannot be. */
static void check_grpc_web(const struct checker *checker, const struct route_settings *route)
{
    const struct backend_settings *backend = route->backend;

    if (route->grpc_web && (backend == NULL || backend->protocol == BACKEND_H1 ||
                            backend->protocol == BACKEND_FASTCGI)) {
        error_at(checker, check_place(checker, &route->grpc_web, route->place),
                 "'grpc_web' in a route whose backend does not speak HTTP/2",
                 "gRPC needs it: say 'protocol: h2c' in the backend, or 'h2' with its 'tls'");
    }
}

static void check_route(const struct checker *checker, const struct site_settings *site,
                        const struct route_settings *route)
{
    const struct answers answers = {
        {&route->backend, &route->respond, &route->files, &route->redirect}};

    if (check_one_answer(checker, &answers, "a route") == 0) {
        error_at(checker, route->place,
                 "a route has neither 'backend', 'respond', 'files' nor 'redirect'",
                 "say what to do with its requests, for example backend: 127.0.0.1:8080");
    }
    if (route->respond != NULL) {
        check_respond(checker, route->respond);
    }
    check_match(checker, &route->match);
    check_route_messages(checker, route);
    check_route_answers(checker, route);
    check_split(checker, site, route);
    check_mirror(checker, site, route);
    check_grpc_web(checker, route);
    if (route->body_limit == 0 && !config_report_has_errors(checker->report) &&
        check_is_given(checker, &route->body_limit) && route->match.methods.count == 0) {
        config_report_add(checker->report, CONFIG_WARNING,
                          config_place(checker->settings, &route->body_limit),
                          "no request of this route may have a body");
        config_report_hint(checker->report, "for no limit write body_limit: unlimited");
    }
}

/* A distinguished name counts as a whole: neither a pattern nor a bare name is one, and no client
 * would ever fit. */
static void check_client_names(const struct checker *checker, const struct string_list *names,
                               const char *what, struct place place)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strchr(names->items[i], '=') == NULL) {
            config_report_add(checker->report, CONFIG_ERROR, check_place(checker, names, place),
                              "'%s' is no distinguished name: no client has it as its %s",
                              names->items[i], what);
            config_report_hint(
                checker->report,
                "write all of it, as the access log does: \"CN=billing,O=Partners\"; "
                "any client of an authority: issuer: [\"CN=Partners CA\"]");
        }
    }
}

/* Without a verified certificate no rule about it can fit. */
static void check_match_client(const struct checker *checker, const struct site_settings *site,
                               const struct match_client_settings *client)
{
    bool has_clients = site->tls != NULL && site->tls->clients != NULL &&
                       site->tls->clients->verify != CLIENT_VERIFY_OFF;

    if (!has_clients) {
        error_at(checker, client->place, "this is for some clients, but none are verified",
                 "add to the site's tls: clients: { verify: required, ca: partners.pem }");
    }
    if (!check_is_given(checker, &client->dns) && !check_is_given(checker, &client->uri) &&
        !check_is_given(checker, &client->email) && !check_is_given(checker, &client->subject) &&
        !check_is_given(checker, &client->issuer)) {
        error_at(checker, client->place, "'client' names no client",
                 "give one of 'dns', 'uri', 'email', 'subject' and 'issuer'");
    }
    check_client_names(checker, &client->subject, "subject", client->place);
    check_client_names(checker, &client->issuer, "issuer", client->place);
}

void check_match_clients(const struct checker *checker, const struct site_settings *site,
                         const struct match_settings *match)
{
    if (match->client != NULL) {
        check_match_client(checker, site, match->client);
    }
    if (match->negated != NULL) {
        check_match_clients(checker, site, match->negated);
    }
    for (size_t i = 0; i < match->any_count; i++) {
        check_match_clients(checker, site, &match->any[i]);
    }
    for (size_t i = 0; i < match->all_count; i++) {
        check_match_clients(checker, site, &match->all[i]);
    }
}

static void check_clients(const struct checker *checker, const struct tls_clients_settings *clients)
{
    if (clients->verify != CLIENT_VERIFY_OFF && !check_is_given(checker, &clients->ca)) {
        error_at(checker, check_place(checker, &clients->verify, clients->place),
                 "clients are to be verified, but there is no 'ca'",
                 "add the PEM file of the authorities that issue their certificates: ca: "
                 "partners.pem");
    }
}

static void check_early_data(const struct checker *checker, const struct tls_settings *tls)
{
    struct place place = check_place(checker, &tls->early_data, tls->place);

    if (!tls->early_data) {
        return;
    }
    if (tls->clients != NULL && tls->clients->verify != CLIENT_VERIFY_OFF) {
        error_at(checker, place, "'early_data' in a site that asks clients for certificates",
                 "a request that was recorded and is sent again would carry the client's identity; "
                 "remove one of the two, or make a site of its own for each");
    }
    if (tls->max_version != NULL && strcmp(tls->max_version, "1.3") != 0) {
        error_at(checker, place, "'early_data' in a site without TLS 1.3",
                 "only TLS 1.3 has it: remove max_version or early_data");
    }
}

static void check_tls(const struct checker *checker, const struct tls_settings *tls)
{
    if (check_pair(checker, &tls->certificate, &tls->key, tls->place) &&
        !check_is_given(checker, &tls->certificate) &&
        !check_is_given(checker, &tls->certificates) &&
        !check_is_given(checker, &tls->certificates_from)) {
        error_at(checker, tls->place, "tls of a site has no certificate",
                 "add certificate: shop.crt and key: shop.key, or 'certificates', or "
                 "'certificates_from' with a folder");
    }
    if (check_is_given(checker, &tls->ocsp) && !check_is_given(checker, &tls->certificate)) {
        error_at(checker, config_place(checker->settings, &tls->ocsp),
                 "'ocsp' belongs to a 'certificate', and there is none beside it",
                 "write it into the entry of 'certificates' that it is for");
    }
    if (tls->clients != NULL) {
        check_clients(checker, tls->clients);
    }
    check_early_data(checker, tls);
}

static void check_passthrough(const struct checker *checker, const struct site_settings *site)
{
    const struct {
        const void *member;
        const char *name;
    } others[] = {{&site->routes, "routes"},
                  {&site->backend, "backend"},
                  {&site->split, "split"},
                  {&site->mirror, "mirror"},
                  {&site->respond, "respond"},
                  {&site->files, "files"},
                  {&site->redirect, "redirect"},
                  {&site->request_fields, "request_fields"},
                  {&site->response_fields, "response_fields"},
                  {&site->security_fields, "security_fields"},
                  {&site->answers.hsts, "hsts"},
                  {&site->answers.cors, "cors"},
                  {&site->answers.errors, "errors"},
                  {&site->answers.maintenance, "maintenance"},
                  {&site->answers.cookies, "cookies"},
                  {&site->answers.locations, "locations"},
                  {&site->auth, "auth"},
                  {&site->rates, "rates"},
                  {&site->paths, "paths"}};

    if (check_is_given(checker, &site->tls)) {
        error_at(checker, config_place(checker->settings, &site->passthrough),
                 "a site with 'passthrough' cannot have 'tls' too",
                 "choose: 'passthrough' leaves TLS to the backend, 'tls' ends it here");
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (check_is_given(checker, others[i].member)) {
            config_report_add(checker->report, CONFIG_ERROR,
                              config_place(checker->settings, others[i].member),
                              "a site with 'passthrough' cannot have '%s' too", others[i].name);
            config_report_hint(checker->report,
                               "requests inside TLS that is not decrypted cannot be seen; to "
                               "route them use 'tls' in place of 'passthrough'");
        }
    }
    if (site->passthrough != NULL && site->passthrough->tls != NULL) {
        error_at(checker, config_place(checker->settings, &site->passthrough),
                 "'passthrough' to a backend with 'tls'",
                 "the bytes are TLS already: use a backend without 'tls'");
    }
    check_balance_of_passthrough(checker, site, site->passthrough,
                                 check_place(checker, &site->passthrough, site->place));
}

/* The first entry that has the protocol is taken: a second one would wait for ever. */
static void check_protocol_twice(const struct checker *checker, const struct site_settings *site,
                                 const struct by_alpn_settings *entry, const char *const *protocol)
{
    for (const struct by_alpn_settings *other = site->by_alpn; other <= entry; other++) {
        for (size_t i = 0; i < other->protocols.count; i++) {
            const char *const *first = &other->protocols.items[i];

            if (first == protocol) {
                return;
            }
            if (strcmp(*first, *protocol) == 0) {
                config_report_add(checker->report, CONFIG_ERROR,
                                  check_place(checker, protocol, entry->place),
                                  "protocol %s has an entry already", quote_cstr(*protocol).text);
                config_report_hint(checker->report,
                                   "the first entry with it is taken; keep one (acme-tls/1 belongs "
                                   "to 'acme_passthrough', where that is given)");
                return;
            }
        }
    }
}

static void check_by_alpn(const struct checker *checker, const struct site_settings *site)
{
    for (size_t i = 0; i < site->by_alpn_count; i++) {
        const struct by_alpn_settings *entry = &site->by_alpn[i];

        if (entry->backend != NULL && entry->backend->tls != NULL) {
            config_report_add(checker->report, CONFIG_ERROR,
                              check_place(checker, &entry->backend, entry->place),
                              "'%s' to a backend with 'tls'",
                              entry->backend == site->acme_passthrough ? "acme_passthrough"
                                                                       : "passthrough_by_alpn");
            config_report_hint(checker->report,
                               "the bytes are TLS already: use a backend without 'tls'");
        }
        check_balance_of_passthrough(checker, site, entry->backend,
                                     check_place(checker, &entry->backend, entry->place));
        for (size_t j = 0; j < entry->protocols.count; j++) {
            check_protocol_twice(checker, site, entry, &entry->protocols.items[j]);
        }
    }
}

static void check_starttls(const struct checker *checker, const struct site_settings *site)
{
    struct place place = config_place(checker->settings, &site->starttls);

    if (site->starttls == STARTTLS_OFF) {
        return;
    }
    if (!check_is_given(checker, &site->passthrough) && !check_is_given(checker, &site->tcp)) {
        error_at(checker, place, "'starttls' in a site without 'passthrough' or 'tcp'",
                 "say where the database's server is, for example passthrough: 10.0.0.5:5432");
    }
    if (site->plain_http == PLAIN_HTTP_REDIRECT && check_is_given(checker, &site->plain_http)) {
        error_at(checker, config_place(checker->settings, &site->plain_http),
                 "'plain_http: redirect' in a site with 'starttls'",
                 "there is no https:// to go to: remove 'plain_http', or say refuse");
    }
}

/* What plain requests get must be something that the site has. */
static void check_plain_http(const struct checker *checker, const struct site_settings *site)
{
    struct place place = config_place(checker->settings, &site->plain_http);
    bool has_tls = check_is_given(checker, &site->tls);
    bool is_passthrough = check_is_given(checker, &site->passthrough);

    if (place.line == 0) {
        return;
    }
    if (is_passthrough && site->plain_http == PLAIN_HTTP_SERVE) {
        error_at(checker, place, "'plain_http: serve' in a site with 'passthrough'",
                 "there is nothing to serve without TLS; use redirect or refuse");
    }
    if (site->plain_http == PLAIN_HTTP_SERVE && site->tls != NULL && site->tls->clients != NULL &&
        site->tls->clients->verify == CLIENT_VERIFY_REQUIRED) {
        error_at(
            checker, place, "'plain_http: serve' in a site that requires client certificates",
            "over plain HTTP nobody shows one, so anybody would get in; use redirect or refuse");
    }
    if (!has_tls && !is_passthrough && site->plain_http != PLAIN_HTTP_SERVE) {
        error_at(checker, place,
                 site->plain_http == PLAIN_HTTP_REDIRECT
                     ? "'plain_http: redirect' in a site without TLS"
                     : "'plain_http: refuse' in a site without TLS",
                 "add 'tls' or 'passthrough', or remove 'plain_http'");
    }
}

static void check_www(const struct checker *checker, const struct site_settings *site)
{
    struct place place = config_place(checker->settings, &site->www);

    if (site->www == SITE_WWW_AS_IS) {
        return;
    }
    if (check_is_given(checker, &site->passthrough) || check_is_given(checker, &site->tcp)) {
        error_at(checker, place, "'www' in a site whose requests are not read here",
                 "it is a redirect of HTTP: remove it, or leave it to the server behind");
        return;
    }
    for (size_t i = 0; i < site->hosts.count; i++) {
        if (www_has_forms(span_from_cstr(site->hosts.items[i]))) {
            return;
        }
    }
    if (site->hosts.count != 0) {
        error_at(checker, place, "'www' in a site that has no name",
                 "patterns and addresses have no second form: write the name in 'hosts', for "
                 "example hosts: [example.com]");
    }
}

void check_site(const struct checker *checker, const struct site_settings *site)
{
    const struct answers answers = {
        {&site->backend, &site->respond, &site->files, &site->redirect}};
    size_t count = check_one_answer(checker, &answers, "a site");

    check_by_alpn(checker, site);
    check_starttls(checker, site);
    check_site_tcp(checker, site);
    if (check_is_given(checker, &site->passthrough) && !check_is_given(checker, &site->tcp)) {
        check_passthrough(checker, site);
    } else if (count == 0 && site->split_count == 0 && !check_is_given(checker, &site->tcp) &&
               !check_is_given(checker, &site->routes)) {
        error_at(checker, site->place, "a site does nothing",
                 "add 'backend', 'routes', 'respond', 'files', 'redirect', 'passthrough' or 'tcp'");
    }
    check_plain_http(checker, site);
    check_www(checker, site);
    if (site->tls != NULL) {
        check_tls(checker, site->tls);
    }
    if (site->respond != NULL) {
        check_respond(checker, site->respond);
    }
    check_site_auth(checker, site);
    check_site_access(checker, site);
    check_priority(checker, site);
    check_rates(checker, site, site->rates, site->rate_count);
    for (size_t i = 0; i < site->route_count; i++) {
        check_rates(checker, site, site->routes[i].rates, site->routes[i].rate_count);
    }
    check_site_messages(checker, site);
    for (size_t i = 0; i < site->route_count; i++) {
        bool is_shorthand = count + site->split_count != 0 && i + 1 == site->route_count;

        if (!is_shorthand) {
            check_route(checker, site, &site->routes[i]);
        }
        if (site->routes[i].match.client != NULL) {
            check_match_client(checker, site, site->routes[i].match.client);
        }
    }
    check_site_split(checker, site);
    check_site_mirror(checker, site);
    check_retries(checker, site->retries);
    for (size_t i = 0; i < site->route_count; i++) {
        const struct route_settings *route = &site->routes[i];
        if (check_is_given(checker, &route->retries)) {
            check_retries(checker, route->retries);
        }
    }
}

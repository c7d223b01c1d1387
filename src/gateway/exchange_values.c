/* What a request's variables are (edge/template.h), and the rules of its route that use them. */
#include <stdio.h>

#include "auth/auth_identity.h"
#include "base/clock.h"
#include "edge/redact.h"
#include "edge/rewrite.h"
#include "gateway/client_identity.h"
#include "gateway/exchange_internal.h"
#include "gateway/generation.h"
#include "tls/tls_conn.h"

static struct span number(struct exchange *x, unsigned n)
{
    return span_from_cstr(arena_printf(&x->arena, "%u", n));
}

static struct span client_subject(struct exchange *x, const struct conn *tls)
{
    char subject[256];
    size_t len = 0;

    if (tls_conn_peer_verdict(tls) == NULL) {
        len = tls_conn_peer_subject(tls, subject, sizeof(subject));
    }
    return arena_copy(&x->arena, span_make(subject, len));
}

static struct span tls_value(struct exchange *x, enum variable variable)
{
    const struct conn *tls = link_tls(x->link);

    if (variable == VARIABLE_TLS_SNI) {
        return span_from_cstr(x->link->sni);
    }
    if (tls == NULL) {
        return span_make(NULL, 0);
    }
    switch (variable) {
    case VARIABLE_TLS_VERSION:
        return span_from_cstr(tls_conn_version(tls));
    case VARIABLE_TLS_CIPHER:
        return span_from_cstr(tls_conn_cipher(tls));
    default:
        return client_subject(x, tls);
    }
}

/* As it came, with milliseconds. */
static struct span time_of(struct exchange *x)
{
    uint64_t since_us = loop_now_us(x->worker->core.loop) - x->front.started_us;
    int64_t ms = (clock_wall_us() - (int64_t)since_us) / 1000;

    return span_from_cstr(
        arena_printf(&x->arena, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000)));
}

static struct span url_of(struct exchange *x, const struct client_view *view)
{
    const struct template_part target = {.variable = VARIABLE_TARGET};
    struct span value;

    if (!template_target_value(&target, x->path.forward, exchange_query(x), &x->arena, &value)) {
        return span_make(NULL, 0);
    }
    return span_from_cstr(arena_printf(&x->arena, "%s://%.*s%.*s",
                                       view->is_https ? "https" : "http", SPAN_ARG(view->host),
                                       SPAN_ARG(value)));
}

static struct span server_of(const struct exchange *x)
{
    const struct server *server = x->backend != NULL ? lease_server(&x->call.lease) : NULL;

    return server != NULL ? span_from_cstr(server->text) : span_make(NULL, 0);
}

static struct span host_of(const struct client_view *view)
{
    struct span host;
    uint16_t port;

    return view->host.ptr != NULL && http_parse_authority(view->host, &host, &port)
               ? host
               : span_make(NULL, 0);
}

/* What its sender may not say is not there: the marks are made when the request is prepared for a
 * server, which it never is where the answer is made here. */
static bool is_told(const struct exchange *x, const struct http_fields *fields,
                    const struct http_field *field)
{
    return !field->is_not_sent && !field->is_untold &&
           (fields != &x->request.fields || x->backend != NULL || x->link->is_peer_trusted ||
            exchange_field_sender(x, field) == FIELD_FROM_ANYONE);
}

/* All of that name, as one list (RFC 9110 section 5.3). Their lengths first: many small ones would
 * else be copied once for each. */
static struct span field_value(struct exchange *x, const struct http_fields *fields,
                               struct span name)
{
    const struct http_field *only = NULL;
    size_t len = 0;
    char *bytes;
    char *to;

    if (fields == &x->request.fields && span_ieq(name, SPAN_OF("Host"))) {
        return x->request.authority;
    }
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (span_ieq(field->name, name) && is_told(x, fields, field)) {
            len += (only != NULL ? 2 : 0) + field->value.len;
            only = field;
        }
    }
    if (only == NULL || only->value.len == len) {
        return only != NULL ? only->value : span_make(NULL, 0);
    }
    bytes = to = arena_alloc(&x->arena, len);
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (!span_ieq(field->name, name) || !is_told(x, fields, field)) {
            continue;
        }
        if (to != bytes) {
            *to++ = ',';
            *to++ = ' ';
        }
        if (field->value.len != 0) {
            memcpy(to, field->value.ptr, field->value.len);
            to += field->value.len;
        }
    }
    return span_make(bytes, (size_t)(to - bytes));
}

static struct span cookie(struct exchange *x, struct span name)
{
    const struct http_fields *fields = &x->request.fields;
    struct span value = {NULL, 0};

    if (exchange_cookie_is_own(x, name)) {
        return value;
    }
    for (size_t i = 0; i < fields->count && value.ptr == NULL; i++) {
        if (fields->items[i].id == FIELD_COOKIE) {
            value = template_cookie(fields->items[i].value, name);
        }
    }
    return value;
}

static struct span capture(const struct exchange *x, struct span name)
{
    if (x->route == NULL) {
        return span_make(NULL, 0);
    }
    return route_match_capture(&x->site->edge->table.routes[x->route - x->site->routes],
                               x->path.match, name);
}

static const struct auth_identity *identity_of(const struct exchange *x)
{
    return x->phases != NULL ? x->phases->identity : NULL;
}

static struct span request_value(struct exchange *x, const struct template_part *part)
{
    switch (part->variable) {
    case VARIABLE_METHOD:
        return x->request.method_name;
    case VARIABLE_MATCH:
        return capture(x, part->text);
    case VARIABLE_REQUEST_ID:
        return x->request_id;
    case VARIABLE_REQUEST_FIELD:
        return field_value(x, &x->request.fields, part->text);
    case VARIABLE_COOKIE:
        return cookie(x, part->text);
    case VARIABLE_USER:
        return identity_of(x) != NULL ? identity_of(x)->user : span_make(NULL, 0);
    case VARIABLE_CLAIM:
        return auth_identity_claim_text(identity_of(x), part->text, &x->arena);
    case VARIABLE_STATUS:
        return number(x, x->response.status);
    case VARIABLE_RESPONSE_FIELD:
        return field_value(x, &x->response.fields, part->text);
    case VARIABLE_SITE:
        return x->site != NULL ? x->site->name : span_make(NULL, 0);
    case VARIABLE_ROUTE:
        return x->route != NULL ? x->route->name : span_make(NULL, 0);
    case VARIABLE_TIME:
        return time_of(x);
    case VARIABLE_BACKEND:
        return x->backend != NULL ? span_from_cstr(x->backend->name) : span_make(NULL, 0);
    case VARIABLE_SERVER:
        return server_of(x);
    case VARIABLE_CACHE:
        return x->cache != NULL ? x->cache->log_word : span_make(NULL, 0);
    default:
        return span_make(NULL, 0);
    }
}

static struct span value_of(void *owner, const struct template_part *part)
{
    struct exchange *x = owner;
    const struct client_view *view = exchange_view(x);
    struct span value;

    if (template_target_value(part, x->path.forward, exchange_query(x), &x->arena, &value)) {
        return value;
    }
    switch (part->variable) {
    case VARIABLE_CLIENT_ADDRESS:
        return view->address;
    case VARIABLE_CLIENT_PORT:
        return view->client_port != 0 ? number(x, view->client_port) : span_make(NULL, 0);
    case VARIABLE_PEER_ADDRESS:
        return exchange_peer(x);
    case VARIABLE_SCHEME:
        return view->is_https ? SPAN_OF("https") : SPAN_OF("http");
    case VARIABLE_HOST:
        return host_of(view);
    case VARIABLE_PORT:
        return number(x, view->port);
    case VARIABLE_URL:
        return url_of(x, view);
    case VARIABLE_CLIENT_ISSUER:
        return client_identity_value(x->link, CLIENT_IDENTITY_ISSUER, &x->arena);
    case VARIABLE_CLIENT_SERIAL:
        return client_identity_value(x->link, CLIENT_IDENTITY_SERIAL, &x->arena);
    case VARIABLE_CLIENT_FINGERPRINT:
        return client_identity_value(x->link, CLIENT_IDENTITY_FINGERPRINT, &x->arena);
    case VARIABLE_CLIENT_CERTIFICATE:
        return client_identity_value(x->link, CLIENT_IDENTITY_CERTIFICATE, &x->arena);
    case VARIABLE_CLIENT_VERDICT:
        return client_identity_value(x->link, CLIENT_IDENTITY_VERDICT, &x->arena);
    case VARIABLE_CLIENT_SUBJECT:
    case VARIABLE_TLS_VERSION:
    case VARIABLE_TLS_CIPHER:
    case VARIABLE_TLS_SNI:
        return tls_value(x, part->variable);
    default:
        return request_value(x, part);
    }
}

struct template_values exchange_values(struct exchange *x)
{
    return (struct template_values){value_of, x};
}

/* ---- what they are for ---- */

bool exchange_rewrite(struct exchange *x)
{
    const struct template_values values = exchange_values(x);

    if (x->route->rewrite == NULL ||
        rewrite_path(x->route->rewrite, &values, &x->target, &x->arena)) {
        return true;
    }
    exchange_refuse(x, 400, false, "rewrite_refused",
                    "what rewrite.replace of the route makes of this path is no path that could be "
                    "sent on",
                    "see its 'with': it must begin with '/' and make no '.' or '..' segments");
    return false;
}

void exchange_rewrite_query(struct exchange *x)
{
    struct span query;

    if (x->route->rewrite == NULL || !x->route->rewrite->has_query || x->has_client_query) {
        return;
    }
    const struct template_values values = exchange_values(x);
    query = rewrite_query(x->route->rewrite, &values, &x->arena);
    x->client_query = x->request.query;
    x->has_client_query = true;
    x->request.query = query;
}

void exchange_apply_request_rules(struct exchange *x)
{
    const struct template_values values = exchange_values(x);

    field_rules_apply(x->route->request_rules, exchange_is_https(x), &values, &x->request.fields,
                      &x->arena);
}

/* Of the route, or where none was found of the site. */
static const struct field_rules *response_rules(const struct exchange *x)
{
    return x->route != NULL  ? x->route->response_rules
           : x->site != NULL ? x->site->response_rules
                             : NULL;
}

void exchange_apply_response_rules(struct exchange *x)
{
    const struct field_rules *rules = response_rules(x);

    if (rules != NULL) {
        const struct template_values values = exchange_values(x);
        field_rules_apply(rules, exchange_is_https(x), &values, &x->response.fields, &x->arena);
    }
}

void exchange_apply_trailer_rules(const struct exchange *x, struct http_fields *trailers,
                                  bool of_request)
{
    const struct field_rules *rules = x->route == NULL ? NULL
                                      : of_request     ? x->route->request_rules
                                                       : response_rules(x);

    if (rules != NULL && trailers != NULL) {
        field_rules_apply_to_trailers(rules, trailers);
    }
}

struct span exchange_redirect_location(struct exchange *x)
{
    const struct template_values values = exchange_values(x);

    return redirect_location(&x->route->redirect_to, &values, TEMPLATE_URL, &x->arena);
}

/* The same as for fields, but for parameters that are not to be written. */
static struct span logged_value(void *owner, const struct template_part *part)
{
    struct exchange *x = owner;
    const struct string_list *hidden = &exchange_log_rules(x)->redact;
    struct span value = value_of(x, part);

    switch (part->variable) {
    case VARIABLE_QUERY:
        return redact_query(hidden, value, &x->arena);
    case VARIABLE_QUERY_MARKED:
    case VARIABLE_TARGET:
        return redact_url(hidden, value, &x->arena);
    case VARIABLE_QUERY_PARAMETER:
        return redact_hides(hidden, part->text) && value.len != 0 ? SPAN_OF(REDACTED) : value;
    case VARIABLE_URL:
    case VARIABLE_REQUEST_FIELD: /* Referer is a URL, and others may be */
        return redact_url(hidden, value, &x->arena);
    case VARIABLE_STATUS: /* what a server said is not what the client got */
        return x->front.has_started ? value : span_make(NULL, 0);
    case VARIABLE_RESPONSE_FIELD:
        return x->front.has_started ? redact_url(hidden, value, &x->arena) : span_make(NULL, 0);
    default:
        return value;
    }
}

struct template_values exchange_logged_values(struct exchange *x)
{
    return (struct template_values){logged_value, x};
}

const struct log_rules *exchange_log_rules(const struct exchange *x)
{
    return x->route != NULL  ? x->route->log_rules
           : x->site != NULL ? x->site->log_rules
                             : x->generation->snapshot->log_rules;
}

const struct access_member *exchange_log_members(struct exchange *x)
{
    const struct log_rules *rules = exchange_log_rules(x);
    const struct template_values values = {logged_value, x};
    struct access_member *members =
        arena_alloc(&x->arena, (rules->member_count + 1) * sizeof(*members));

    for (size_t i = 0; i < rules->member_count; i++) {
        members[i].name = rules->members[i].name;
        members[i].value =
            template_expand(&rules->members[i].value, &values, TEMPLATE_FIELD, &x->arena);
    }
    return members;
}

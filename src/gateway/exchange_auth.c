/* What methods of `auth` need of an exchange, and what they leave for its messages. */
#include "auth/oidc_cookies.h"
#include "auth/outgoing.h"
#include "edge/field_senders.h"
#include "edge/forwarded.h"
#include "gateway/client_identity.h"
#include "gateway/exchange_internal.h"

#define BIT(id) (UINT64_C(1) << (id))

/* About the body, which is not sent along; what would have the answer be another one, or compressed
 * for nobody. */
#define OF_MESSAGE                                                                                 \
    (BIT(FIELD_HOST) | BIT(FIELD_CONTENT_LENGTH) | BIT(FIELD_TRANSFER_ENCODING) |                  \
     BIT(FIELD_CONTENT_TYPE) | BIT(FIELD_EXPECT) | BIT(FIELD_TRAILER) | BIT(FIELD_RANGE) |         \
     BIT(FIELD_IF_RANGE) | BIT(FIELD_IF_MATCH) | BIT(FIELD_IF_NONE_MATCH) |                        \
     BIT(FIELD_IF_MODIFIED_SINCE) | BIT(FIELD_IF_UNMODIFIED_SINCE) | BIT(FIELD_ACCEPT_ENCODING) |  \
     BIT(FIELD_UPGRADE) | BIT(FIELD_MAX_FORWARDS) | BIT(FIELD_DESTINATION))

const struct client_names *exchange_auth_client_names(struct phases *phases)
{
    struct exchange *x = phases->owner_data;

    return client_identity_names(x->link);
}

struct client *exchange_auth_client(struct phases *phases)
{
    struct exchange *x = phases->owner_data;

    return &x->worker->client;
}

/* ---- cookies that are the gateway's own ---- */

/* By the first routes of its site, whichever route it has itself (config/sign_in_routes.h). */
static const struct oidc_settings *next_own(const struct exchange *x, size_t *at)
{
    const struct site_settings *site = x->site != NULL ? x->site->settings : NULL;
    const struct oidc_settings *before =
        *at != 0 && site != NULL ? site->routes[*at - 1].signs_in : NULL;

    while (site != NULL && *at < site->route_count && site->routes[*at].signs_in != NULL) {
        const struct oidc_settings *one = site->routes[(*at)++].signs_in;
        if (one != before) {
            return one;
        }
    }
    return NULL;
}

bool exchange_cookie_is_own(const struct exchange *x, struct span name)
{
    const struct oidc_settings *one;
    size_t at = 0;

    while ((one = next_own(x, &at)) != NULL) {
        if (oidc_cookie_is_own(one->cookie, name)) {
            return true;
        }
    }
    return false;
}

static void strip_own(struct exchange *x, struct http_fields *fields)
{
    const struct oidc_settings *one;
    size_t at = 0;

    while ((one = next_own(x, &at)) != NULL) {
        oidc_cookies_strip(one->cookie, fields, &x->arena);
    }
}

/* ---- what another server is told ---- */

static void add(struct exchange *x, struct http_fields *fields, struct span name, struct span value)
{
    if (value.ptr != NULL && value.len != 0) {
        http_fields_add(fields, &x->arena, http_field_id(name), name, value);
    }
}

static struct span target_of(struct exchange *x)
{
    struct span query = x->request.query;

    return span_from_cstr(arena_printf(&x->arena, "%.*s%s%.*s", SPAN_ARG(x->path.forward),
                                       query.ptr != NULL ? "?" : "", SPAN_ARG(query)));
}

static void add_own(struct exchange *x, struct auth_outgoing *out)
{
    const struct client_view *view = exchange_view(x);
    struct forwarded forwarded;
    struct forwarded_from from = {
        .view = view, .peer = exchange_peer(x), .peer_port = x->link->peer.port};

    forwarded_write(&from, &x->arena, &forwarded);
    out->scheme = view->is_https ? SPAN_OF("https") : SPAN_OF("http");
    out->host = forwarded.x_host;
    out->target = target_of(x);
    add(x, &out->own, SPAN_OF("X-Forwarded-For"), forwarded.x_for);
    add(x, &out->own, SPAN_OF("X-Forwarded-Proto"), forwarded.x_proto);
    add(x, &out->own, SPAN_OF("X-Forwarded-Host"), forwarded.x_host);
    add(x, &out->own, SPAN_OF("X-Forwarded-Port"), forwarded.x_port);
    add(x, &out->own, SPAN_OF("X-Forwarded-Method"), x->request.method_name);
    add(x, &out->own, SPAN_OF("X-Forwarded-Uri"), out->target);
    add(x, &out->own, SPAN_OF("X-Real-IP"), forwarded.x_real_ip);
    add(x, &out->own, SPAN_OF("X-Original-Method"), x->request.method_name);
    add(x, &out->own, SPAN_OF("X-Original-URL"),
        span_from_cstr(arena_printf(&x->arena, "%.*s://%.*s%.*s", SPAN_ARG(out->scheme),
                                    SPAN_ARG(out->host), SPAN_ARG(out->target))));
    add(x, &out->own, SPAN_OF("X-Request-ID"), x->request_id);
}

static bool has_alike(const struct http_fields *fields, struct span name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (field_name_is_alike(name, fields->items[i].name)) {
            return true;
        }
    }
    return false;
}

static bool may_say(const struct exchange *x, const struct http_field *field)
{
    enum field_sender sender = exchange_field_sender(x, field);

    return sender == FIELD_FROM_ANYONE ||
           (sender == FIELD_FROM_TRUSTED && x->link->is_peer_trusted);
}

void exchange_auth_outgoing(struct phases *phases, struct auth_outgoing *out)
{
    struct exchange *x = phases->owner_data;
    const struct http_fields *fields = &x->request.fields;

    *out =
        (struct auth_outgoing){{NULL, 0, 0, 0}, {NULL, 0, 0, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    add_own(x, out);
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (!field->is_not_sent && (OF_MESSAGE >> field->id & 1) == 0 && may_say(x, field) &&
            !has_alike(&out->own, field->name)) {
            http_fields_add(&out->fields, &x->arena, field->id, field->name, field->value);
        }
    }
    strip_own(x, &out->fields);
}

/* ---- what is left for the messages ---- */

static void take_out(const struct http_fields *given, struct http_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        fields->items[i].is_not_sent |= has_alike(given, fields->items[i].name);
    }
}

void exchange_auth_request(struct exchange *x)
{
    struct http_fields *given = x->phases != NULL ? x->phases->given : NULL;

    strip_own(x, &x->request.fields);
    if (given == NULL) {
        return;
    }
    take_out(given, &x->request.fields);
    for (size_t i = 0; i < given->count; i++) {
        size_t before = x->request.fields.count;
        add(x, &x->request.fields, given->items[i].name, given->items[i].value);
        if (x->request.fields.count != before) {
            x->request.fields.items[before].is_untold = given->items[i].is_untold;
        }
    }
}

void exchange_auth_trailers(const struct exchange *x, struct http_fields *trailers)
{
    if (x->phases != NULL && x->phases->given != NULL) {
        take_out(x->phases->given, trailers);
    }
}

/* What others may keep, by whatever they go by. */
static bool is_of_caching(const struct http_field *field)
{
    static const struct span names[] = {SPAN("Cache-Control"), SPAN("Expires"), SPAN("Pragma"),
                                        SPAN("CDN-Cache-Control"), SPAN("Surrogate-Control")};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (span_ieq(field->name, names[i])) {
            return true;
        }
    }
    return false;
}

/* A cookie of somebody's session is for nobody else: Set-Cookie alone keeps no cache from keeping a
 * response (RFC 9111 section 7.3). */
static void keep_to_client(struct exchange *x)
{
    struct http_fields *fields = &x->response.fields;

    for (size_t i = 0; i < fields->count; i++) {
        fields->items[i].is_not_sent |= is_of_caching(&fields->items[i]);
    }
    add(x, fields, SPAN_OF("Cache-Control"), SPAN_OF("no-store"));
}

void exchange_auth_response(struct exchange *x)
{
    const struct http_fields *gained = x->phases != NULL ? x->phases->gained : NULL;

    if (gained != NULL && http_fields_find(gained, FIELD_SET_COOKIE) != NULL) {
        keep_to_client(x);
    }
    for (size_t i = 0; gained != NULL && i < gained->count; i++) {
        add(x, &x->response.fields, gained->items[i].name, gained->items[i].value);
    }
}

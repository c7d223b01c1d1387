/* The fields of requests and responses that pass through: those that belong to one hop are left out
 * (RFC 9110 section 7.6.1), those that only a gateway may say are its own. */
#include "access/phase_rate.h"
#include "edge/field_senders.h"
#include "edge/forwarded.h"
#include "edge/upgrade.h"
#include "gateway/client_identity.h"
#include "gateway/exchange_internal.h"

#define BIT(id) (UINT64_C(1) << (id))

/* Written here, from what trusted peers said of them. */
#define WRITTEN_FIELDS                                                                             \
    (BIT(FIELD_FORWARDED) | BIT(FIELD_X_FORWARDED_FOR) | BIT(FIELD_X_FORWARDED_PROTO) |            \
     BIT(FIELD_X_FORWARDED_HOST) | BIT(FIELD_X_FORWARDED_PORT) | BIT(FIELD_X_REAL_IP) |            \
     BIT(FIELD_X_REQUEST_ID))

/* The most of a trusted peer's request id that is taken over. */
#define REQUEST_ID_MAX 128

static void drop(struct http_fields *fields, uint64_t ids)
{
    if ((fields->present & ids) == 0) {
        return;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if ((ids >> fields->items[i].id & 1) != 0) {
            fields->items[i].is_not_sent = true;
        }
    }
}

enum field_sender exchange_field_sender(const struct exchange *x, const struct http_field *field)
{
    const char *named = x->settings->client_address_from;
    enum field_sender sender = field_sender_of(field);

    if (sender == FIELD_FROM_ANYONE && named != NULL && field->id == FIELD_OTHER &&
        field_name_is_alike(field->name, span_from_cstr(named))) {
        return span_ieq(field->name, span_from_cstr(named)) ? FIELD_FROM_TRUSTED
                                                            : FIELD_FROM_NOBODY;
    }
    return sender;
}

/* Leaves out what its sender may not say (edge/field_senders.h). What a trusted peer says stays,
 * though Connection names it: many proxies pass Connection on as it came, and a client behind one
 * could rid itself of its name or address so. */
static void drop_claims(const struct exchange *x, struct http_fields *fields, bool is_trusted)
{
    for (size_t i = 0; i < fields->count; i++) {
        enum field_sender sender = exchange_field_sender(x, &fields->items[i]);
        if (sender == FIELD_FROM_NOBODY || (sender == FIELD_FROM_TRUSTED && !is_trusted)) {
            fields->items[i].is_not_sent = true;
        } else if (sender == FIELD_FROM_TRUSTED) {
            fields->items[i].is_not_sent = false;
        }
    }
}

void exchange_prepare_trailers(const struct exchange *x, struct http_fields *trailers)
{
    drop_claims(x, trailers, false);
    exchange_auth_trailers(x, trailers);
    exchange_apply_trailer_rules(x, trailers, true);
}

static void add(struct exchange *x, struct http_fields *fields, enum http_field_id id,
                struct span value)
{
    if (value.ptr != NULL) {
        http_fields_add(fields, &x->arena, id, http_field_name(id), value);
    }
}

static void take_request_id(struct exchange *x)
{
    const struct http_field *given = http_fields_find(&x->request.fields, FIELD_X_REQUEST_ID);

    if (given != NULL && given->value.len <= REQUEST_ID_MAX && http_is_token(given->value)) {
        x->request_id = given->value;
    }
}

/* What a trusted peer says of the scheme in fields that are not read here stays where it agrees. */
static void drop_contradictions(struct exchange *x)
{
    struct http_fields *fields = &x->request.fields;

    for (size_t i = 0; i < fields->count; i++) {
        if (client_view_denies(exchange_view(x), &fields->items[i])) {
            fields->items[i].is_not_sent = true;
        }
    }
}

static void add_identity(struct exchange *x)
{
    struct http_fields *fields = &x->request.fields;
    struct forwarded forwarded;
    struct forwarded_from from = {
        .view = exchange_view(x),
        .peer = exchange_peer(x),
        .peer_port = x->link->peer.port,
    };

    forwarded_write(&from, &x->arena, &forwarded);
    if (x->link->is_peer_trusted) {
        take_request_id(x);
        drop_contradictions(x);
    }
    drop(fields, WRITTEN_FIELDS);
    add(x, fields, FIELD_X_FORWARDED_FOR, forwarded.x_for);
    add(x, fields, FIELD_X_FORWARDED_PROTO, forwarded.x_proto);
    add(x, fields, FIELD_X_FORWARDED_HOST, forwarded.x_host);
    add(x, fields, FIELD_X_FORWARDED_PORT, forwarded.x_port);
    add(x, fields, FIELD_X_REAL_IP, forwarded.x_real_ip);
    add(x, fields, FIELD_FORWARDED, forwarded.forwarded);
    add(x, fields, FIELD_X_REQUEST_ID, x->request_id);
}

/* RFC 8470 section 5.1. From a proxy in front the field stays, whatever it says of that one's
 * handshake; there is one of it in the end. */
static void add_early_data(struct exchange *x)
{
    if (x->is_early) {
        drop(&x->request.fields, BIT(FIELD_EARLY_DATA));
        add(x, &x->request.fields, FIELD_EARLY_DATA, SPAN_OF("1"));
    }
}

/* HTTP/2 has no Upgrade, but extended CONNECT (RFC 8441), which asks for one protocol, and has no
 * body in front of it. */
static void choose_connect(struct exchange *x)
{
    struct http_request *request = &x->request;
    struct span first = upgrade_first(request->upgrade);

    x->call.asks_connect = request->method == HTTP_GET && request->framing == HTTP_FRAMING_NONE &&
                           http_is_token(first);
    if (x->call.asks_connect) {
        request->upgrade = first;
        return;
    }
    x->note = (struct trouble){"upgrade_dropped",
                               "the backend is spoken to in HTTP/2, where only GET without a body "
                               "can switch to another protocol",
                               "say 'protocol: auto' or 'protocol: h1' in the backend"};
}

/* Of the protocols that the client would switch to, those that the route allows; the others are as
 * if they had not been asked for (RFC 9110 section 7.8), and the log says so. */
static void choose_upgrade(struct exchange *x)
{
    struct http_request *request = &x->request;
    const struct string_list *allowed = &x->route->settings->upgrade;
    struct upgrade_choice choice;

    if (request->upgrade.ptr == NULL) {
        return;
    }
    choice = upgrade_choose(request->upgrade, allowed->items, allowed->count, &x->arena);
    request->upgrade = choice.passed;
    if (choice.dropped.ptr != NULL) {
        x->note = (struct trouble){"upgrade_dropped",
                                   arena_printf(&x->arena,
                                                "the route does not let clients switch to '%.*s'",
                                                SPAN_ARG(choice.dropped)),
                                   "name it in upgrade of the route, if it should pass"};
    }
    if (request->upgrade.ptr != NULL && !request->is_extended_connect &&
        (x->backend->protocol == BACKEND_H2 || x->backend->protocol == BACKEND_H2C)) {
        choose_connect(x);
    }
}

/* Upgrade of a response says what the client could switch to: with 426 what it must (RFC 9110
 * section 15.5.22), with others what the route would let it. Here response->upgrade is set, or not.
 */
static void choose_response_upgrade(struct exchange *x)
{
    struct http_response *response = &x->response;
    const struct http_field *field;

    if (response->status == 101) {
        return;
    }
    if (response->status == 426) {
        field = http_fields_find(&response->fields, FIELD_UPGRADE);
        if (response->upgrade.ptr == NULL && field != NULL) {
            response->upgrade = field->value; /* though Connection does not name it */
        }
    } else if (response->upgrade.ptr != NULL) {
        const struct string_list *allowed = &x->route->settings->upgrade;
        response->upgrade =
            response->status < 200
                ? span_make(NULL, 0)
                : upgrade_choose(response->upgrade, allowed->items, allowed->count, &x->arena)
                      .passed;
    }
}

void exchange_prepare_request(struct exchange *x)
{
    struct http_request *request = &x->request;

    choose_upgrade(x);
    drop_claims(x, &request->fields, x->link->is_peer_trusted);
    if (x->backend->forwarded) {
        add_identity(x);
    }
    if (x->backend->via) {
        /* RFC 9110 section 7.6.3 */
        http_fields_add(&request->fields, &x->arena, FIELD_VIA, SPAN_OF("Via"),
                        request->version == HTTP_1_0 ? SPAN_OF("1.0 tidegate")
                        : request->version == HTTP_2 ? SPAN_OF("2 tidegate")
                                                     : SPAN_OF("1.1 tidegate"));
    }
    client_identity_add_fields(x->link, x->site, x->backend, &x->request.fields, &x->arena);
    exchange_auth_request(x);
    add_early_data(x);
    if (x->route->request_rules != NULL) {
        exchange_apply_request_rules(x);
    }
}

void exchange_prepare_response(struct exchange *x)
{
    struct http_response *response = &x->response;
    const struct http_field *date = http_fields_find(&response->fields, FIELD_DATE);

    choose_response_upgrade(x);
    if (response->status >= 200 && (date == NULL || date->is_not_sent)) {
        /* RFC 9110 section 6.6.1 */
        add(x, &response->fields, FIELD_DATE, arena_copy(&x->arena, core_date(&x->worker->core)));
    }
    if (response->status >= 200) {
        if (x->phases != NULL) {
            rate_notes_add_fields(x->phases->rates, &x->arena, &response->fields);
        }
        exchange_add_cors(x);
        exchange_auth_response(x);
        exchange_apply_response_rules(x);
    } else if (response->status == 101) {
        exchange_auth_response(x); /* it is the last head */
    }
}

/* What a server says of its own URLs, as the client is to read it (edge/locations.h). */
#include "edge/locations.h"

#include "gateway/exchange_internal.h"

#define BIT(id) (UINT64_C(1) << (id))
#define URL_FIELDS (BIT(FIELD_LOCATION) | BIT(FIELD_CONTENT_LOCATION) | BIT(FIELD_REFRESH))

static struct span translate(struct exchange *x, const struct http_field *field,
                             const struct locations_from *from)
{
    bool has_moved = x->route->settings->answers.locations == LOCATIONS_AUTO;

    if (field->id == FIELD_SET_COOKIE) {
        return set_cookie_for_client(field->value, from, has_moved, x->route->cookies, &x->arena);
    }
    if (!has_moved) {
        return (struct span){NULL, 0};
    }
    return field->id == FIELD_REFRESH ? refresh_for_client(field->value, from, &x->arena)
                                      : location_for_client(field->value, from, &x->arena);
}

void exchange_translate_locations(struct exchange *x)
{
    struct http_fields *fields = &x->response.fields;
    const struct server *server;
    struct locations_from from;

    if ((fields->present & (URL_FIELDS | BIT(FIELD_SET_COOKIE))) == 0) {
        return;
    }
    server = lease_server(&x->call.lease);
    from = (struct locations_from){
        .view = exchange_view(x),
        .sent = call_authority(&x->call),
        .server = server != NULL ? span_from_cstr(server->host) : SPAN_OF(""),
        .server_is_https = x->backend->tls != NULL,
        .rewrite = x->route->settings->rewrite,
    };
    for (size_t i = 0; i < fields->count; i++) {
        struct http_field *field = &fields->items[i];
        if ((BIT(field->id) & (URL_FIELDS | BIT(FIELD_SET_COOKIE))) != 0 && !field->is_not_sent) {
            struct span value = translate(x, field, &from);
            field->value = value.ptr != NULL ? value : field->value;
        }
    }
}

/* Destination of WebDAV's COPY and MOVE (RFC 4918 section 10.3): the second path of a request. What
 * the routes say of paths holds for it too, and the server is to find it its own. */
#include "edge/destination.h"

#include "edge/rewrite.h"
#include "edge/serve.h"
#include "gateway/exchange_internal.h"

static bool has_destination(const struct exchange *x)
{
    return http_fields_has(&x->request.fields, FIELD_DESTINATION) &&
           (span_eq(x->request.method_name, SPAN_OF("COPY")) ||
            span_eq(x->request.method_name, SPAN_OF("MOVE")));
}

/* ---- where it may lead ---- */

/* Of a URL or a path alone. Servers may look at nothing but the path, so neither does this. */
static bool path_of(struct span value, struct span *path)
{
    struct destination destination;

    if (destination_parse(value, &destination)) {
        value = destination.rest.len != 0 ? destination.rest : SPAN_OF("/");
    } else if (span_starts_with(value, SPAN_OF("//"))) {
        /* To us a path with an empty segment, to others a host with its path (RFC 3986 section
         * 4.2). */
        return false;
    }
    value = span_head(value, span_find(value, '#'));
    *path = span_head(value, span_find(value, '?'));
    return path->len != 0 && path->ptr[0] == '/';
}

/* A path that this client could not ask this backend for with this method is refused. Dot segments
 * are resolved as in the request's own path: what the rules were asked about is what the server
 * reads. */
static bool may_lead_to(struct exchange *x, struct http_field *field)
{
    struct span value = field->value;
    struct edge_decision decision;
    struct span path;

    if (!path_of(value, &path)) {
        return false;
    }
    exchange_decide(x, path, &decision);
    if (decision.verdict == EDGE_ROUTE && decision.site == x->site->edge &&
        x->site->routes[decision.route].rewrite != NULL) {
        const struct template_values values = exchange_values(x);
        if (!rewrite_path(x->site->routes[decision.route].rewrite, &values, &decision.path,
                          &x->arena)) {
            return false;
        }
    }
    if (decision.path.is_rewritten) {
        size_t at = (size_t)(path.ptr - value.ptr);
        field->value = span_from_cstr(arena_printf(
            &x->arena, "%.*s%.*s%.*s", SPAN_ARG(span_head(value, at)),
            SPAN_ARG(decision.path.forward), SPAN_ARG(span_skip(value, at + path.len))));
    }
    return decision.verdict == EDGE_ROUTE && decision.site == x->site->edge &&
           x->site->routes[decision.route].backend == x->route->backend &&
           exchange_may_reach(x, &x->site->routes[decision.route], &decision.path);
}

bool exchange_destination_is_refused(struct exchange *x)
{
    struct http_fields *fields = &x->request.fields;

    if ((x->site->edge->paths == EDGE_PATHS_FREE && x->route->settings->rewrite == NULL) ||
        !has_destination(x)) {
        return false;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == FIELD_DESTINATION && !may_lead_to(x, &fields->items[i])) {
            exchange_refuse(x, 403, false, "destination_refused",
                            "Destination is a path that no route lets this client reach with this "
                            "method, on the same backend",
                            "let a route match the path too, if it should be reachable");
            return true;
        }
    }
    return false;
}

/* ---- what the server reads ---- */

/* By a name of its own; the default site has all, and they may be anybody's. */
static bool is_host_of_site(struct exchange *x, struct span host)
{
    char *lower = arena_cstr(&x->arena, host);
    enum host_match how;
    const struct edge_site *site;

    for (size_t i = 0; i < host.len; i++) {
        lower[i] = ascii_lower(lower[i]);
    }
    site = host_table_find_how(x->listener->hosts, span_make(lower, host.len), &how);
    return site == x->site->edge && how != HOST_MATCH_DEFAULT;
}

/* Each server may have another name, so it is made of what came each time. */
static void keep_destinations(struct exchange *x)
{
    const struct http_fields *fields = &x->request.fields;

    x->destinations = arena_calloc(&x->arena, fields->count * sizeof(*x->destinations));
    x->destination_count = fields->count;
    for (size_t i = 0; i < fields->count; i++) {
        x->destinations[i] = fields->items[i].value;
    }
}

void exchange_translate_destination(struct exchange *x)
{
    struct http_fields *fields = &x->request.fields;
    struct destination destination;

    if (!has_destination(x)) {
        return;
    }
    if (x->destinations == NULL) {
        keep_destinations(x);
    }
    for (size_t i = 0; i < x->destination_count; i++) {
        struct http_field *field = &fields->items[i];
        if (field->id == FIELD_DESTINATION && destination_parse(x->destinations[i], &destination)) {
            struct span value = destination_for_server(
                &destination, exchange_view(x), is_host_of_site(x, destination.host),
                x->backend->tls != NULL, call_authority(&x->call), &x->arena);
            field->value = value.ptr != NULL ? value : x->destinations[i];
        }
    }
}

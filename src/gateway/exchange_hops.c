/* Requests that go no further: those that came in a circle, and those that Max-Forwards ends here.
 */
#include <stdio.h>

#include "edge/hops.h"
#include "gateway/exchange_internal.h"
#include "http/secret_field.h"

static void add(struct exchange *x, struct http_fields *fields, enum http_field_id id,
                struct span value)
{
    http_fields_add(fields, &x->arena, id, http_field_name(id), value);
}

/* What the request was when it came (RFC 9110 section 9.3.8), but for what is nobody's business. */
static struct span trace_body(struct exchange *x)
{
    const struct http_request *request = &x->request;
    size_t size = request->target.len + sizeof("TRACE  HTTP/1.1\r\n\r\n");
    char *text;
    size_t len;

    for (size_t i = 0; i < request->fields.count; i++) {
        size += request->fields.items[i].name.len + request->fields.items[i].value.len + 4;
    }
    text = arena_alloc(&x->arena, size);
    len = (size_t)snprintf(text, size, "TRACE %.*s HTTP/1.1\r\n", SPAN_ARG(request->target));
    for (size_t i = 0; i < request->fields.count; i++) {
        const struct http_field *field = &request->fields.items[i];
        if (!http_field_is_secret(field)) {
            len += (size_t)snprintf(text + len, size - len, "%.*s: %.*s\r\n", SPAN_ARG(field->name),
                                    SPAN_ARG(field->value));
        }
    }
    len += (size_t)snprintf(text + len, size - len, "\r\n");
    return span_make(text, len);
}

static void answer_here(struct exchange *x)
{
    struct http_fields fields = {0};
    struct span body = {NULL, 0};

    if (x->request.method == HTTP_TRACE) {
        add(x, &fields, FIELD_CONTENT_TYPE, SPAN_OF("message/http"));
        body = trace_body(x);
    } else {
        struct span allow = route_table_allow(&x->site->edge->table, x->path.match, &x->arena);
        http_fields_add(&fields, &x->arena, FIELD_OTHER, SPAN_OF("Allow"), allow);
    }
    exchange_answer_with(x, 200, &fields, body);
}

bool exchange_ends_here(struct exchange *x)
{
    struct http_fields *fields = &x->request.fields;
    unsigned less_one;

    if (hops_has_mark(fields, x->route->mark)) {
        exchange_refuse(x, 508, false, "loop", "the request came through this route before",
                        "a server of the backend leads back to this gateway: see its address, and "
                        "what answers there");
        return true;
    }
    switch (hops_left(&x->request, &less_one)) {
    case HOPS_ANY:
        break;
    case HOPS_SOME:
        hops_set(fields, span_from_cstr(arena_printf(&x->arena, "%u", less_one)));
        break;
    case HOPS_NONE:
        answer_here(x);
        return true;
    case HOPS_BAD:
        exchange_refuse(x, 400, false, "bad_max_forwards",
                        "Max-Forwards is not one number of digits alone (RFC 9110 section 7.6.2)",
                        NULL);
        return true;
    }
    add(x, fields, FIELD_CDN_LOOP, x->route->mark);
    return false;
}

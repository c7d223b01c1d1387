/* A request on a stream of an HTTP/2 connection.
 *
 * What is held of its body is bounded: BODY_MARK and one receive buffer. */
#include <stdlib.h>

#include "client/back_h2_internal.h"
#include "http/secret_field.h"

/* The body that waits for the server: above this the call's owner brings no more. */
#define BODY_MARK 65536
/* :method, :protocol, :scheme, :authority, :path, te, content-length */
#define OWN_FIELDS 7
/* What a field counts besides its bytes (RFC 9113 section 6.5.2). */
#define FIELD_OVERHEAD 32

static void add_nv(nghttp2_nv *nva, size_t *count, struct span name, struct span value,
                   uint8_t flags)
{
    nva[(*count)++] = (nghttp2_nv){(uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr,
                                   name.len, value.len, flags};
}

/* Fields that are secret, or new each time, stay out of the compression's memory, which the
 * requests of all clients share (RFC 7541 section 7.1.3). */
static uint8_t nv_flags(const struct http_field *field)
{
    return field->id == FIELD_X_REQUEST_ID || http_field_is_secret(field) ? NGHTTP2_NV_FLAG_NO_INDEX
                                                                          : NGHTTP2_NV_FLAG_NONE;
}

/* nghttp2 copies, and writes names in lower case. */
static void add_fields(nghttp2_nv *nva, size_t *count, const struct http_fields *fields,
                       struct span without)
{
    static const uint64_t own =
        UINT64_C(1) << FIELD_HOST | UINT64_C(1) << FIELD_CONTENT_LENGTH | UINT64_C(1) << FIELD_TE;

    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (!field->is_not_sent && (own >> field->id & 1) == 0 &&
            !(field->id == FIELD_OTHER && span_ieq(field->name, without))) {
            add_nv(nva, count, field->name, field->value, nv_flags(field));
        }
    }
}

static struct span target_of(struct call *call)
{
    struct span path = call->path;
    struct span query = call->request->query;

    if (query.ptr == NULL) {
        return path;
    }
    return span_from_cstr(arena_printf(call->arena, "%.*s?%.*s", SPAN_ARG(path), SPAN_ARG(query)));
}

static bool asks_connect(const struct call *call)
{
    return call->request->is_extended_connect || call->asks_connect;
}

static size_t write_head(struct call *call, nghttp2_nv *nva)
{
    const struct http_request *request = call->request;
    size_t count = 0;

    if (asks_connect(call)) { /* RFC 8441 section 4 */
        add_nv(nva, &count, SPAN_OF(":method"), SPAN_OF("CONNECT"), NGHTTP2_NV_FLAG_NONE);
        add_nv(nva, &count, SPAN_OF(":protocol"), request->upgrade, NGHTTP2_NV_FLAG_NONE);
    } else {
        add_nv(nva, &count, SPAN_OF(":method"), request->method_name, NGHTTP2_NV_FLAG_NONE);
    }
    /* Of this hop: servers refuse https on connections without TLS, and X-Forwarded-Proto tells
     * what the client used. */
    add_nv(nva, &count, SPAN_OF(":scheme"),
           call->backend->tls != NULL ? SPAN_OF("https") : SPAN_OF("http"), NGHTTP2_NV_FLAG_NONE);
    add_nv(nva, &count, SPAN_OF(":authority"), call_authority(call), NGHTTP2_NV_FLAG_NONE);
    add_nv(nva, &count, SPAN_OF(":path"), target_of(call), NGHTTP2_NV_FLAG_NONE);
    add_fields(nva, &count, &request->fields,
               asks_connect(call) ? SPAN_OF("Sec-WebSocket-Key") : (struct span){0});
    if (http_fields_has(&request->fields, FIELD_TE) &&
        http_fields_list_has(&request->fields, FIELD_TE, SPAN_OF("trailers"))) {
        add_nv(nva, &count, SPAN_OF("te"), SPAN_OF("trailers"), NGHTTP2_NV_FLAG_NONE);
    }
    if (request->has_content_length && request->framing != HTTP_FRAMING_CHUNKED) {
        add_nv(nva, &count, SPAN_OF("content-length"),
               arena_u64(call->arena, request->content_length), NGHTTP2_NV_FLAG_NONE);
    }
    return count;
}

/* As write_head will send it. */
struct back_h2_size back_h2_request_size(const struct call *call)
{
    const struct http_request *request = call->request;
    struct back_h2_size size = {0};
    size_t path = call->path.len + request->query.len + 1;

    for (size_t i = 0; i < request->fields.count; i++) {
        const struct http_field *field = &request->fields.items[i];
        size_t len = field->name.len + field->value.len;
        if (!field->is_not_sent) {
            size.head += len + FIELD_OVERHEAD;
            size.field = len > size.field ? len : size.field;
        }
    }
    size.field = path > size.field ? path : size.field;
    size.head += path + request->method_name.len + call_authority(call).len +
                 sizeof(":method:scheme:authority:pathhttps") + 4 * FIELD_OVERHEAD;
    return size;
}

/* nghttp2 asks for a DATA frame's worth. The trailers, if any, go behind the last one. */
static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    struct back_h2 *back = source->ptr;
    size_t waiting = back_h2_request_waiting(back);
    size_t share = waiting != 0 ? back_h2_flow_share(back) : 0;
    size_t n = waiting < length ? waiting : length;
    bool is_owned = back->call != NULL || back->is_raw;

    (void)buf;
    (void)user_data;
    n = n < share ? n : share;
    if (n == 0 && (waiting != 0 || back->request == BACK_H2_REQUEST_OPEN || !is_owned)) {
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == waiting && back->request != BACK_H2_REQUEST_OPEN && is_owned) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (back->call != NULL && back->trailers != NULL && back->trailers->count != 0) {
            nghttp2_nv *nva =
                arena_alloc(back->call->arena, (back->trailers->count + 1) * sizeof(*nva));
            size_t count = 0;
            add_fields(nva, &count, back->trailers, (struct span){0});
            if (count != 0 && nghttp2_submit_trailer(session, stream_id, nva, count) == 0) {
                *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            }
        }
    }
    return (ssize_t)n;
}

void back_h2_request_head(struct back *base, struct call *call, bool is_end)
{
    struct back_h2 *back = back_h2_of(base);
    nghttp2_nv *nva =
        arena_alloc(call->arena, (call->request->fields.count + OWN_FIELDS) * sizeof(*nva));
    nghttp2_data_provider provider = {.source.ptr = back, .read_callback = read_body};

    back->call = call;
    back->size = back_h2_request_size(call);
    is_end = is_end && !asks_connect(call);
    back->stream_id = nghttp2_submit_request(back->c->session, NULL, nva, write_head(call, nva),
                                             is_end ? NULL : &provider, back);
    CHECK(back->stream_id > 0);
    if (is_end) {
        back_h2_enter_request(back, BACK_H2_REQUEST_WHOLE);
    } else {
        back_h2_flow_begin(back);
    }
    back_h2_schedule(back->c);
}

bool back_h2_request_takes_body(const struct back *base)
{
    struct back_h2 *back = back_h2_of(base);

    if (back->c == NULL) {
        return false;
    }
    if (back_h2_request_waiting(back) < BODY_MARK) {
        return true;
    }
    if (list_is_empty(&back->stalled)) {
        list_push_back(&back->c->stalled, &back->stalled);
    }
    return false;
}

void back_h2_request_wake(struct back_h2 *back)
{
    (void)nghttp2_session_resume_data(back->c->session, back->stream_id);
    back_h2_schedule(back->c);
}

void back_h2_request_body(struct back *base, struct span bytes)
{
    struct back_h2 *back = back_h2_of(base);

    if (back->c == NULL || bytes.len == 0) {
        return;
    }
    if (back->body_at == back->body.len) {
        strbuf_clear(&back->body);
        back->body_at = 0;
    } else if (back->body_at >= BODY_MARK) {
        back->body.len -= back->body_at;
        memmove(back->body.ptr, back->body.ptr + back->body_at, back->body.len);
        back->body_at = 0;
    }
    strbuf_add(&back->body, bytes);
    back_h2_request_wake(back);
}

void back_h2_request_end(struct back *base, const struct http_fields *trailers)
{
    struct back_h2 *back = back_h2_of(base);

    if (back->c == NULL || back->request != BACK_H2_REQUEST_OPEN) {
        return;
    }
    back_h2_enter_request(back, BACK_H2_REQUEST_WHOLE);
    if (trailers != NULL && trailers->count != 0) {
        struct http_fields *copy = arena_alloc(back->call->arena, sizeof(*copy));
        *copy = *trailers;
        back->trailers = copy;
    }
    back_h2_request_wake(back);
}

void back_h2_request_wake_stalled(struct back_h2_conn *c)
{
    struct list ready;
    struct list *node;

    list_init(&ready);
    LIST_FOR_EACH(it, &c->stalled)
    {
        if (back_h2_request_waiting(LIST_ENTRY(it, struct back_h2, stalled)) < BODY_MARK) {
            list_remove(it);
            list_push_back(&ready, it);
        }
    }
    while ((node = list_pop_front(&ready)) != NULL) {
        struct back_h2 *back = LIST_ENTRY(node, struct back_h2, stalled);
        if (back->call != NULL) {
            call_writable(back->call);
        }
    }
}

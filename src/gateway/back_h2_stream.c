/* One request and its response on a stream of an HTTP/2 connection.
 *
 * What is held of a stream is bounded: of the request's body BODY_MARK and one receive buffer, of
 * the response what the stream's window allows, which is only opened again for what the front has
 * taken. */
#include <stdlib.h>

#include "gateway/back_h2_internal.h"
#include "gateway/head_limits.h"
#include "gateway/websocket.h"
#include "http/secret_field.h"

/* The body of a request that waits for the server: above this the front reads no more. */
#define BODY_MARK 65536
/* Given to the front at a time of what was held. */
#define GIVE_BYTES 65536
/* Interim (1xx) responses to one request. */
#define INTERIM_MAX 16
/* :method, :protocol, :scheme, :authority, :path, te, content-length */
#define OWN_FIELDS 7
/* What a field counts besides its bytes (RFC 9113 section 6.5.2). */
#define FIELD_OVERHEAD 32
#define SIZE_STEP 1024

static const struct back_ops ops;

static void on_timer(struct timer *timer);

static struct back_h2 *of(const struct back *base)
{
    return CONTAINER_OF(base, struct back_h2, base);
}

/* ---- life ---- */

static void on_free(struct deferred *deferred)
{
    struct back_h2 *back = CONTAINER_OF(deferred, struct back_h2, freeing);

    back->worker->core.sums.h2_windows -= back->window - BACK_H2_WINDOW_FIRST;
    timer_destroy(back->worker->core.loop, &back->timer);
    strbuf_free(&back->body);
    byte_queue_free(&back->held);
    free(back);
}

struct back *back_h2_stream_create(struct back_h2_conn *c, struct exchange *x)
{
    struct back_h2 *back = xcalloc(1, sizeof(*back));

    back->base.ops = &ops;
    back->worker = c->worker;
    back->c = c;
    back->exchange = x;
    back->window = BACK_H2_WINDOW_FIRST;
    back->was_pooled = c->was_used;
    c->was_used = true;
    list_init(&back->stalled);
    list_init(&back->due);
    list_init(&back->throttled);
    back->size = back_h2_stream_size(x);
    list_push_back(&c->streams, &back->node);
    c->stream_count++;
    timer_init(&back->timer, on_timer);
    deferred_init(&back->freeing, on_free);
    return &back->base;
}

void back_h2_stream_settle(struct back_h2 *back)
{
    if (back->c == NULL && back->exchange == NULL) {
        loop_defer(back->worker->core.loop, &back->freeing);
    }
}

/* The response is whole, or has failed: so the exchange can end. */
static void end_exchange(struct back_h2 *back)
{
    struct exchange *x = back->exchange;

    if (x == NULL) {
        return;
    }
    if (back->has_failed) {
        struct trouble trouble = back->trouble;
        back_h2_flow_leave(back);
        back->exchange = NULL;
        x->h2_code = back->code;
        x->wants_h1 |= back->code == NGHTTP2_HTTP_1_1_REQUIRED;
        exchange_back_failed(x, &back->facts, 502, &trouble);
        back_h2_stream_settle(back);
    } else if (x->state == EXCHANGE_REST) {
        exchange_back_writable(x);
    } else if (back->has_ended && back->held.bytes == 0) {
        exchange_response_end(x, back->has_trailers ? &back->response_trailers : NULL);
    }
}

/* At once, or when nghttp2 has returned. */
static void end_when_possible(struct back_h2 *back, struct back_h2_conn *c)
{
    if (c != NULL && c->in_library) {
        list_remove(&back->due);
        list_push_back(&c->due, &back->due);
        return;
    }
    end_exchange(back);
}

void back_h2_stream_end_due(struct back_h2_conn *c)
{
    struct list *node;

    while ((node = list_pop_front(&c->due)) != NULL) {
        end_exchange(LIST_ENTRY(node, struct back_h2, due));
    }
}

static const struct trouble untaken = {"server_reset",
                                       "the server took no more of the tunnel's bytes", NULL};

void back_h2_stream_closed(struct back_h2 *back, enum retry_stage stage,
                           const struct trouble *trouble)
{
    struct exchange *x = back->exchange;
    struct back_h2_conn *c = back->c;

    list_remove(&back->node);
    list_remove(&back->stalled);
    back_h2_flow_end(back, c);
    c->stream_count--;
    back->c = NULL;
    back_h2_schedule(c);
    if (back_h2_stream_listens(back)) {
        back->has_failed = true;
        back->facts.stage = back->has_answered ? RETRY_ANSWERING : stage;
        back->facts.was_pooled = back->was_pooled;
        back->trouble = *trouble;
        if (trouble->detail != NULL) {
            back->trouble.detail =
                arena_printf(&x->arena, "HTTP/2 to the server: %s", trouble->detail);
        }
        end_when_possible(back, c);
        return;
    }
    if (x != NULL && (x->state == EXCHANGE_REST || back->is_raw) && !back->is_request_sent) {
        back->has_failed = true;
        back->facts.stage = RETRY_ANSWERING;
        back->trouble = back->is_raw ? untaken : exchange_unread_trouble;
        end_when_possible(back, c);
        return;
    }
    back_h2_stream_settle(back);
}

void back_h2_stream_sent(struct back_h2 *back)
{
    back->is_request_sent = true;
    if (back->exchange != NULL && back->exchange->state == EXCHANGE_REST && !back->has_failed) {
        end_when_possible(back, back->c);
    }
}

static void fail(struct back_h2 *back, const struct trouble *trouble)
{
    back->has_failed = true;
    back->facts.stage = RETRY_ANSWERING;
    back->trouble = *trouble;
    (void)nghttp2_submit_rst_stream(back->c->session, NGHTTP2_FLAG_NONE, back->stream_id,
                                    NGHTTP2_PROTOCOL_ERROR);
    back_h2_schedule(back->c);
    end_when_possible(back, back->c);
}

void back_h2_stream_fail(struct back_h2 *back, const char *reason, const char *detail)
{
    fail(back, &(struct trouble){reason, detail,
                                 "the server sends broken HTTP/2: see its log, and its version"});
}

static void wake_body(struct back_h2 *back);

static void watch_rest(struct back_h2 *back)
{
    back->sent_at_timer = back->sent;
    timer_set_ms(back->worker->core.loop, &back->timer,
                 back->worker->snapshot->settings->timeouts.send_ms);
}

/* What a tunnel has left, and nobody waits for: as long as the server takes some of it. */
static void on_timer(struct timer *timer)
{
    struct back_h2 *back = CONTAINER_OF(timer, struct back_h2, timer);

    if (back->c == NULL) {
        return;
    }
    if (back->sent != back->sent_at_timer) {
        watch_rest(back);
        return;
    }
    (void)nghttp2_submit_rst_stream(back->c->session, NGHTTP2_FLAG_NONE, back->stream_id,
                                    NGHTTP2_CANCEL);
    back_h2_schedule(back->c);
}

static void op_release(struct back *base, bool reusable)
{
    struct back_h2 *back = of(base);
    struct back_h2_conn *c = back->c;

    back_h2_flow_leave(back);
    back->exchange = NULL;
    list_remove(&back->due);
    back->has_request_end = true;
    if (c != NULL && back->is_raw && back->has_ended && reusable) {
        if (!back->is_request_sent) {
            watch_rest(back);
        }
        wake_body(back); /* a tunnel has ended both ways: what waits of it still goes out */
    } else if (c != NULL && !(back->has_ended && back->is_request_sent)) {
        /* A whole response without all of the request is in order (RFC 9113 section 8.1). */
        (void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, back->stream_id,
                                        back->has_ended ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
        back_h2_schedule(c);
        if (!back->has_head) {
            back_h2_doubt(c);
        }
    }
    back_h2_stream_settle(back);
}

/* ---- the request ---- */

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
static void add_fields(nghttp2_nv *nva, size_t *count, const struct http_fields *fields)
{
    static const uint64_t own =
        UINT64_C(1) << FIELD_HOST | UINT64_C(1) << FIELD_CONTENT_LENGTH | UINT64_C(1) << FIELD_TE;

    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (!field->is_hop_by_hop && (own >> field->id & 1) == 0) {
            add_nv(nva, count, field->name, field->value, nv_flags(field));
        }
    }
}

static struct span target_of(struct exchange *x)
{
    struct span path = x->path.forward;
    struct span query = x->request.query;

    if (query.ptr == NULL) {
        return path;
    }
    return span_from_cstr(arena_printf(&x->arena, "%.*s?%.*s", SPAN_ARG(path), SPAN_ARG(query)));
}

static bool asks_connect(const struct exchange *x)
{
    return x->request.is_extended_connect || x->asks_connect;
}

static size_t write_head(struct exchange *x, nghttp2_nv *nva)
{
    const struct http_request *request = &x->request;
    size_t count = 0;

    if (asks_connect(x)) { /* RFC 8441 section 4 */
        add_nv(nva, &count, SPAN_OF(":method"), SPAN_OF("CONNECT"), NGHTTP2_NV_FLAG_NONE);
        add_nv(nva, &count, SPAN_OF(":protocol"), request->upgrade, NGHTTP2_NV_FLAG_NONE);
    } else {
        add_nv(nva, &count, SPAN_OF(":method"), request->method_name, NGHTTP2_NV_FLAG_NONE);
    }
    /* Of this hop: servers refuse https on connections without TLS, and X-Forwarded-Proto tells
     * what the client used. */
    add_nv(nva, &count, SPAN_OF(":scheme"),
           x->backend->tls != NULL ? SPAN_OF("https") : SPAN_OF("http"), NGHTTP2_NV_FLAG_NONE);
    add_nv(nva, &count, SPAN_OF(":authority"),
           request->authority.ptr != NULL ? request->authority : SPAN_OF("localhost"),
           NGHTTP2_NV_FLAG_NONE);
    add_nv(nva, &count, SPAN_OF(":path"), target_of(x), NGHTTP2_NV_FLAG_NONE);
    add_fields(nva, &count, &request->fields);
    if (http_fields_has(&request->fields, FIELD_TE) &&
        http_fields_list_has(&request->fields, FIELD_TE, SPAN_OF("trailers"))) {
        add_nv(nva, &count, SPAN_OF("te"), SPAN_OF("trailers"), NGHTTP2_NV_FLAG_NONE);
    }
    if (request->has_content_length && request->framing != HTTP_FRAMING_CHUNKED) {
        const char *length =
            arena_printf(&x->arena, "%llu", (unsigned long long)request->content_length);
        add_nv(nva, &count, SPAN_OF("content-length"), span_from_cstr(length),
               NGHTTP2_NV_FLAG_NONE);
    }
    return count;
}

/* As write_head will send it. */
struct back_h2_size back_h2_stream_size(const struct exchange *x)
{
    const struct http_request *request = &x->request;
    struct back_h2_size size = {0};
    size_t path = x->path.forward.len + request->query.len + 1;

    for (size_t i = 0; i < request->fields.count; i++) {
        const struct http_field *field = &request->fields.items[i];
        size_t len = field->name.len + field->value.len;
        if (!field->is_hop_by_hop) {
            size.head += len + FIELD_OVERHEAD;
            size.field = len > size.field ? len : size.field;
        }
    }
    size.field = path > size.field ? path : size.field;
    size.head += path + request->method_name.len + request->authority.len +
                 sizeof(":method:scheme:authority:pathhttps") + 4 * FIELD_OVERHEAD;
    return size;
}

/* nghttp2 asks for a DATA frame's worth. The trailers, if any, go behind the last one. */
static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    struct back_h2 *back = source->ptr;
    size_t waiting = back_h2_stream_waiting(back);
    size_t share = waiting != 0 ? back_h2_flow_share(back) : 0;
    size_t n = waiting < length ? waiting : length;
    bool is_owned = back->exchange != NULL || back->is_raw;

    (void)buf;
    (void)user_data;
    n = n < share ? n : share;
    if (n == 0 && (waiting != 0 || !back->has_request_end || !is_owned)) {
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == waiting && back->has_request_end && is_owned) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (back->exchange != NULL && back->trailers != NULL && back->trailers->count != 0) {
            nghttp2_nv *nva =
                arena_alloc(&back->exchange->arena, (back->trailers->count + 1) * sizeof(*nva));
            size_t count = 0;
            add_fields(nva, &count, back->trailers);
            if (count != 0 && nghttp2_submit_trailer(session, stream_id, nva, count) == 0) {
                *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            }
        }
    }
    return (ssize_t)n;
}

static void op_send_head(struct back *base, struct exchange *x)
{
    struct back_h2 *back = of(base);
    nghttp2_nv *nva = arena_alloc(&x->arena, (x->request.fields.count + OWN_FIELDS) * sizeof(*nva));
    nghttp2_data_provider provider = {.source.ptr = back, .read_callback = read_body};

    back->has_request_end = x->request_done && !asks_connect(x);
    if (asks_connect(x)) {
        websocket_drop_key(x);
    }
    back->stream_id = nghttp2_submit_request(back->c->session, NULL, nva, write_head(x, nva),
                                             back->has_request_end ? NULL : &provider, back);
    CHECK(back->stream_id > 0);
    if (!back->has_request_end) {
        back_h2_flow_begin(back);
    }
    back_h2_schedule(back->c);
}

static bool op_takes_body(const struct back *base)
{
    struct back_h2 *back = of(base);

    if (back->c == NULL) {
        return false;
    }
    if (back_h2_stream_waiting(back) < BODY_MARK) {
        return true;
    }
    if (list_is_empty(&back->stalled)) {
        list_push_back(&back->c->stalled, &back->stalled);
    }
    return false;
}

static bool op_is_listening(const struct back *base)
{
    return of(base)->c != NULL;
}

static bool op_is_sent(const struct back *base)
{
    return of(base)->is_request_sent;
}

static void wake_body(struct back_h2 *back)
{
    (void)nghttp2_session_resume_data(back->c->session, back->stream_id);
    back_h2_schedule(back->c);
}

static void op_send_body(struct back *base, struct span bytes)
{
    struct back_h2 *back = of(base);

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
    wake_body(back);
}

static void op_send_end(struct back *base, const struct http_fields *trailers)
{
    struct back_h2 *back = of(base);

    if (back->c == NULL || back->has_request_end) {
        return;
    }
    back->has_request_end = true;
    if (trailers != NULL && trailers->count != 0) {
        struct http_fields *copy = arena_alloc(&back->exchange->arena, sizeof(*copy));
        *copy = *trailers;
        back->trailers = copy;
    }
    wake_body(back);
}

void back_h2_stream_wake_stalled(struct back_h2_conn *c)
{
    struct list ready;
    struct list *node;

    list_init(&ready);
    LIST_FOR_EACH(it, &c->stalled)
    {
        if (back_h2_stream_waiting(LIST_ENTRY(it, struct back_h2, stalled)) < BODY_MARK) {
            list_remove(it);
            list_push_back(&ready, it);
        }
    }
    while ((node = list_pop_front(&ready)) != NULL) {
        struct back_h2 *back = LIST_ENTRY(node, struct back_h2, stalled);
        if (back->exchange != NULL) {
            exchange_back_writable(back->exchange);
        }
    }
}

static struct conn *op_raw(struct back *base)
{
    (void)base;
    return NULL;
}

/* ---- the response ---- */

/* One send's worth. */
static void give_some(struct back_h2 *back, struct exchange *x)
{
    struct conn_memory *memory = conn_memory(&x->session->conn);
    size_t room = exchange_response_room(x);
    size_t most = room < GIVE_BYTES ? room : GIVE_BYTES;
    size_t given = 0;

    while (back->exchange == x && back->held.bytes != 0 && given < most) {
        struct span bytes = byte_queue_take(&back->held, most - given);
        given += bytes.len;
        exchange_response_body(x, bytes);
    }
    /* It was queued by reference, and what it lies in may go. */
    conn_memory_flush(memory);
    byte_queue_release(&back->held);
    back_h2_flow_consumed(back, given);
}

static void give_held(struct back_h2 *back)
{
    if (back->is_giving) {
        return;
    }
    back->is_giving = true;
    while (back->exchange != NULL && back->held.bytes != 0 &&
           exchange_poll_response(back->exchange)) {
        give_some(back, back->exchange);
    }
    back->is_giving = false;
    if (back->exchange != NULL && back->held.bytes == 0 && back->has_ended) {
        end_when_possible(back, back->c);
    }
}

static void op_resume(struct back *base)
{
    struct back_h2 *back = of(base);

    if (back->held.bytes != 0) {
        give_held(back);
    }
}

static bool op_has_more(const struct back *base)
{
    const struct back_h2 *back = of(base);

    return back->held.bytes != 0 ||
           (back->c != NULL && !back->has_ended && conn_can_read(back->c->conn));
}

static struct h2_limits limits_of(const struct back_h2 *back)
{
    return head_limits_h2(&back->worker->snapshot->settings->limits, HEAD_OF_RESPONSE);
}

/* In steps, as no two heads are of quite the same length. */
static size_t at_least(size_t known, size_t size)
{
    size_t step = (size + SIZE_STEP - 1) / SIZE_STEP * SIZE_STEP;

    return step > known ? step : known;
}

/* The server is at work on it; and heads like this one do its connections no harm. */
static void note_answer(struct back_h2 *back)
{
    struct upstream_server *server = &back->c->upstream->servers[back->c->server];
    const struct back_h2_size *size = &back->size;

    back->c->was_probed = false;
    if (!back->has_answered) {
        back->has_answered = true;
        back->c->is_solo = false;
        server->head_taken = at_least(server->head_taken, size->head);
        server->field_taken = at_least(server->field_taken, size->field);
    }
}

void back_h2_stream_on_section(struct back_h2 *back)
{
    struct exchange *x = back->exchange;
    struct h2_limits limits = limits_of(back);

    note_answer(back);
    if (back->has_head) {
        back->has_trailers = true;
        back->response_trailers = (struct http_fields){0};
        h2_section_init(&back->head.section, &x->arena, &limits, &back->response_trailers, true);
        return;
    }
    h2_response_init(&back->head, &x->arena, &limits, &x->response);
}

void back_h2_stream_on_field(struct back_h2 *back, struct span name, struct span value)
{
    if (back->has_head) {
        h2_section_add(&back->head.section, name, value);
    } else {
        h2_response_add(&back->head, name, value);
    }
}

static void fail_with(struct back_h2 *back, enum h2_error error)
{
    const char *detail = back->head.section.error == error ? h2_section_detail(&back->head.section)
                                                           : h2_error_text(error);

    fail(back, &(struct trouble){h2_error_word(error), detail,
                                 head_limits_mend_h2(error, HEAD_OF_RESPONSE)});
}

static void take_head(struct back_h2 *back, bool is_end)
{
    struct exchange *x = back->exchange;
    enum h2_error error = h2_response_finish(&back->head, x->request.method, is_end);

    if (error != H2_OK) {
        fail_with(back, error);
        return;
    }
    if (x->response.status < 200) {
        if (++back->interim_count > INTERIM_MAX) {
            back_h2_stream_fail(back, "too_many_interim",
                                "the server sent one interim response after another");
            return;
        }
        exchange_response_interim(x);
        return;
    }
    back->has_head = true;
    back->framing = x->response.framing;
    back->is_bodiless = http_response_is_bodiless(x->response.status, x->request.method);
    back->body_left = x->response.content_length;
    exchange_response_head(x);
    if (is_end && back->exchange != NULL) {
        back_h2_stream_on_end(back);
    }
}

void back_h2_stream_on_section_end(struct back_h2 *back, bool is_end)
{
    enum h2_error error;

    if (!back->has_head) {
        take_head(back, is_end);
        return;
    }
    error = h2_trailers_finish(&back->head.section);
    if (error == H2_OK && !is_end) {
        error = H2_BAD_TRAILER;
    }
    if (error != H2_OK) {
        fail_with(back, error);
        return;
    }
    back_h2_stream_on_end(back);
}

/* A body where there is none by the status or the method: the response is whole without it, and
 * the server is told that the stream is broken (RFC 9113 section 8.1.1). */
static void end_bodiless(struct back_h2 *back)
{
    back->has_ended = true;
    (void)nghttp2_submit_rst_stream(back->c->session, NGHTTP2_FLAG_NONE, back->stream_id,
                                    NGHTTP2_PROTOCOL_ERROR);
    back_h2_schedule(back->c);
    end_when_possible(back, back->c);
}

void back_h2_stream_on_data(struct back_h2 *back, struct span bytes)
{
    struct exchange *x = back->exchange;

    if (back->has_head && back->is_bodiless) {
        if (bytes.len != 0) {
            end_bodiless(back);
        }
        return;
    }
    if (!back->has_head || back->framing == HTTP_FRAMING_NONE ||
        (back->framing == HTTP_FRAMING_LENGTH && bytes.len > back->body_left)) {
        fail_with(back, H2_BAD_LENGTH_MISMATCH);
        return;
    }
    back->body_left -= back->framing == HTTP_FRAMING_LENGTH ? bytes.len : 0;
    while (bytes.len != 0 && back->held.bytes == 0 && back->exchange == x &&
           exchange_poll_response(x)) {
        size_t room = exchange_response_room(x);
        size_t part = bytes.len < room ? bytes.len : room;
        exchange_response_body(x, span_head(bytes, part));
        back_h2_flow_consumed(back, part);
        bytes = span_skip(bytes, part);
    }
    if (bytes.len == 0 || back->exchange != x) {
        return;
    }
    if (!byte_queue_add(&back->held, bytes)) {
        back_h2_stream_fail(back, "out_of_memory", "there is no memory for the response");
    }
}

void back_h2_stream_on_end(struct back_h2 *back)
{
    if (!back->has_head || (back->framing == HTTP_FRAMING_LENGTH && back->body_left != 0)) {
        fail_with(back, H2_BAD_LENGTH_MISMATCH);
        return;
    }
    back->has_ended = true;
    if (back->held.bytes == 0 && !back->is_giving) {
        end_when_possible(back, back->c);
    }
}

/* The server has taken an extended CONNECT. */
static void op_go_raw(struct back *base)
{
    struct back_h2 *back = of(base);

    back->is_raw = true;
    back->framing = HTTP_FRAMING_CHUNKED;
}

static const struct back_ops ops = {
    .go_raw = op_go_raw,
    .send_head = op_send_head,
    .takes_body = op_takes_body,
    .send_body = op_send_body,
    .send_end = op_send_end,
    .is_listening = op_is_listening,
    .is_sent = op_is_sent,
    .resume = op_resume,
    .has_more = op_has_more,
    .release = op_release,
    .raw = op_raw,
    .take_over = NULL,
};

/* Responses: what an exchange gives becomes frames. */
#include <stdlib.h>

#include "http/h2_reset.h"
#include "server/front_h2_internal.h"

/* Bodies that are worth a send of their own, without a copy. */
#define DIRECT_MIN 8192
/* What is put into one send. */
#define RUN_BYTES 65536
/* A window that lets fewer through than this, when there is more, earns nothing: who asks for a
 * body byte by byte pays for it (CVE-2019-9511). */
#define DRIBBLE_BYTES 256

/* Trailers that wait for the body's end: an array, then its texts. */
struct h2_trailers {
    size_t count;
    nghttp2_nv fields[];
};

static struct h2_stream *stream_of(const struct front_exchange *x)
{
    return x->owner;
}

static nghttp2_nv pair(struct span name, struct span value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.ptr,
                        .namelen = name.len,
                        .value = (uint8_t *)(uintptr_t)value.ptr,
                        .valuelen = value.len,
                        .flags = NGHTTP2_NV_FLAG_NONE};
}

/* ---- heads ---- */

/* nghttp2 copies names and values, and makes the names lower case. */
static nghttp2_nv *make_head(struct front_exchange *x, const struct http_response *response,
                             bool is_final, size_t *count)
{
    const struct http_fields *fields = &response->fields;
    nghttp2_nv *head = arena_alloc(x->arena, (fields->count + 2) * sizeof(*head));
    size_t n = 0;

    head[n++] = pair(SPAN_OF(":status"), arena_u64(x->arena, response->status));
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        /* RFC 8441 section 5: the answer to a key that the client has not sent. */
        bool is_ours = x->is_tunnel && span_ieq(field->name, SPAN_OF("Sec-WebSocket-Accept"));
        if (!field->is_not_sent && field->id != FIELD_CONTENT_LENGTH && !is_ours) {
            head[n++] = pair(field->name, field->value);
        }
    }
    /* A response whose end may have to wait must not end by its length before. */
    if (is_final && response->has_content_length && !stream_of(x)->holds_end) {
        head[n++] = pair(SPAN_OF("content-length"), arena_u64(x->arena, response->content_length));
    }
    *count = n;
    return head;
}

/* As SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113 section 6.5.2); what we add ourselves is small.
 */
#define LIST_ENTRY_BYTES 32
#define LIST_OWN_BYTES 128

static bool is_list_taken(const struct h2_stream *stream, const struct http_fields *fields)
{
    uint32_t most = nghttp2_session_get_remote_settings(stream->front->h2,
                                                        NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
    size_t bytes = LIST_OWN_BYTES;

    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (!field->is_not_sent) {
            bytes += field->name.len + field->value.len + LIST_ENTRY_BYTES;
        }
    }
    return bytes <= most || bytes == LIST_OWN_BYTES;
}

static bool op_takes_head(const struct front_exchange *x, const struct http_response *response)
{
    return is_list_taken(stream_of(x), &response->fields);
}

static void op_interim(struct front_exchange *x, const struct http_response *response)
{
    struct h2_stream *stream = stream_of(x);
    size_t count;
    nghttp2_nv *head;

    if (!is_list_taken(stream, &response->fields)) {
        return; /* it may be left out */
    }
    head = make_head(x, response, false, &count);
    (void)nghttp2_submit_headers(stream->front->h2, NGHTTP2_FLAG_NONE, stream->id, NULL, head,
                                 count, NULL);
    front_h2_schedule(stream->front);
}

/* The turns of the loop that less urgent streams wait for one that has no bytes though its exchange
 * has more: it had only given way to other connections. */
#define PREFERRED_TURNS 2

static void prefer(struct h2_stream *stream)
{
    struct front_h2 *front = stream->front;

    if (front->preferred == NULL || front->preferred->urgency >= stream->urgency) {
        front->preferred = stream;
        front->turns_left = PREFERRED_TURNS;
    }
}

static bool is_preempted(const struct h2_stream *stream)
{
    const struct front_h2 *front = stream->front;
    const struct h2_stream *first = front->preferred;

    return first != NULL && first->urgency < stream->urgency && front->turns_left != 0 &&
           first->exchange != NULL && first->exchange->behind->has_more(first->exchange);
}

static ssize_t on_read(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t length,
                       uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    struct h2_stream *stream = source->ptr;
    size_t held = stream->direct.len + stream->out.bytes;
    size_t n = held < length ? held : length;

    (void)buf;
    (void)user_data;
    stream->is_dribbling = held > length && length < DRIBBLE_BYTES;
    if (n == 0 && stream->response < H2_RESPONSE_WHOLE) {
        stream->front->has_underrun |=
            (!list_is_empty(&stream->ready) && front_h2_has_room(stream->front)) ||
            stream->front->sender == stream;
        stream->is_deferred = true;
        prefer(stream);
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n != 0 && is_preempted(stream)) {
        stream->is_deferred = true;
        list_push_back(&stream->front->preempted, &stream->preempted);
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n == 0 && stream->holds_end) {
        stream->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n == held && stream->response >= H2_RESPONSE_WHOLE && !stream->holds_end) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream->out_trailers != NULL) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            (void)nghttp2_submit_trailer(h2, id, stream->out_trailers->fields,
                                         stream->out_trailers->count);
        }
    }
    if (n != 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    }
    return (ssize_t)n;
}

static void op_head(struct front_exchange *x, const struct http_response *response)
{
    struct h2_stream *stream = stream_of(x);
    nghttp2_data_provider provider = {.source = {.ptr = stream}, .read_callback = on_read};
    bool has_body = response->framing != HTTP_FRAMING_NONE;
    nghttp2_nv *head;
    size_t count;

    if (stream->response != H2_RESPONSE_NONE) {
        return; /* reset: nobody hears it */
    }
    stream->holds_end = front_h2_end_must_wait(stream);
    head = make_head(x, response, true, &count);
    front_h2_enter_response(stream, has_body ? H2_RESPONSE_BODY : H2_RESPONSE_WHOLE);
    stream->moved_out_us = front_h2_now(stream->front);
    stream->on_client_close = x->on_client_close;
    if (!has_body) {
        front_h2_open_for_rest(stream);
    }
    (void)nghttp2_submit_response(stream->front->h2, stream->id, head, count,
                                  has_body || stream->holds_end ? &provider : NULL);
    front_h2_schedule(stream->front);
}

/* ---- bodies ---- */

static void resume(struct h2_stream *stream)
{
    if (stream->is_deferred) {
        list_remove(&stream->preempted);
        stream->is_deferred = false;
        (void)nghttp2_session_resume_data(stream->front->h2, stream->id);
    }
}

void front_h2_resume_preempted(struct front_h2 *front)
{
    struct list *node;

    while ((node = list_pop_front(&front->preempted)) != NULL) {
        resume(LIST_ENTRY(node, struct h2_stream, preempted));
    }
}

void front_h2_release_end(struct h2_stream *stream)
{
    if (stream->holds_end) {
        stream->holds_end = false;
        resume(stream);
        front_h2_schedule(stream->front);
    }
}

/* A long piece goes out straight from where it lies, as far as socket and window take it. */
static struct span send_direct(struct h2_stream *stream, struct span bytes)
{
    struct front_h2 *front = stream->front;

    if (bytes.len < DIRECT_MIN || stream->out.bytes != 0 || front->in_library ||
        front->state == FRONT_H2_OVER || conn_pending(front->conn) != 0) {
        return bytes;
    }
    stream->direct = bytes;
    front->sender = stream;
    resume(stream);
    front_h2_send(front);
    front->sender = NULL;
    front->has_underrun = false;
    bytes = stream->direct;
    stream->direct = span_make(NULL, 0);
    return bytes;
}

static void op_body(struct front_exchange *x, struct span bytes)
{
    struct h2_stream *stream = stream_of(x);

    if (bytes.len == 0 || stream->response >= H2_RESPONSE_RESET) {
        return;
    }
    if (stream->front->preferred == stream) {
        stream->front->preferred = NULL;
        front_h2_resume_preempted(stream->front);
    }
    if (stream->out.bytes == 0) {
        stream->moved_out_us = front_h2_now(stream->front);
    }
    stream->sent_in_turn += bytes.len;
    front_h2_count_share(stream, bytes.len);
    bytes = send_direct(stream, bytes);
    if (byte_queue_add(&stream->out, bytes)) {
        front_h2_hold(stream, bytes.len);
    } else {
        /* The client sees the end of this stream, and others theirs; the process goes on. */
        x->trouble = (struct trouble){"out_of_memory", "there is no memory for the response", NULL};
        front_h2_reset(stream, NGHTTP2_INTERNAL_ERROR);
    }
    if (stream->out.bytes != 0) {
        resume(stream);
    }
    front_h2_schedule(stream->front);
}

static void keep_trailers(struct h2_stream *stream, const struct http_fields *fields)
{
    size_t bytes = 0;
    size_t count = 0;

    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->items[i].is_not_sent) {
            bytes += fields->items[i].name.len + fields->items[i].value.len;
            count++;
        }
    }
    if (count == 0) {
        return;
    }
    struct h2_trailers *kept = xmalloc(sizeof(*kept) + count * sizeof(kept->fields[0]) + bytes);
    char *at = (char *)&kept->fields[count];
    kept->count = 0;
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (field->is_not_sent) {
            continue;
        }
        memcpy(at, field->name.ptr, field->name.len);
        struct span name = span_make(at, field->name.len);
        at += field->name.len;
        if (field->value.len != 0) {
            memcpy(at, field->value.ptr, field->value.len);
        }
        kept->fields[kept->count++] = pair(name, span_make(at, field->value.len));
        at += field->value.len;
    }
    stream->out_trailers = kept;
}

void front_h2_free_trailers(struct h2_stream *stream)
{
    free(stream->out_trailers);
    stream->out_trailers = NULL;
}

static void op_end(struct front_exchange *x, const struct http_fields *trailers)
{
    struct h2_stream *stream = stream_of(x);

    if (stream->response != H2_RESPONSE_BODY) {
        return; /* the head was all, or nobody hears it */
    }
    if (trailers != NULL && !is_list_taken(stream, trailers)) {
        x->trouble = front_head_above_client();
        front_h2_reset(stream, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    if (trailers != NULL) {
        keep_trailers(stream, trailers);
    }
    front_h2_open_for_rest(stream);
    front_h2_enter_response(stream, H2_RESPONSE_WHOLE);
    resume(stream);
    front_h2_schedule(stream->front);
}

static bool op_is_blocked(const struct front_exchange *x)
{
    return front_h2_is_blocked(stream_of(x));
}

static bool op_poll(struct front_exchange *x)
{
    struct h2_stream *stream = stream_of(x);

    if (front_h2_is_blocked(stream)) {
        front_h2_await_room(stream);
        return false;
    }
    return true;
}

static size_t op_room(const struct front_exchange *x)
{
    return front_h2_room(stream_of(x));
}

static void op_resume(struct front_exchange *x)
{
    struct h2_stream *stream = stream_of(x);

    stream->moved_in_us = front_h2_now(stream->front);
    front_h2_feed(stream);
    front_h2_schedule(stream->front);
}

static void op_done(struct front_exchange *x, bool is_broken)
{
    struct h2_stream *stream = stream_of(x);

    if (stream->holds_end && !is_broken) {
        front_h2_open_to_drop(stream);
        stream->held_until_us =
            front_h2_now(stream->front) + front_h2_settings(stream->front)->timeouts.body_ms * 1000;
    }
    stream->exchange = NULL;
    list_remove(&stream->ready);
    front_h2_drop_input(stream);
    if (is_broken) {
        front_h2_reset(stream, x->is_declined ? H2_CODE_REFUSED_STREAM : h2_reset_code(x->h2_code));
    } else {
        h2_budget_earn_request(&stream->front->budget);
        front_h2_reset_later(stream);
    }
    front_h2_bury(stream);
    front_h2_schedule(stream->front);
}

static struct conn *op_raw(struct front_exchange *x)
{
    (void)x;
    return NULL;
}

const struct front_ops front_h2_ops = {
    .takes_head = op_takes_head,
    .interim = op_interim,
    .head = op_head,
    .body = op_body,
    .end = op_end,
    .is_blocked = op_is_blocked,
    .poll = op_poll,
    .room = op_room,
    .resume = op_resume,
    .done = op_done,
    .upgrade = NULL,
    .go_raw = NULL,
    .raw = op_raw,
};

/* ---- frames of bodies go into the outbox by reference ---- */

static int on_send_data(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *frame_head,
                        size_t length, nghttp2_data_source *source, void *user_data)
{
    struct front_h2 *front = user_data;
    struct h2_stream *stream = source->ptr;
    struct conn *conn = front->conn;

    (void)h2;
    (void)frame;
    if (front->run_bytes >= RUN_BYTES) {
        conn_flush(conn);
        front->run_bytes = 0;
    }
    /* Streams of lower priority do not go before what an exchange is about to give. */
    if (front->has_underrun || conn_pending(conn) != 0 || conn_write_failed(conn)) {
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    conn_queue_copy(conn, span_make(frame_head, FRAME_HEAD_BYTES));
    front->run_bytes += FRAME_HEAD_BYTES + length;
    least_rate_take(&stream->rate, length);
    least_rate_take(&front->rate, length);
    if (!stream->is_dribbling) {
        h2_budget_earn_data(&front->budget, length);
    }
    if (stream->direct.len != 0) {
        size_t n = stream->direct.len < length ? stream->direct.len : length;
        conn_queue(conn, span_head(stream->direct, n));
        stream->direct = span_skip(stream->direct, n);
        length -= n;
    }
    while (length != 0) {
        struct span bytes = byte_queue_take(&stream->out, length);
        front_h2_let_go(stream, bytes.len);
        conn_queue(conn, bytes);
        length -= bytes.len;
        if (list_is_empty(&stream->spent)) {
            list_push_back(&front->spent, &stream->spent);
        }
    }
    stream->moved_out_us = front_h2_now(front);
    front_h2_room_changed(stream);
    return 0;
}

void front_h2_set_data_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
}

/* Requests: nghttp2's callbacks, from frames to exchanges. None of them ends the connection: they
 * note what is to be done, and front_h2.c does it when nghttp2 has returned. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/front_h2_internal.h"
#include "gateway/head_limits.h"
#include "gateway/nghttp2_compat.h"
#include "gateway/websocket.h"

/* More than the budget of a moment pays for: only who never reads gets there. */
#define OUTBOUND_ACKS_MAX 4096
/* From a response to the reset of a request of which nobody wants the rest. */
#define RESET_WAIT_US (250 * UINT64_C(1000))

static struct h2_limits limits_of(const struct front_h2 *front)
{
    return head_limits_h2(&front_h2_settings(front)->limits, HEAD_OF_REQUEST);
}

static struct h2_stream *find(nghttp2_session *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2, id);
}

/* ---- life of a stream ---- */

static struct h2_stream *create_stream(struct front_h2 *front, int32_t id)
{
    struct h2_stream *stream = xcalloc(1, sizeof(*stream));
    struct h2_limits limits = limits_of(front);
    struct exchange *x = exchange_create(front->session, &front_h2_ops, stream);

    stream->front = front;
    stream->id = id;
    stream->exchange = x;
    stream->opened_us = stream->moved_in_us = stream->moved_out_us = front_h2_now(front);
    stream->urgency = H2_URGENCY_DEFAULT;
    list_init(&stream->woken);
    list_init(&stream->spent);
    list_init(&stream->yielding);
    list_push_back(&front->streams, &stream->node);
    h2_section_init(&stream->section, &x->arena, &limits, &x->request.fields, false);
    if (front->stream_count++ == 0) {
        session_set_idle(front->session, false);
        front_h2_arm(front);
    }
    return stream;
}

void front_h2_free_stream(struct h2_stream *stream)
{
    list_remove(&stream->node);
    list_remove(&stream->woken);
    list_remove(&stream->spent);
    list_remove(&stream->yielding);
    front_h2_let_go(stream, stream->out.bytes);
    byte_queue_free(&stream->in);
    byte_queue_free(&stream->out);
    front_h2_free_trailers(stream);
    free(stream);
}

void front_h2_reap(struct front_h2 *front)
{
    struct list *node;

    while ((node = list_pop_front(&front->dead)) != NULL) {
        front_h2_free_stream(LIST_ENTRY(node, struct h2_stream, node));
    }
}

void front_h2_reset(struct h2_stream *stream, uint32_t code)
{
    if (!stream->is_reset && !stream->is_closed) {
        stream->is_reset = true;
        stream->is_out_ended = true;
        (void)nghttp2_submit_rst_stream(stream->front->h2, NGHTTP2_FLAG_NONE, stream->id, code);
        front_h2_schedule(stream->front);
    }
}

void front_h2_reset_later(struct h2_stream *stream)
{
    struct front_h2 *front = stream->front;

    if (!stream->is_end_sent || stream->is_in_ended || stream->is_reset ||
        stream->exchange != NULL) {
        return;
    }
    stream->reset_due_us = front_h2_now(front) + RESET_WAIT_US;
    if (front->reset_due_us == 0 || stream->reset_due_us < front->reset_due_us) {
        front->reset_due_us = stream->reset_due_us;
        front_h2_arm(front);
    }
}

/* What was handed on may lie in the outbox still. */
void front_h2_drop_input(struct h2_stream *stream)
{
    stream->front->session->worker->h2_waiting_bytes -= stream->in.bytes;
    if (stream->in.spent != NULL) {
        conn_memory_flush(conn_memory(&stream->front->session->conn));
    }
    byte_queue_free(&stream->in);
}

void front_h2_abandon(struct h2_stream *stream, const char *reason)
{
    struct exchange *x = stream->exchange;

    if (x != NULL) {
        stream->exchange = NULL;
        list_remove(&stream->woken);
        front_h2_drop_input(stream);
        exchange_abandon(x, reason);
        front_h2_bury(stream);
    }
}

/* Breaks a rule of messages: the stream ends, and nothing of it is passed on (RFC 9113 section
 * 8.1.1). What is only too large gets an answer. */
static bool refuse(struct h2_stream *stream, enum h2_error error)
{
    struct front_h2 *front = stream->front;
    struct exchange *x = stream->exchange;
    unsigned status = h2_error_status(error);
    const char *mend = head_limits_mend_h2(error, HEAD_OF_REQUEST);
    const char *detail =
        stream->section.error == error ? h2_section_detail(&stream->section) : h2_error_text(error);

    if (!stream->is_head_done) {
        h2_section_glimpse(&stream->section, &x->request);
    }
    stream->is_head_done = true;
    x->is_malformed = true;
    if (status != 0) {
        exchange_refuse(x, status, false, h2_error_word(error), detail, mend);
        return front_h2_charge(front, H2_EVENT_TOO_LARGE);
    }
    x->trouble = (struct trouble){h2_error_word(error), detail, mend};
    front_h2_abandon(stream, NULL);
    front_h2_reset(stream, NGHTTP2_PROTOCOL_ERROR);
    return front_h2_charge(front, H2_EVENT_MALFORMED);
}

/* ---- heads ---- */

static bool was_prioritised(const struct front_h2 *front, int32_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(front->prioritised); i++) {
        if (front->prioritised[i] == id) {
            return true;
        }
    }
    return false;
}

/* RFC 9218 leaves to us what a client has not signalled. Whole responses one after another, its
 * default, would let a big one stop all others for as long as it takes: equal streams take turns.
 */
static void set_priority(struct h2_stream *stream, const struct http_request *request)
{
    const struct http_field *field = http_fields_find_name(&request->fields, SPAN_OF("priority"));
    struct h2_priority priority = {.urgency = H2_URGENCY_DEFAULT, .is_incremental = true};

    if (field != NULL) {
        priority = h2_priority_parse(field->value);
    } else if (was_prioritised(stream->front, stream->id)) {
        return;
    }
    stream->urgency = priority.urgency;
    stream->takes_turns = priority.is_incremental;
    nghttp2_extpri extpri = {.urgency = priority.urgency, .inc = priority.is_incremental};
    (void)nghttp2_session_change_extpri_stream_priority(stream->front->h2, stream->id, &extpri, 0);
}

static bool finish_head(struct h2_stream *stream, bool is_end)
{
    struct exchange *x = stream->exchange;
    struct http_request *request = &x->request;
    enum h2_error error = h2_request_finish(&stream->section, is_end, request);

    x->head_us = stream->moved_in_us = front_h2_now(stream->front);
    stream->is_in_ended = is_end;
    if (error != H2_OK) {
        return refuse(stream, error);
    }
    stream->is_head_done = true;
    set_priority(stream, request);
    if (websocket_is_asked(x)) {
        websocket_add_key(x);
    }
    x->request_done = request->framing == HTTP_FRAMING_NONE;
    exchange_begin(x);
    return true;
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user_data)
{
    struct front_h2 *front = user_data;
    struct h2_stream *stream;

    if (frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        stream = create_stream(front, frame->hd.stream_id);
        (void)nghttp2_session_set_stream_user_data(h2, stream->id, stream);
        return 0;
    }
    stream = find(h2, frame->hd.stream_id);
    if (stream != NULL && stream->exchange != NULL) {
        struct h2_limits limits = limits_of(front);
        stream->trailers = (struct http_fields){0};
        h2_section_init(&stream->section, &stream->exchange->arena, &limits, &stream->trailers,
                        true);
    }
    return 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    struct h2_stream *stream = find(h2, frame->hd.stream_id);

    (void)flags;
    (void)user_data;
    if (stream != NULL && stream->exchange != NULL) {
        h2_section_add(&stream->section, span_make(name, name_len), span_make(value, value_len));
    }
    return 0;
}

/* ---- bodies ---- */

/* A server that takes what comes gets a window for a long, fat pipe. */
static void widen(struct h2_stream *stream)
{
    struct front_h2 *front = stream->front;

    if (!stream->is_wide && stream->body_taken >= STREAM_WINDOW &&
        front->wide_streams < WIDE_STREAMS_MAX) {
        stream->is_wide = true;
        front->wide_streams++;
        (void)nghttp2_session_set_local_window_size(front->h2, NGHTTP2_FLAG_NONE, stream->id,
                                                    STREAM_WINDOW_WIDE);
    }
}

static void consumed(struct h2_stream *stream, size_t bytes)
{
    stream->body_taken += bytes;
    (void)nghttp2_session_consume_stream(stream->front->h2, stream->id, bytes);
    widen(stream);
}

static bool may_feed(const struct h2_stream *stream)
{
    const struct exchange *x = stream->exchange;

    return x != NULL && stream->is_head_done && (!x->request.is_extended_connect || x->is_tunnel) &&
           exchange_takes_body(x);
}

/* The request's end, unless it has been told (a request without a body is done when it begins). */
static void end_request(struct h2_stream *stream)
{
    struct exchange *x = stream->exchange;

    if (x != NULL && stream->is_in_ended && stream->in.bytes == 0 && !x->request_done &&
        exchange_takes_body(x)) {
        exchange_request_end(x, stream->has_trailers ? &stream->trailers : NULL);
    }
}

void front_h2_feed(struct h2_stream *stream)
{
    struct front_h2 *front = stream->front;
    bool has_spent = stream->in.bytes != 0;

    while (stream->in.bytes != 0 && may_feed(stream)) {
        struct span bytes = byte_queue_take(&stream->in, SIZE_MAX);
        front->session->worker->h2_waiting_bytes -= bytes.len;
        exchange_request_body(stream->exchange, bytes);
        if (stream->exchange != NULL) {
            consumed(stream, bytes.len);
        }
    }
    if (has_spent) {
        conn_memory_flush(conn_memory(&front->session->conn)); /* they may lie in the outbox */
        byte_queue_release(&stream->in);
    }
    end_request(stream);
}

/* A tunnel has ended both ways: what its server has not taken yet is left with that connection to
 * be sent, no more than the stream's window. */
static void feed_rest(struct h2_stream *stream)
{
    while (stream->exchange != NULL && stream->exchange->is_tunnel && stream->in.bytes != 0) {
        struct span bytes = byte_queue_take(&stream->in, SIZE_MAX);
        stream->front->session->worker->h2_waiting_bytes -= bytes.len;
        exchange_request_body(stream->exchange, bytes);
    }
    if (stream->in.spent != NULL) {
        conn_memory_flush(conn_memory(&stream->front->session->conn));
    }
    if (stream->exchange != NULL && stream->exchange->is_tunnel &&
        !stream->exchange->request_done) {
        exchange_request_end(stream->exchange, NULL);
    }
}

/* More, or less, than Content-Length promised. */
static bool length_is_wrong(const struct h2_stream *stream, bool is_end)
{
    const struct http_request *request = &stream->exchange->request;

    return request->has_content_length &&
           (stream->body_bytes > request->content_length ||
            (is_end && stream->body_bytes < request->content_length));
}

/* Until the server takes it. All streams of the worker together have a bound, too. */
static void keep(struct h2_stream *stream, struct span bytes)
{
    struct worker *worker = stream->front->session->worker;

    if (worker->h2_waiting_bytes + bytes.len > WAITING_BYTES_MAX) {
        exchange_refuse(stream->exchange, 503, false, "too_much_waits",
                        "too many bodies wait for servers that do not take them",
                        "see why the servers are slow");
        return;
    }
    if (!byte_queue_add(&stream->in, bytes)) {
        exchange_refuse(stream->exchange, 503, false, "out_of_memory",
                        "there is no memory for the request's body", NULL);
        return;
    }
    worker->h2_waiting_bytes += bytes.len;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                   void *user_data)
{
    struct front_h2 *front = user_data;
    struct h2_stream *stream = find(h2, id);

    (void)flags;
    /* The connection's window is given back at once: one stream that waits must not hold up the
     * others. What a stream may hold is bounded by its own. */
    (void)nghttp2_session_consume_connection(h2, len);
    if (stream == NULL) {
        return 0;
    }
    stream->moved_in_us = front_h2_now(front);
    stream->body_bytes += len;
    if (stream->exchange == NULL) {
        return 0; /* nobody wants it any more, and no window is opened for more of it */
    }
    if (length_is_wrong(stream, false)) {
        return refuse(stream, H2_BAD_LENGTH_MISMATCH) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (stream->in.bytes != 0 || !may_feed(stream)) {
        keep(stream, span_make(data, len));
        return 0;
    }
    exchange_request_body(stream->exchange, span_make(data, len));
    if (stream->exchange != NULL) {
        consumed(stream, len);
    }
    return 0;
}

static bool end_of_input(struct h2_stream *stream)
{
    stream->is_in_ended = true;
    if (stream->exchange == NULL) {
        return true;
    }
    if (length_is_wrong(stream, true)) {
        return refuse(stream, H2_BAD_LENGTH_MISMATCH);
    }
    front_h2_feed(stream);
    return true;
}

static bool finish_trailers(struct h2_stream *stream, bool is_end)
{
    enum h2_error error = is_end ? h2_trailers_finish(&stream->section) : H2_BAD_TRAILER;

    if (error != H2_OK) {
        return refuse(stream, error);
    }
    stream->has_trailers = true;
    return end_of_input(stream);
}

static bool on_headers_frame(struct h2_stream *stream, const nghttp2_frame *frame)
{
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (stream->exchange == NULL) {
        stream->is_in_ended |= is_end;
        return true;
    }
    return frame->headers.cat == NGHTTP2_HCAT_REQUEST ? finish_head(stream, is_end)
                                                      : finish_trailers(stream, is_end);
}

static bool on_data_frame(struct front_h2 *front, struct h2_stream *stream,
                          const nghttp2_frame *frame)
{
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (is_end) {
        return stream == NULL || end_of_input(stream);
    }
    if (frame->hd.length > frame->data.padlen) {
        return true;
    }
    /* Some clients begin each body with one; its request pays for that. */
    if (stream != NULL && !stream->had_empty_data) {
        stream->had_empty_data = true;
        return true;
    }
    return front_h2_charge(front, H2_EVENT_EMPTY_DATA);
}

/* ---- frames ---- */

/* nghttp2 has taken it already, for a stream that is to come, too. */
static void update_priority(struct front_h2 *front, const nghttp2_ext_priority_update *update)
{
    struct h2_stream *stream = find(front->h2, update->stream_id);

    if (stream != NULL) {
        stream->urgency =
            h2_priority_parse(span_make(update->field_value, update->field_value_len)).urgency;
    } else if (update->stream_id > front->newest_id) {
        front->prioritised[front->prioritised_at++ % ARRAY_LEN(front->prioritised)] =
            update->stream_id;
    }
}

/* More can be sent of this stream, or of all: 0. */
static void windows_changed(struct front_h2 *front, int32_t id)
{
    struct h2_stream *stream = id != 0 ? find(front->h2, id) : NULL;

    if (stream != NULL) {
        front_h2_room_changed(stream);
    } else if (id == 0) {
        LIST_FOR_EACH(node, &front->streams)
        {
            front_h2_room_changed(LIST_ENTRY(node, struct h2_stream, node));
        }
    }
}

/* RFC 9113 section 6.9.2 ends the connection; nghttp2 resets each such stream, which is seen by the
 * frames that it has queued besides the acknowledgement. */
static bool has_overflown(const struct front_h2 *front, const nghttp2_settings *settings)
{
    bool has_window = false;

    for (size_t i = 0; i < settings->niv; i++) {
        has_window |= settings->iv[i].settings_id == NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE;
    }
    return has_window && (settings->hd.flags & NGHTTP2_FLAG_ACK) == 0 &&
           nghttp2_session_get_outbound_queue_size(front->h2) > front->queued_before + 1;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user_data)
{
    struct front_h2 *front = user_data;
    struct h2_stream *stream = find(h2, frame->hd.stream_id);
    bool goes_on = true;

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        goes_on = stream == NULL || on_headers_frame(stream, frame);
        break;
    case NGHTTP2_DATA:
        goes_on = on_data_frame(front, stream, frame);
        break;
    case NGHTTP2_SETTINGS:
        if (has_overflown(front, &frame->settings)) {
            goes_on = front_h2_break_rule(
                front, NGHTTP2_FLOW_CONTROL_ERROR,
                "SETTINGS_INITIAL_WINDOW_SIZE makes a stream's window too large");
            break;
        }
        if (!front->is_greeted) {
            front->is_greeted = true;
            front_h2_arm(front);
        }
        windows_changed(front, 0);
        break;
    case NGHTTP2_RST_STREAM:
        if (stream != NULL) {
            stream->is_given_up = true;
        }
        break;
    case NGHTTP2_WINDOW_UPDATE:
        windows_changed(front, frame->hd.stream_id);
        break;
    case NGHTTP2_PRIORITY_UPDATE:
        update_priority(front, frame->ext.payload);
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && front->is_draining) {
            front->is_last_named = true; /* front_h2.c sends the second GOAWAY */
        }
        break;
    default:
        break;
    }
    return goes_on ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* A frame that nghttp2 itself answers with RST_STREAM: too many streams, for one. */
static int on_invalid_frame(nghttp2_session *h2, const nghttp2_frame *frame, int error,
                            void *user_data)
{
    struct front_h2 *front = user_data;

    (void)h2;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        h2_closed_add(&front->closed, frame->hd.stream_id,
                      false); /* what follows may be on its way */
    }
    return front_h2_charge(front, error == NGHTTP2_ERR_REFUSED_STREAM ? H2_EVENT_OTHER
                                                                      : H2_EVENT_MALFORMED)
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void log_goaway(struct front_h2 *front, const nghttp2_goaway *goaway)
{
    char detail[128];
    bool is_flood = goaway->error_code == NGHTTP2_ENHANCE_YOUR_CALM;

    (void)snprintf(detail, sizeof(detail), "the client broke a rule of HTTP/2: %.*s (%s)",
                   (int)(goaway->opaque_data_len < 80 ? goaway->opaque_data_len : 80),
                   goaway->opaque_data_len != 0 ? (const char *)goaway->opaque_data : "",
                   nghttp2_http2_strerror(goaway->error_code));
    session_log_end(front->session, &(struct trouble){is_flood ? "h2_flood" : "h2_protocol_error",
                                                      detail, is_flood ? FLOOD_MEND : NULL});
}

static int on_frame_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *user_data)
{
    struct front_h2 *front = user_data;

    if (frame->hd.type == NGHTTP2_GOAWAY) {
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !front->was_flooded) {
            log_goaway(front, &frame->goaway);
        }
        return 0;
    }
    struct h2_stream *stream = find(h2, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS) {
        h2_budget_earn_head(&front->budget);
        if (stream != NULL) {
            stream->is_head_sent = stream->has_head;
        }
    }
    if (stream != NULL && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        stream->is_end_sent = true;
        front_h2_reset_later(stream);
    }
    return 0;
}

/* A head or trailers that nghttp2 does not write: the client must not wait for them. */
static int on_frame_not_sent(nghttp2_session *h2, const nghttp2_frame *frame, int error,
                             void *user_data)
{
    struct h2_stream *stream =
        frame->hd.type == NGHTTP2_HEADERS ? find(h2, frame->hd.stream_id) : NULL;

    (void)error;
    (void)user_data;
    if (stream != NULL) {
        front_h2_reset(stream, NGHTTP2_INTERNAL_ERROR);
    }
    return 0;
}

void front_h2_bury(struct h2_stream *stream)
{
    struct front_h2 *front = stream->front;

    if (!stream->is_closed || stream->is_buried || stream->exchange != NULL) {
        return;
    }
    stream->is_buried = true;
    if (stream->is_wide) {
        front->wide_streams--;
    }
    if (front->dry == stream) {
        front->dry = NULL;
    }
    list_remove(&stream->yielding);
    list_remove(&stream->woken);
    list_remove(&stream->node);
    list_push_back(&front->dead, &stream->node);
    if (--front->stream_count == 0) {
        if (!front->is_over && !front->is_terminated) {
            session_set_idle(front->session, true);
        }
        front->idle_since_us = front_h2_now(front);
        front_h2_arm(front);
    }
    front_h2_schedule(front);
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t code, void *user_data)
{
    struct front_h2 *front = user_data;
    struct h2_stream *stream = find(h2, id);

    if (stream == NULL) {
        return 0;
    }
    stream->is_closed = true;
    /* Whoever resets a stream that the other has not ended may still get frames of it. */
    h2_closed_add(&front->closed, id, stream->is_in_ended || stream->is_given_up);
    /* Both sides have said all, but the server has not taken all of the request yet. */
    if (code == NGHTTP2_NO_ERROR && stream->is_in_ended && stream->exchange != NULL &&
        stream->exchange->state == EXCHANGE_REST &&
        front->stream_count <= front_h2_settings(front)->limits.streams) {
        return 0;
    }
    if (code == NGHTTP2_NO_ERROR && stream->is_in_ended) {
        feed_rest(stream);
    }
    front_h2_abandon(stream, "client_reset");
    front_h2_bury(stream);
    return 0;
}

/* ---- the session ---- */

/* Unknown frames are ignored (RFC 9113 section 5.5), but not for free: without this nghttp2 would
 * skip them without a word. */
static int on_extension(nghttp2_session *h2, void **payload, const nghttp2_frame_hd *head,
                        void *user_data)
{
    (void)h2;
    (void)payload;
    (void)head;
    (void)user_data;
    return NGHTTP2_ERR_CANCEL;
}

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *callbacks;

    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, front_h2_on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, on_extension);
    front_h2_set_data_callbacks(callbacks);
    return callbacks;
}

static void see_unknown_frames(nghttp2_option *option)
{
    for (int kind = NGHTTP2_ALTSVC; kind <= UINT8_MAX; kind++) {
        if (kind != NGHTTP2_PRIORITY_UPDATE) {
            nghttp2_option_set_user_recv_extension_type(option, (uint8_t)kind);
        }
    }
}

/* nghttp2 has limits of its own, which would answer before ours, and less clearly. What it holds of
 * answers that the client does not read stays limited. */
static void leave_floods_to_the_budget(nghttp2_option *option)
{
    nghttp2_compat_max_continuations(option, SIZE_MAX);
    nghttp2_compat_stream_reset_rate_limit(option, UINT64_MAX, UINT64_MAX);
    nghttp2_option_set_max_outbound_ack(option, OUTBOUND_ACKS_MAX);
}

static nghttp2_option *make_option(const struct limits_settings *limits)
{
    nghttp2_option *option;

    CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    /* h2_fields.c checks messages, so that each refusal is ours to name and to test. */
    nghttp2_option_set_no_http_messaging(option, 1);
    /* The gateway's own fields come on top of what a server may send. */
    nghttp2_option_set_max_send_header_block_length(option,
                                                    (size_t)limits->response_head * 2 + 65536);
    leave_floods_to_the_budget(option);
    see_unknown_frames(option);
    nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
    return option;
}

static void submit_settings(struct front_h2 *front, nghttp2_session *h2)
{
    const struct limits_settings *limits = &front_h2_settings(front)->limits;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)limits->streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->head},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };

    (void)nghttp2_submit_settings(h2, NGHTTP2_FLAG_NONE, entries, ARRAY_LEN(entries));
    (void)nghttp2_session_set_local_window_size(h2, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
}

nghttp2_session *front_h2_session_new(struct front_h2 *front)
{
    nghttp2_session_callbacks *callbacks = make_callbacks();
    nghttp2_option *option = make_option(&front_h2_settings(front)->limits);
    nghttp2_session *h2;

    CHECK(nghttp2_session_server_new2(&h2, callbacks, front, option) == 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    submit_settings(front, h2);
    return h2;
}

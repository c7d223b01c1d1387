/* Requests' bodies: from DATA to the exchange, and how much of them a client may send ahead. */
#include <string.h>

#include "server/front_h2_internal.h"

/* The PING that measures the pipe, to be told from the one of a drain. */
static const uint8_t bdp_ping[8] = {'p', 'i', 'p', 'e'};

/* What is left of what all streams of the connection, and of the worker, may have above their first
 * windows. */
static uint64_t room_to_grow(const struct front_h2 *front)
{
    const struct limits_settings *limits = &front_h2_settings(front)->limits;
    uint64_t used = front->link->core->sums.h2_request_windows;
    uint64_t of_worker = limits->request_windows > used ? limits->request_windows - used : 0;
    uint64_t of_client =
        limits->request_window > front->windows ? limits->request_window - front->windows : 0;

    return of_worker < of_client ? of_worker : of_client;
}

static void widen(struct h2_stream *stream, uint32_t more)
{
    struct front_h2 *front = stream->front;

    if (more != 0) {
        front->windows += more;
        front->link->core->sums.h2_request_windows += more;
        stream->window += more;
        (void)nghttp2_session_set_local_window_size(front->h2, NGHTTP2_FLAG_NONE, stream->id,
                                                    (int32_t)stream->window);
        front_h2_schedule(front);
    }
}

void front_h2_forget_window(struct h2_stream *stream)
{
    uint32_t more = stream->window - STREAM_WINDOW;

    stream->window = STREAM_WINDOW;
    stream->front->windows -= more;
    stream->front->link->core->sums.h2_request_windows -= more;
}

/* What can come before END_STREAM, as far as is known, beyond what the window lets through. */
static uint64_t missing_window(const struct h2_stream *stream)
{
    const struct http_request *request = stream->exchange->request;
    int32_t open = nghttp2_session_get_stream_local_window_size(stream->front->h2, stream->id);
    uint64_t left = request->content_length - stream->body_bytes;

    if (!request->has_content_length) {
        return front_h2_settings(stream->front)->limits.request_window;
    }
    return open > 0 && left > (uint64_t)open ? left - (uint64_t)open : open > 0 ? 0 : left;
}

static bool has_rest(const struct h2_stream *stream)
{
    return !stream->exchange->request_done && !front_h2_has_request(stream) &&
           !stream->exchange->is_tunnel;
}

void front_h2_open_to_drop(struct h2_stream *stream)
{
    nghttp2_session *h2 = stream->front->h2;
    int32_t size = nghttp2_session_get_stream_effective_local_window_size(h2, stream->id);
    uint64_t more = missing_window(stream);

    /* Of a refusal no client sends more than it must. */
    if (!has_rest(stream) || stream->exchange->response->status >= 300 || size < 0) {
        return;
    }
    if (more > (uint64_t)(INT32_MAX - size)) {
        more = (uint64_t)(INT32_MAX - size);
    }
    if (more != 0) {
        (void)nghttp2_session_set_local_window_size(h2, NGHTTP2_FLAG_NONE, stream->id,
                                                    size + (int32_t)more);
        front_h2_schedule(stream->front);
    }
    stream->is_open_for_all = true;
}

bool front_h2_end_must_wait(const struct h2_stream *stream)
{
    const struct front_exchange *x = stream->exchange;

    return has_rest(stream) && x->behind->is_forwarded(x) && x->request->has_content_length &&
           x->response->status < 300 && missing_window(stream) > room_to_grow(stream->front);
}

void front_h2_open_for_rest(struct h2_stream *stream)
{
    uint64_t room = room_to_grow(stream->front);
    uint64_t more;

    if (!has_rest(stream) || stream->holds_end) {
        return;
    }
    if (!stream->exchange->behind->is_forwarded(stream->exchange)) {
        front_h2_open_to_drop(stream);
        return;
    }
    more = missing_window(stream);
    stream->is_open_for_all = stream->exchange->request->has_content_length && more <= room;
    widen(stream, (uint32_t)(more < room ? more : room));
}

bool front_h2_answer_bdp(struct front_h2 *front, const uint8_t opaque[8])
{
    if (memcmp(opaque, bdp_ping, sizeof(bdp_ping)) != 0) {
        return false;
    }
    h2_bdp_answer(&front->bdp);
    return true;
}

static void measure_pipe(struct front_h2 *front, size_t bytes)
{
    if (h2_bdp_data(&front->bdp, bytes)) {
        (void)nghttp2_submit_ping(front->h2, NGHTTP2_FLAG_NONE, bdp_ping);
        front->is_ack_free = true;
        front_h2_schedule(front);
    }
}

/* A server that takes what comes gets a window for a long, fat pipe. */
static void consumed(struct h2_stream *stream, size_t bytes)
{
    struct front_h2 *front = stream->front;

    if (stream->is_open_for_all) {
        return;
    }
    stream->body_taken += bytes;
    (void)nghttp2_session_consume_stream(front->h2, stream->id, bytes);
    struct h2_window window = {.size = stream->window,
                               .soon = STREAM_WINDOW,
                               .taken = stream->body_taken,
                               .waiting = stream->in.bytes};
    widen(stream, h2_window_growth(&window, front->bdp.window, room_to_grow(front)));
}

static bool may_feed(const struct h2_stream *stream)
{
    const struct front_exchange *x = stream->exchange;

    return x != NULL && stream->request != H2_REQUEST_HEAD &&
           (!x->request->is_extended_connect || x->is_tunnel) && x->behind->takes_body(x);
}

/* The request's end, unless it has been told (a request without a body is done when it begins). */
static void end_request(struct h2_stream *stream)
{
    struct front_exchange *x = stream->exchange;

    if (x != NULL && front_h2_has_request(stream) && stream->in.bytes == 0 && !x->request_done &&
        x->behind->takes_body(x)) {
        x->behind->request_end(x, stream->has_trailers ? &stream->trailers : NULL);
    }
}

void front_h2_feed(struct h2_stream *stream)
{
    struct front_h2 *front = stream->front;
    bool has_spent = stream->in.bytes != 0;

    while (stream->in.bytes != 0 && may_feed(stream)) {
        struct span bytes = byte_queue_take(&stream->in, SIZE_MAX);
        front->link->core->sums.h2_waiting -= bytes.len;
        struct front_exchange *x = stream->exchange;
        x->behind->request_body(x, bytes);
        if (stream->exchange != NULL) {
            consumed(stream, bytes.len);
        }
    }
    if (has_spent) {
        conn_flush_all(front->link->core->loop); /* they may lie in the outbox */
        byte_queue_release(&stream->in);
    }
    end_request(stream);
}

void front_h2_feed_rest(struct h2_stream *stream)
{
    while (stream->exchange != NULL && stream->exchange->is_tunnel && stream->in.bytes != 0) {
        struct span bytes = byte_queue_take(&stream->in, SIZE_MAX);
        stream->front->link->core->sums.h2_waiting -= bytes.len;
        stream->exchange->behind->request_body(stream->exchange, bytes);
    }
    if (stream->in.spent != NULL) {
        conn_flush_all(stream->front->link->core->loop);
    }
    if (stream->exchange != NULL && stream->exchange->is_tunnel &&
        !stream->exchange->request_done) {
        stream->exchange->behind->request_end(stream->exchange, NULL);
    }
}

/* More, or less, than Content-Length promised. */
static bool length_is_wrong(const struct h2_stream *stream, bool is_end)
{
    const struct http_request *request = stream->exchange->request;

    return request->has_content_length &&
           (stream->body_bytes > request->content_length ||
            (is_end && stream->body_bytes < request->content_length));
}

/* Until the server takes it. All streams of the worker together have a bound, too. */
static void keep(struct h2_stream *stream, struct span bytes)
{
    struct core_sums *sums = &stream->front->link->core->sums;

    if (sums->h2_waiting + bytes.len > WAITING_BYTES_MAX) {
        front_refuse(stream->exchange, 503, false, "too_much_waits",
                     "too many bodies wait for servers that do not take them",
                     "see why the servers are slow");
        return;
    }
    if (!byte_queue_add(&stream->in, bytes)) {
        front_refuse(stream->exchange, 503, false, "out_of_memory",
                     "there is no memory for the request's body", NULL);
        return;
    }
    sums->h2_waiting += bytes.len;
}

int front_h2_on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data,
                     size_t len, void *user_data)
{
    struct front_h2 *front = user_data;
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(h2, id);

    (void)flags;
    /* The connection's window is given back at once: one stream that waits must not hold up the
     * others. What a stream may hold is bounded by its own. */
    (void)nghttp2_session_consume_connection(h2, len);
    if (stream == NULL) {
        return 0;
    }
    if (!stream->is_open_for_all) {
        measure_pipe(front, len);
    }
    stream->moved_in_us = front_h2_now(front);
    stream->body_bytes += len;
    if (stream->exchange == NULL) {
        return 0; /* nobody wants it any more, and no window is opened for more of it */
    }
    if (length_is_wrong(stream, false)) {
        return front_h2_refuse(stream, H2_BAD_LENGTH_MISMATCH) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (stream->in.bytes != 0 || !may_feed(stream)) {
        keep(stream, span_make(data, len));
        return 0;
    }
    struct front_exchange *x = stream->exchange;
    x->behind->request_body(x, span_make(data, len));
    if (stream->exchange != NULL) {
        consumed(stream, len);
    }
    return 0;
}

bool front_h2_end_input(struct h2_stream *stream)
{
    front_h2_enter_request(stream, H2_REQUEST_ENDED);
    front_h2_release_end(stream);
    if (stream->exchange == NULL) {
        return true;
    }
    if (length_is_wrong(stream, true)) {
        return front_h2_refuse(stream, H2_BAD_LENGTH_MISMATCH);
    }
    front_h2_feed(stream);
    return true;
}

bool front_h2_on_data_frame(struct front_h2 *front, struct h2_stream *stream,
                            const nghttp2_frame *frame)
{
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (is_end) {
        return stream == NULL || front_h2_end_input(stream);
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

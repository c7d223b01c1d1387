/* Requests: nghttp2's callbacks, from frames to exchanges. None of them ends the connection: they
 * note what is to be done, and front_h2.c does it when nghttp2 has returned. */
#include <stdio.h>

#include "edge/head_limits.h"
#include "server/front_h2_internal.h"
#include "server/websocket.h"

static struct h2_stream *find(nghttp2_session *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2, id);
}

bool front_h2_refuse(struct h2_stream *stream, enum h2_error error)
{
    struct front_h2 *front = stream->front;
    struct front_exchange *x = stream->exchange;
    unsigned status = h2_error_status(error);
    const char *mend = head_mend_h2(error, HEAD_OF_REQUEST);
    const char *detail =
        stream->section.error == error ? h2_section_detail(&stream->section) : h2_error_text(error);

    x->is_malformed = true;
    if (status != 0) {
        front_refuse(x, status, false, h2_error_word(error), detail, mend);
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
    struct front_exchange *x = stream->exchange;
    struct http_request *request = x->request;
    enum h2_error error = h2_request_finish(&stream->section, is_end, request);

    x->head_us = stream->moved_in_us = front_h2_now(stream->front);
    if (error != H2_OK) {
        h2_section_glimpse(&stream->section, request);
    }
    front_h2_enter_request(stream, is_end ? H2_REQUEST_ENDED : H2_REQUEST_BODY);
    if (error != H2_OK) {
        return front_h2_refuse(stream, error);
    }
    set_priority(stream, request);
    if (websocket_is_asked(request)) {
        websocket_add_key(request, x->arena);
    }
    x->request_done = request->framing == HTTP_FRAMING_NONE;
    x->behind->begin(x);
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
        stream = front_h2_create_stream(front, frame->hd.stream_id);
        (void)nghttp2_session_set_stream_user_data(h2, stream->id, stream);
        return 0;
    }
    stream = find(h2, frame->hd.stream_id);
    if (stream != NULL && stream->exchange != NULL) {
        struct h2_limits limits = front_h2_limits(front);
        stream->trailers = (struct http_fields){0};
        h2_section_init(&stream->section, stream->exchange->arena, &limits, &stream->trailers,
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

static bool finish_trailers(struct h2_stream *stream, bool is_end)
{
    enum h2_error error = is_end ? h2_trailers_finish(&stream->section) : H2_BAD_TRAILER;

    if (error != H2_OK) {
        return front_h2_refuse(stream, error);
    }
    stream->has_trailers = true;
    return front_h2_end_input(stream);
}

static bool on_headers_frame(struct h2_stream *stream, const nghttp2_frame *frame)
{
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (stream->exchange == NULL) {
        if (is_end) {
            front_h2_enter_request(stream, H2_REQUEST_ENDED);
        }
        return true;
    }
    return frame->headers.cat == NGHTTP2_HCAT_REQUEST ? finish_head(stream, is_end)
                                                      : finish_trailers(stream, is_end);
}

/* ---- frames ---- */

/* nghttp2 has taken it already, for a stream that is to come, too. False: the connection ends (RFC
 * 9218 section 7.1: no stream, or one that we would have had to begin). */
static bool update_priority(struct front_h2 *front, const nghttp2_ext_priority_update *update)
{
    struct h2_stream *stream = find(front->h2, update->stream_id);

    if (update->stream_id % 2 == 0) {
        return front_h2_break_rule(front, NGHTTP2_PROTOCOL_ERROR,
                                   "PRIORITY_UPDATE for what is no stream of the client's");
    }
    if (stream != NULL) {
        stream->urgency =
            h2_priority_parse(span_make(update->field_value, update->field_value_len)).urgency;
    } else if (update->stream_id > front->newest_id) {
        front->prioritised[front->prioritised_at++ % ARRAY_LEN(front->prioritised)] =
            update->stream_id;
    }
    return true;
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
        goes_on = front_h2_on_data_frame(front, stream, frame);
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
        if (stream != NULL && !front_h2_has_request(stream)) {
            front_h2_enter_request(stream, H2_REQUEST_GIVEN_UP);
        }
        break;
    case NGHTTP2_WINDOW_UPDATE:
        windows_changed(front, frame->hd.stream_id);
        break;
    case NGHTTP2_PRIORITY_UPDATE:
        goes_on = update_priority(front, frame->ext.payload);
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
            !front_h2_answer_bdp(front, frame->ping.opaque_data) &&
            front->state == FRONT_H2_NOTICED) {
            front_h2_enter(front, FRONT_H2_NAMING); /* front_h2.c sends the second GOAWAY */
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
    front->ended_by = is_flood ? "h2_flood" : "h2_protocol_error";
    link_tell(front->link,
              &(struct trouble){front->ended_by, detail, is_flood ? FLOOD_MEND : NULL});
}

static int on_frame_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *user_data)
{
    struct front_h2 *front = user_data;

    if (frame->hd.type == NGHTTP2_GOAWAY) {
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR && front->fault == FRONT_H2_FAULT_NONE) {
            log_goaway(front, &frame->goaway);
        }
        return 0;
    }
    struct h2_stream *stream = find(h2, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS) {
        h2_budget_earn_head(&front->budget);
        if (stream != NULL) {
            stream->is_head_sent = stream->response != H2_RESPONSE_NONE;
        }
    }
    if (stream != NULL && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        if (stream->response < H2_RESPONSE_SENT) {
            front_h2_enter_response(stream, H2_RESPONSE_SENT);
            stream->ended_us = front_h2_now(front);
        }
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

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t code, void *user_data)
{
    struct front_h2 *front = user_data;
    struct h2_stream *stream = find(h2, id);

    if (stream == NULL) {
        return 0;
    }
    front_h2_enter_response(stream, H2_RESPONSE_CLOSED);
    /* Whoever resets a stream that the other has not ended may still get frames of it. */
    h2_closed_add(&front->closed, id, stream->request >= H2_REQUEST_ENDED);
    /* Both sides have said all, but the server has not taken all of the request yet. */
    if (code == NGHTTP2_NO_ERROR && front_h2_has_request(stream) && stream->exchange != NULL &&
        stream->exchange->state == EXCHANGE_REST &&
        front->stream_count <= front_h2_settings(front)->limits.streams) {
        return 0;
    }
    if (code == NGHTTP2_NO_ERROR && front_h2_has_request(stream)) {
        front_h2_feed_rest(stream);
    }
    front_h2_abandon(stream, "client_reset");
    front_h2_bury(stream);
    return 0;
}

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

nghttp2_session_callbacks *front_h2_callbacks(void)
{
    nghttp2_session_callbacks *callbacks;

    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, front_h2_on_data);
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

/* Frames to events: the nghttp2 session of a connection to a server.
 *
 * nghttp2 does frames, HPACK and flow control. What a response may look like is checked by
 * http/h2_response.h, which refuses where nghttp2 leaves fields out. None of the callbacks sends:
 * they run inside back_h2_session_receive or back_h2_session_send, and output waits for the end of
 * the turn. */
#include "client/back_h2_internal.h"
#include "http/nghttp2_compat.h"
#include "upstream/server_health.h"

/* What the server may send before it hears from us, for all streams together: enough for a long fat
 * pipe. It is given back as it is used, so that a stream that is held up holds up no other. */
#define CONNECTION_WINDOW (UINT64_C(16) * 1024 * 1024)
/* Bytes that gather in the outbox before they are sent. */
#define SEND_BYTES 65536
/* Behind a head, on top of what one of the allowed length needs. */
#define CONTINUATIONS 8

static struct back_h2 *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

/* ---- receiving ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct back_h2 *back = stream_of(session, frame->hd.stream_id);

    (void)user_data;
    if (back_h2_stream_listens(back) && frame->hd.type == NGHTTP2_HEADERS) {
        back_h2_stream_on_section(back);
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    struct back_h2 *back = stream_of(session, frame->hd.stream_id);

    (void)flags;
    (void)user_data;
    if (back_h2_stream_listens(back) && frame->hd.type == NGHTTP2_HEADERS) {
        back_h2_stream_on_field(back, span_make(name, name_len), span_make(value, value_len));
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                         const uint8_t *data, size_t len, void *user_data)
{
    struct back_h2 *back = stream_of(session, stream_id);

    (void)flags;
    (void)user_data;
    (void)nghttp2_session_consume_connection(session, len);
    back_h2_flow_received(user_data, len);
    if (back_h2_stream_listens(back)) {
        back_h2_stream_on_data(back, span_make(data, len));
    }
    return 0;
}

static void on_settings(struct back_h2_conn *c)
{
    uint32_t capacity = back_h2_session_capacity(c);

    if (capacity != 0) {
        back_h2_entry(c)->shared_streams = capacity;
    }
    c->is_greeted = true;
    if (c->state == BACK_H2_PREFACE && capacity != 0) { /* else it may say more in a moment */
        back_h2_enter(c, BACK_H2_OPEN);
        server_note_reached(upstream_set_ref(c->use.set, c->use.server),
                            loop_now_us(c->client->core->loop));
        timer_clear(&c->timer);
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct back_h2_conn *c = user_data;
    struct back_h2 *back = NULL;
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) {
        back = stream_of(session, frame->hd.stream_id);
    }
    if (back_h2_stream_listens(back)) {
        if (frame->hd.type == NGHTTP2_HEADERS) {
            back_h2_stream_on_section_end(back, is_end);
        } else if (is_end) {
            back_h2_stream_on_end(back);
        }
        return 0;
    }
    if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
        on_settings(c);
    } else if (frame->hd.type == NGHTTP2_GOAWAY) {
        c->is_going_away = true;
    } else if (frame->hd.type == NGHTTP2_WINDOW_UPDATE) {
        back_h2_flow_update(c, stream_of(session, frame->hd.stream_id),
                            (uint32_t)frame->window_update.window_size_increment);
    } else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
               !back_h2_flow_answer(c, frame->ping.opaque_data)) {
        back_h2_trust(c);
    }
    return 0;
}

static const char *close_reason(uint32_t code)
{
    switch (code) {
    case NGHTTP2_REFUSED_STREAM:
        return "stream_refused";
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return "server_enhance_your_calm";
    default:
        return "stream_reset";
    }
}

/* Whether the server says that it has not looked at the request (RFC 9113 section 8.7); or wants it
 * over HTTP/1.1. */
static enum retry_stage stage_of(uint32_t code)
{
    return code == NGHTTP2_REFUSED_STREAM || code == NGHTTP2_HTTP_1_1_REQUIRED ? RETRY_DECLINED
                                                                               : RETRY_ANSWERING;
}

/* Also for the streams above a GOAWAY's last: nghttp2 closes them with REFUSED_STREAM (RFC 9113
 * section 6.8). */
static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code,
                           void *user_data)
{
    struct back_h2 *back = stream_of(session, stream_id);
    struct trouble trouble = {close_reason(code), nghttp2_http2_strerror(code),
                              "the server reset the stream with this code: see its log"};

    (void)user_data;
    if (back != NULL) {
        back->code = code;
        back->was_told_enough = code == NGHTTP2_NO_ERROR;
        back_h2_stream_closed(back, stage_of(code), &trouble);
    }
    return 0;
}

/* ---- sending ---- */

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct back_h2 *back;

    (void)user_data;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    back = stream_of(session, frame->hd.stream_id);
    if (back != NULL) {
        back->is_head_sent = true;
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            back_h2_flow_end(back, back->c);
            back_h2_stream_sent(back);
        }
    }
    return 0;
}

/* A request that was queued when a GOAWAY came, or when it was cancelled: no stream was opened. */
static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *user_data)
{
    struct back_h2_conn *c = user_data;
    struct trouble trouble = {"stream_not_opened", nghttp2_strerror(error), NULL};

    (void)session;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    LIST_FOR_EACH(node, &c->streams)
    {
        struct back_h2 *back = LIST_ENTRY(node, struct back_h2, node);
        if (back->stream_id == frame->hd.stream_id) {
            (void)nghttp2_session_set_stream_user_data(session, back->stream_id, NULL);
            back_h2_stream_closed(
                back, error == NGHTTP2_ERR_FRAME_SIZE_ERROR ? RETRY_ANSWERING : RETRY_NOT_SENT,
                &trouble);
            break;
        }
    }
    return 0;
}

/* A DATA frame goes out of the stream's buffer without a copy. */
static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t len, nghttp2_data_source *source, void *user_data)
{
    struct back_h2_conn *c = user_data;
    struct back_h2 *back = source->ptr;

    (void)session;
    (void)frame;
    conn_queue_copy(c->conn, span_make(head, 9));
    if (len != 0) {
        conn_queue(c->conn, span_make(back->body.ptr + back->body_at, len));
        back->body_at += len;
        back->sent += len;
    }
    c->unsent += len + 9;
    return 0;
}

static bool send_run(struct back_h2_conn *c)
{
    while (conn_pending(c->conn) == 0 && !conn_write_failed(c->conn)) {
        const uint8_t *bytes;
        ssize_t n = nghttp2_session_mem_send(c->session, &bytes);
        if (n < 0) {
            return false;
        }
        if (n == 0 && c->unsent == 0) {
            break;
        }
        conn_queue_copy(c->conn, span_make(bytes, (size_t)n));
        c->unsent += (size_t)n;
        if (n == 0 || c->unsent >= SEND_BYTES) {
            conn_flush(c->conn);
            c->unsent = 0;
            if (n == 0) {
                break;
            }
        }
    }
    return true;
}

bool back_h2_session_send(struct back_h2_conn *c)
{
    CHECK(!c->in_library); /* see call_ops */
    c->in_library = true;
    bool is_alive = send_run(c);
    c->in_library = false;
    conn_flush(c->conn);
    c->unsent = 0;
    back_h2_stream_end_due(c);
    return is_alive;
}

bool back_h2_session_receive(struct back_h2_conn *c, struct span bytes)
{
    struct loop *loop = c->client->core->loop;

    CHECK(!c->in_library);
    c->in_library = true;
    conn_hold_bytes(loop, true);
    ssize_t n = nghttp2_session_mem_recv(c->session, (const uint8_t *)bytes.ptr, bytes.len);
    conn_hold_bytes(loop, false);
    c->in_library = false;
    back_h2_stream_end_due(c);
    return n == (ssize_t)bytes.len;
}

uint32_t back_h2_session_capacity(const struct back_h2_conn *c)
{
    return nghttp2_session_get_remote_settings(c->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

uint32_t back_h2_session_head_max(const struct back_h2_conn *c)
{
    return nghttp2_session_get_remote_settings(c->session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
}

bool back_h2_session_takes_connect(const struct back_h2_conn *c)
{
    return nghttp2_session_get_remote_settings(c->session,
                                               NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

/* ---- creating ---- */

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *callbacks;

    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    return callbacks;
}

static nghttp2_option *make_options(const struct client_settings *settings)
{
    nghttp2_option *option;

    CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_http_messaging(option, 1); /* http/h2_response.h does it */
    /* The gateway's own fields come on top of what a client may send. */
    nghttp2_option_set_max_send_header_block_length(option, settings->request_head * 2 + 65536);
    nghttp2_compat_max_continuations(option, CONTINUATIONS + settings->h1.head_bytes / 16384);
    return option;
}

void back_h2_session_create(struct back_h2_conn *c)
{
    const struct client_settings *settings = &c->client->settings;
    size_t head_max = settings->h1.head_bytes;
    nghttp2_session_callbacks *callbacks = make_callbacks();
    nghttp2_option *option = make_options(settings);
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, BACK_H2_WINDOW_FIRST},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
         (uint32_t)(head_max < UINT32_MAX ? head_max : UINT32_MAX)},
    };

    h2_bdp_init(&c->bdp, BACK_H2_WINDOW_SOON, (uint32_t)settings->response_window);
    CHECK(nghttp2_session_client_new2(&c->session, callbacks, c, option) == 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    CHECK(nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, entries, ARRAY_LEN(entries)) == 0);
    CHECK(nghttp2_session_set_local_window_size(
              c->session, NGHTTP2_FLAG_NONE, 0,
              (int32_t)(settings->response_window > CONNECTION_WINDOW ? settings->response_window
                                                                      : CONNECTION_WINDOW)) == 0);
}

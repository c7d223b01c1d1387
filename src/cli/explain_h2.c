#include "cli/explain_h2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/explain_answer.h"
#include "cli/explain_bytes.h"
#include "cli/explain_tls.h"
#include "tls/cause.h"

enum { READ_BYTES = 65536, FIELD_BYTES_MAX = 256 * 1024 };

struct talk {
    struct explain *ex;
    nghttp2_session *session;
    int32_t stream;
    size_t data_sent;
    size_t field_bytes;
    bool is_over;       /* the stream is closed */
    uint32_t reset;     /* its error code */
    bool is_going_away; /* GOAWAY came */
    uint32_t goaway;
    unsigned status; /* of the field section under way */
};

static const char *title(struct talk *t)
{
    return arena_printf(&t->ex->arena, "HTTP/2 %u", t->status);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct talk *t = arg;

    (void)session;
    if (frame->hd.stream_id == t->stream) {
        explain_step(t->ex, EXPLAIN_TO_CLIENT, "response",
                     t->ex->status != 0 ? "trailers" : "HTTP/2 response");
        t->status = 0;
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
    struct talk *t = arg;

    (void)session;
    (void)flags;
    if (frame->hd.stream_id != t->stream) {
        return 0;
    }
    t->field_bytes += name_len + value_len;
    if (t->field_bytes > FIELD_BYTES_MAX) {
        (void)explain_fail(t->ex, cause_words(CAUSE_TOO_LARGE_ANSWER), explain_server(t->ex), NULL);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (name_len == 7 && memcmp(name, ":status", 7) == 0) {
        uint64_t status = 0;
        (void)!span_to_u64(span_make(value, value_len), 999, &status);
        t->status = (unsigned)status;
        t->ex->steps[t->ex->step_count - 1].title = title(t);
        return 0;
    }
    explain_note(t->ex, "field", "%.*s: %.*s", (int)name_len, (const char *)name, (int)value_len,
                 (const char *)value);
    explain_look_for_id(t->ex, span_make(name, name_len), span_make(value, value_len));
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct talk *t = arg;
    struct explain *ex = t->ex;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (frame->hd.stream_id == t->stream && t->status >= 200) {
            ex->status = t->status;
            t->status = 0;
        } else if (frame->hd.stream_id == t->stream && t->status != 0) {
            ex->steps[ex->step_count - 1].name = "interim";
        }
        break;
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
            explain_step(ex, EXPLAIN_TO_CLIENT, "settings", "HTTP/2 SETTINGS");
        }
        break;
    case NGHTTP2_GOAWAY:
        t->is_going_away = true;
        t->goaway = frame->goaway.error_code;
        explain_step(ex, EXPLAIN_TO_CLIENT, "goaway", "HTTP/2 GOAWAY");
        explain_note(ex, "error", "%s", nghttp2_http2_strerror(t->goaway));
        break;
    default:
        break;
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *arg)
{
    struct talk *t = arg;

    (void)session;
    (void)flags;
    if (stream == t->stream) {
        explain_body(t->ex, span_make(data, len));
    }
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *arg)
{
    struct talk *t = arg;

    (void)session;
    if (stream == t->stream) {
        t->is_over = true;
        t->reset = error;
    }
    return 0;
}

static ssize_t give_data(nghttp2_session *session, int32_t stream, uint8_t *out, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct talk *t = arg;
    const char *data = t->ex->options->data;
    size_t left = strlen(data) - t->data_sent;
    size_t len = left < size ? left : size;

    (void)session;
    (void)stream;
    (void)source;
    memcpy(out, data + t->data_sent, len);
    t->data_sent += len;
    if (len == left) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)len;
}

static bool open_session(struct talk *t)
{
    nghttp2_session_callbacks *callbacks;
    int result;

    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return false;
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    result = nghttp2_session_client_new(&t->session, callbacks, t);
    nghttp2_session_callbacks_del(callbacks);
    return result == 0;
}

/* ---- the request ---- */

struct fields {
    nghttp2_nv items[EXPLAIN_HEADERS_MAX + 8];
    size_t count;
};

static void add_field(struct explain *ex, struct fields *fields, const char *name,
                      struct span value)
{
    char *lower = arena_cstr(&ex->arena, span_from_cstr(name));
    char *copy = arena_cstr(&ex->arena, value);

    for (char *at = lower; *at != '\0'; at++) {
        *at = ascii_lower(*at);
    }
    fields->items[fields->count++] = (nghttp2_nv){(uint8_t *)lower, (uint8_t *)copy, strlen(lower),
                                                  value.len, NGHTTP2_NV_FLAG_NONE};
    explain_note(ex, "field", "%s: %s", lower, copy);
}

/* Those of the command line; Host becomes :authority, what belongs to HTTP/1.1 alone is left out.
 */
static void add_given(struct explain *ex, struct fields *fields)
{
    static const char *const left_out[] = {"host",       "connection", "transfer-encoding",
                                           "keep-alive", "upgrade",    "proxy-connection"};

    for (size_t i = 0; i < ex->options->header_count; i++) {
        struct span field = span_from_cstr(ex->options->headers[i]);
        size_t colon = span_find(field, ':');
        const char *name = arena_cstr(&ex->arena, span_head(field, colon));
        bool is_left_out = false;
        for (size_t k = 0; k < ARRAY_LEN(left_out); k++) {
            is_left_out |= strcasecmp(name, left_out[k]) == 0;
        }
        if (!is_left_out) {
            add_field(ex, fields, name, span_trim(span_skip(field, colon + 1)));
        }
    }
}

static struct span given(const struct explain *ex, const char *name, const char *fallback)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < ex->options->header_count; i++) {
        const char *field = ex->options->headers[i];
        if (strncasecmp(field, name, len) == 0 && field[len] == ':') {
            return fallback != NULL ? span_trim(span_from_cstr(field + len + 1))
                                    : span_make(NULL, 0);
        }
    }
    return span_from_cstr(fallback);
}

static bool has(const struct explain *ex, const char *name)
{
    return given(ex, name, "").len != 0;
}

static bool submit(struct talk *t)
{
    struct explain *ex = t->ex;
    const struct explain_options *options = ex->options;
    nghttp2_data_provider data = {.read_callback = give_data};
    struct fields fields = {.count = 0};

    explain_step(ex, EXPLAIN_TO_SERVER, "request",
                 arena_printf(&ex->arena, "%s %s HTTP/2", options->method, ex->target.target));
    add_field(ex, &fields, ":method", span_from_cstr(options->method));
    add_field(ex, &fields, ":scheme", SPAN_OF("https"));
    add_field(ex, &fields, ":authority", given(ex, "host", ex->target.authority));
    add_field(ex, &fields, ":path", span_from_cstr(ex->target.target));
    if (!has(ex, "user-agent")) {
        add_field(ex, &fields, "user-agent", SPAN_OF("tidegate-explain"));
    }
    if (!has(ex, "accept")) {
        add_field(ex, &fields, "accept", SPAN_OF("*/*"));
    }
    add_given(ex, &fields);
    if (options->data != NULL && !has(ex, "content-length")) {
        char len[24];
        (void)snprintf(len, sizeof(len), "%zu", strlen(options->data));
        add_field(ex, &fields, "content-length", span_from_cstr(len));
    }
    if (nghttp2_submit_settings(t->session, NGHTTP2_FLAG_NONE, NULL, 0) != 0) {
        return false;
    }
    t->stream = nghttp2_submit_request(t->session, NULL, fields.items, fields.count,
                                       options->data != NULL ? &data : NULL, NULL);
    return t->stream > 0;
}

/* ---- to and fro ---- */

static bool send_all(struct talk *t)
{
    for (;;) {
        const uint8_t *bytes;
        ssize_t len = nghttp2_session_mem_send(t->session, &bytes);
        if (len <= 0) {
            return len == 0;
        }
        if (!explain_write(t->ex, bytes, (size_t)len)) {
            return false;
        }
    }
}

static bool fail_protocol(struct talk *t, const char *detail)
{
    return explain_fail(t->ex, cause_words(CAUSE_BAD_ANSWER), NULL, detail);
}

static bool fail_end(struct talk *t)
{
    struct explain *ex = t->ex;

    if (t->is_going_away && ex->status == 0) {
        return explain_fail(
            ex, cause_words(CAUSE_NO_ANSWER_CLOSED), explain_server(ex),
            arena_printf(&ex->arena, "GOAWAY, %s", nghttp2_http2_strerror(t->goaway)));
    }
    return ex->ssl != NULL
               ? explain_fail_tls(ex, SSL_ERROR_ZERO_RETURN)
               : explain_fail(ex, cause_words(CAUSE_NO_ANSWER_CLOSED), explain_server(ex), NULL);
}

static bool talk_on(struct talk *t, uint8_t *buffer)
{
    while (!t->is_over) {
        ssize_t got;
        ssize_t used;
        if (!send_all(t)) {
            return false;
        }
        got = explain_read(t->ex, buffer, READ_BYTES);
        if (got <= 0) {
            return got < 0 ? false : fail_end(t);
        }
        used = nghttp2_session_mem_recv(t->session, buffer, (size_t)got);
        if (used < 0) {
            return fail_protocol(t, nghttp2_strerror((int)used));
        }
        if (!t->is_over && nghttp2_session_want_read(t->session) == 0) {
            (void)send_all(t); /* a GOAWAY that says why */
            return fail_protocol(t, "the server broke the rules of HTTP/2");
        }
    }
    return true;
}

static bool finish(struct talk *t)
{
    struct explain *ex = t->ex;

    if (t->reset != NGHTTP2_NO_ERROR) {
        explain_step(ex, EXPLAIN_TO_CLIENT, "reset", "HTTP/2 RST_STREAM")->is_bad = true;
        explain_note(ex, "error", "%s", nghttp2_http2_strerror(t->reset));
        return explain_fail(
            ex, cause_words(ex->status != 0 ? CAUSE_CUT_ANSWER : CAUSE_NO_ANSWER_CLOSED),
            explain_server(ex),
            arena_printf(&ex->arena, "RST_STREAM, %s", nghttp2_http2_strerror(t->reset)));
    }
    explain_step(ex, EXPLAIN_TO_CLIENT, "body",
                 arena_printf(&ex->arena, "body: %llu bytes", (unsigned long long)ex->body_bytes));
    (void)nghttp2_session_terminate_session(t->session, NGHTTP2_NO_ERROR);
    (void)send_all(t);
    ex->failure = (struct explain_failure){0}; /* the answer is here: a failed goodbye is none */
    return true;
}

bool explain_request_h2(struct explain *ex)
{
    struct talk t = {.ex = ex};
    uint8_t *buffer = xmalloc(READ_BYTES);
    bool ok;

    ex->protocol = "HTTP/2";
    ok = open_session(&t) && submit(&t);
    if (!ok) {
        (void)fail_protocol(&t, "the HTTP/2 library cannot send this request");
    }
    ok = ok && talk_on(&t, buffer) && finish(&t);
    nghttp2_session_del(t.session);
    free(buffer);
    return ok;
}

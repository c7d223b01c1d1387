/* What a server of scripts sends: records, the head and body of a script's answer, its end. */
#include "base/log.h"
#include "client/back_fcgi_internal.h"
#include "edge/head_mend.h"
#include "http/cgi_head.h"
#include "tls/tls_conn.h"

/* Of what a script says to the log, for one request; and how many such messages a second. */
#define SAID_MAX 1024
#define SAID_PER_SECOND 10

/* ---- what scripts say to the log ---- */

/* How many messages this thread has written in this second. */
static bool may_say(uint64_t now_us)
{
    static _Thread_local uint64_t second;
    static _Thread_local unsigned count;

    if (second != now_us / 1000000) {
        second = now_us / 1000000;
        count = 0;
    }
    return count++ < SAID_PER_SECOND;
}

static void take_said(struct back_fcgi *back, struct span bytes)
{
    size_t room = SAID_MAX - back->said.len;

    strbuf_add(&back->said, span_cut(bytes, room));
}

void back_fcgi_tell_said(struct back_fcgi *back)
{
    if (back->said.len == 0) {
        return;
    }
    for (size_t i = 0; i < back->said.len; i++) {
        unsigned char c = (unsigned char)back->said.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            back->said.ptr[i] = ' ';
        }
    }
    if (may_say(loop_now_us(back->client->core->loop))) {
        log_warn("backend %s, server %s: the script says: %.*s%s", back_fcgi_backend(back)->name,
                 back->set->servers->servers[back->server].text, (int)back->said.len,
                 back->said.ptr, back->said.len == SAID_MAX ? " ..." : "");
    }
    strbuf_free(&back->said);
}

/* ---- failures ---- */

void back_fcgi_fail_as(struct back_fcgi *back, enum retry_stage stage, unsigned status,
                       const struct trouble *trouble)
{
    struct call *call = back->call;
    const struct retry_facts facts = {.stage = stage,
                                      .was_at_rest = back->is_reused && !back->conn->is_lost};

    back_fcgi_close(back, conn_abort);
    if (call != NULL) {
        call_failed(call, &facts, status, trouble);
    }
}

/* The connection is of no more use; the call decides what that means for the request. */
void back_fcgi_fail(struct back_fcgi *back, const char *reason, const char *detail,
                    const char *mend)
{
    bool has_left = back->state != BACK_FCGI_COLLECT &&
                    (!conn_write_failed(back->conn) || back->conn->bytes_out != back->out_at_start);

    back_fcgi_fail_as(back,
                      back->state == BACK_FCGI_BODY || back->state == BACK_FCGI_DONE ||
                              back->has_answered
                          ? RETRY_ANSWERING
                      : has_left ? RETRY_SENT
                                 : RETRY_NOT_SENT,
                      502, &(struct trouble){reason, detail, mend});
}

void back_fcgi_fail_lost(struct back_fcgi *back)
{
    struct tls_trouble lost;

    if (back->state == BACK_FCGI_DONE) {
        back_fcgi_fail(back, call_unread.reason, call_unread.detail, call_unread.mend);
    } else if (client_loss_trouble(back->client, back->conn, back->set, back->server, &lost)) {
        back_fcgi_fail(back, lost.trouble.reason, lost.trouble.detail, lost.trouble.mend);
    } else if (back->state == BACK_FCGI_BODY) {
        back_fcgi_fail(back, "response_cut_short",
                       "the server closed in the middle of its response", "see the server's log");
    } else {
        back_fcgi_fail(back, "server_closed", "the server closed the connection without a response",
                       "see the server's log: php-fpm does so where a script ends its process");
    }
}

/* ---- the response ---- */

static void take_body(struct back_fcgi *back, struct span bytes)
{
    if (back->framing == HTTP_FRAMING_NONE) {
        return; /* as of HEAD: the script need not know */
    }
    if (back->framing == HTTP_FRAMING_LENGTH) {
        back->has_leftover |= bytes.len > back->body_left;
        bytes = span_cut(bytes, back->body_left < SIZE_MAX ? (size_t)back->body_left : SIZE_MAX);
        back->body_left -= bytes.len;
    }
    if (bytes.len != 0) {
        call_body(back->call, bytes);
    }
}

static void fail_head(struct back_fcgi *back, enum cgi_bad bad, enum h1_error error)
{
    if (bad == CGI_BAD_HTTP) {
        back_fcgi_fail(back, h1_error_word(error), h1_error_text(error),
                       head_mend_h1(error, HEAD_OF_RESPONSE));
    } else {
        back_fcgi_fail(back, cgi_bad_word(bad), cgi_bad_text(bad),
                       bad == CGI_BAD_STATUS_LINE ? "with PHP, set cgi.rfc2616_headers to 0"
                       : bad == CGI_BAD_TOO_LARGE ? "raise limits.response_head"
                                                  : "see what the script prints first");
    }
}

/* `bytes` are the last that have come; those behind the head are its body. */
static void take_head(struct back_fcgi *back, struct span bytes)
{
    const struct h1_limits *limits = &back->client->settings.h1;
    struct call *call = back->call;
    enum h1_error error = H1_OK;
    enum cgi_bad bad;
    size_t len;
    size_t rest;

    strbuf_add(&back->head, bytes);
    switch (cgi_head_end(strbuf_span(&back->head), limits->head_bytes, &back->scanned, &len)) {
    case H1_HEAD_MORE:
        return;
    case H1_HEAD_BAD:
        fail_head(back, CGI_BAD_TOO_LARGE, error);
        return;
    case H1_HEAD_COMPLETE:
        break;
    }
    rest = back->head.len - len;
    bad = cgi_parse_head(arena_copy(call->arena, span_head(strbuf_span(&back->head), len)), limits,
                         call->arena, call->request->method, call->response, &error);
    strbuf_free(&back->head);
    if (bad != CGI_BAD_NONE) {
        fail_head(back, bad, error);
        return;
    }
    call->response->upgrade = span_make(NULL, 0);
    call->response->keep_alive = true; /* whatever it says of a connection that it does not have */
    back->framing = call->response->framing;
    back->body_left = call->response->content_length;
    back_fcgi_enter(back, BACK_FCGI_BODY);
    call_head(call);
    if (back->state == BACK_FCGI_BODY && rest != 0) {
        take_body(back, span_skip(bytes, bytes.len - rest));
    }
}

static void take_end(struct back_fcgi *back)
{
    static const struct trouble overloaded = {
        "server_overloaded", "the server said that it is overloaded (FCGI_OVERLOADED)",
        "give it more processes, or less to do"};
    const struct fcgi_reader *reader = &back->reader;

    if (reader->status == FCGI_UNKNOWN_ROLE) {
        back_fcgi_fail(back, "fcgi_role", "the server does not take requests (FCGI_UNKNOWN_ROLE)",
                       "see whether it is a FastCGI responder");
    } else if (reader->status != FCGI_REQUEST_COMPLETE && back->state == BACK_FCGI_HEAD) {
        back_fcgi_fail_as(back, RETRY_DECLINED, 503, &overloaded);
    } else if (back->state == BACK_FCGI_HEAD) {
        back_fcgi_fail(back, "cgi_no_answer", "the script ended without an answer",
                       "see the server's log, and what the script prints");
    } else if (back->framing == HTTP_FRAMING_LENGTH && back->body_left != 0) {
        back_fcgi_fail(back, "response_cut_short",
                       "the script ended before as much had come as its Content-Length says",
                       "see the script, and the server's log");
    } else {
        back_fcgi_enter(back, BACK_FCGI_DONE);
        call_end(back->call, NULL);
    }
}

/* Behind the record that ends the request: what fills it up belongs to it, and nothing else. */
static void take_padding(struct back_fcgi *back, struct span in)
{
    struct span data;
    size_t used;

    back->has_leftover |= fcgi_read(&back->reader, in, &used, &data) != FCGI_MORE;
    if (back->has_leftover || fcgi_is_at_end(&back->reader)) {
        take_end(back);
    }
}

static void on_bytes(struct back_fcgi *back, struct span in)
{
    size_t total = 0;

    back->has_answered = true;
    if (back->state == BACK_FCGI_COLLECT) {
        back_fcgi_fail(back, "fcgi_unasked", "the server spoke before it was asked",
                       "see whether it speaks FastCGI");
        return;
    }
    if (back->reader.is_over) {
        take_padding(back, in);
        return;
    }
    while (back->state == BACK_FCGI_HEAD || back->state == BACK_FCGI_BODY) {
        struct span data = {NULL, 0};
        size_t used;
        enum fcgi_result result = fcgi_read(&back->reader, span_skip(in, total), &used, &data);

        total += used;
        if (result == FCGI_MORE) {
            return;
        }
        if (result == FCGI_BAD) {
            back_fcgi_fail(back, fcgi_bad_word(back->reader.bad), fcgi_bad_text(back->reader.bad),
                           "see whether the server speaks FastCGI");
        } else if (result == FCGI_ERR) {
            take_said(back, data);
        } else if (result == FCGI_END) {
            take_padding(back, span_skip(in, total));
            return;
        } else if (back->state == BACK_FCGI_HEAD) {
            take_head(back, data);
        } else {
            take_body(back, data);
        }
    }
}

static void on_end(struct back_fcgi *back)
{
    if (back->call == NULL) {
        back_fcgi_close(back, conn_close_in_order); /* at rest, and the server has closed */
        return;
    }
    if (back->reader.is_over && back->state != BACK_FCGI_DONE) {
        back->has_leftover = true;
        take_end(back); /* all but what fills up the last record */
        return;
    }
    back_fcgi_fail_lost(back);
}

static bool may_read(const struct back_fcgi *back)
{
    switch (back->state) {
    case BACK_FCGI_IDLE:
    case BACK_FCGI_COLLECT:
        return true;
    case BACK_FCGI_HEAD:
    case BACK_FCGI_BODY:
        return call_polls_response(back->call);
    case BACK_FCGI_DONE:
    case BACK_FCGI_ENDING:
    case BACK_FCGI_CLOSED:
        break;
    }
    return false;
}

/* Of a response, no more than its client is about to take, where that can be left in the socket. */
static uint64_t read_limit(const struct back_fcgi *back)
{
    bool is_response = back->state == BACK_FCGI_HEAD || back->state == BACK_FCGI_BODY;
    uint64_t room = is_response && conn_is_plain(back->conn) ? call_room(back->call) : UINT64_MAX;

    return room < UINT64_MAX - FCGI_HEADER_BYTES ? room + FCGI_HEADER_BYTES : UINT64_MAX;
}

void back_fcgi_pump(struct back_fcgi *back)
{
    if (back->is_pumping) {
        return;
    }
    back->is_pumping = true;
    for (int turn = 0; may_read(back) && conn_can_read(back->conn); turn++) {
        struct span bytes;
        if (turn == 8) {
            loop_defer(back->client->core->loop, &back->again);
            break;
        }
        enum conn_result result = conn_read_some(back->conn, read_limit(back), &bytes);
        if (result == CONN_AGAIN) {
            continue;
        }
        if (result != CONN_OK) {
            on_end(back);
            break;
        }
        if (back->call == NULL) {
            back_fcgi_close(back, conn_close_in_order); /* it speaks without being asked */
            break;
        }
        on_bytes(back, bytes);
    }
    back->is_pumping = false;
}

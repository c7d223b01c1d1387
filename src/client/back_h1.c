#include "client/back_h1.h"

#include <stdlib.h>

#include "client/back_h1_internal.h"
#include "edge/head_mend.h"
#include "edge/upgrade.h"
#include "http/connection_auth.h"
#include "http/h1_parse.h"
#include "http/reuse.h"
#include "tls/tls_conn.h"

/* Interim (1xx) responses to one request. */
#define INTERIM_MAX 16

static const struct back_ops ops;

static void pump(struct back_h1 *back);

struct back *back_h1_base(struct back_h1 *back)
{
    return &back->base;
}

void back_h1_enter(struct back_h1 *back, enum back_state state)
{
    static const char *const words[] = {"idle",   "head",   "body",  "done",
                                        "tunnel", "ending", "closed"};

    if (state_log_is_on()) {
        struct state_owner owner = call_whose(back->call, back->client->core, 0);
        state_log(&owner, "h1 back", words[back->state], words[state]);
    }
    back->state = state;
}

/* ---- life ---- */

static void on_free(struct deferred *deferred)
{
    struct back_h1 *back = CONTAINER_OF(deferred, struct back_h1, freeing);

    upstream_set_release(back->set);
    free(back->saved);
    free(back);
}

static void close_with(struct back_h1 *back, void (*close_conn)(struct conn *))
{
    struct loop *loop = back->client->core->loop;

    if (back->state == BACK_CLOSED) {
        return;
    }
    back_h1_enter(back, BACK_CLOSED);
    if (!list_is_empty(&back->parked)) {
        pool_remove_parked(back_h1_entry(back), &back->parked);
    }
    list_remove(&back->bound.node);
    back->call = NULL;
    relay_reset(&back->relay, loop);
    close_conn(back->conn);
    conn_free(back->conn);
    timer_destroy(loop, &back->timer);
    deferred_cancel(&back->again);
    list_remove(&back->of_client.node);
    loop_defer(loop, &back->freeing);
}

void back_h1_destroy(struct back_h1 *back)
{
    close_with(back, conn_close_in_order);
}

static void on_again(struct deferred *deferred)
{
    pump(CONTAINER_OF(deferred, struct back_h1, again));
}

static void on_idle_timer(struct timer *timer)
{
    struct back_h1 *back = CONTAINER_OF(timer, struct back_h1, timer);

    if (!list_is_empty(&back->parked) || !list_is_empty(&back->bound.node)) {
        back_h1_destroy(back);
    } else if (back->state == BACK_ENDING) {
        close_with(back, conn_abort); /* it takes nothing any more */
    }
}

static void close_at_rest(struct client_conn *conn)
{
    back_h1_destroy(CONTAINER_OF(conn, struct back_h1, of_client));
}

static void leave(struct client_conn *conn)
{
    struct back_h1 *back = CONTAINER_OF(conn, struct back_h1, of_client);

    if (!list_is_empty(&back->parked) || !list_is_empty(&back->bound.node)) {
        back_h1_destroy(back);
    }
}

/* The call ended in order, and its last bytes still wait for the socket. */
static void end_gently(struct back_h1 *back)
{
    back_h1_enter(back, BACK_ENDING);
    conn_finish_to_close(back->conn);
    timer_set_ms(back->client->core->loop, &back->timer, back->client->settings.send_ms);
}

static void op_release(struct back *base, enum back_end end)
{
    struct back_h1 *back = back_h1_of(base);
    struct caller *caller = back->call->caller;
    bool reusable = end == BACK_END_IN_ORDER;
    /* A tunnel that is released in order has ended both ways, with nothing left to send. */
    bool was_done = (back->state == BACK_DONE && end != BACK_END_BROKEN) ||
                    (back->state == BACK_TUNNEL && reusable);

    back->call = NULL;
    relay_reset(&back->relay, back->client->core->loop);
    if (reusable && back_h1_park(back, caller)) {
        back_h1_enter(back, BACK_IDLE);
        timer_set_ms(back->client->core->loop, &back->timer, back->rest_ms);
        return;
    }
    if (was_done && reusable && conn_pending(back->conn) != 0 && !conn_write_failed(back->conn)) {
        end_gently(back);
        return;
    }
    /* A server that is still sending, or still being sent to, is told at once. */
    close_with(back, was_done ? conn_close_in_order : conn_abort);
}

/* The connection is of no more use; the call decides what that means for the request. */
static void fail(struct back_h1 *back, unsigned status, const char *reason, const char *detail,
                 const char *mend)
{
    struct call *call = back->call;
    struct trouble trouble = {reason, detail, mend};
    bool has_left = !conn_write_failed(back->conn) || back->conn->bytes_out != back->out_at_start;
    struct retry_facts facts = {
        .stage = back->state != BACK_HEAD || back->has_answered ? RETRY_ANSWERING
                 : has_left                                     ? RETRY_SENT
                                                                : RETRY_NOT_SENT,
        .was_at_rest = back->is_reused && !back->conn->is_lost,
    };

    close_with(back, conn_abort);
    if (call != NULL) {
        call_failed(call, &facts, status, &trouble);
    }
}

static void fail_lost(struct back_h1 *back)
{
    struct tls_trouble lost;

    if (back->state == BACK_DONE) {
        fail(back, 502, call_unread.reason, call_unread.detail, call_unread.mend);
    } else if (client_loss_trouble(back->client, back->conn, back->set, back->server, &lost)) {
        fail(back, 502, lost.trouble.reason, lost.trouble.detail, lost.trouble.mend);
    } else if (back->state == BACK_BODY) {
        fail(back, 502, "response_cut_short", "the server closed in the middle of its response",
             "see the server's log");
    } else {
        fail(back, 502, "server_closed", "the server closed the connection without a response",
             "see the server's log");
    }
}

static void fail_parse(struct back_h1 *back, enum h1_error error, const char *detail)
{
    fail(back, 502, h1_error_word(error), detail, head_mend_h1(error, HEAD_OF_RESPONSE));
}

/* ---- the response ---- */

static void start_body(struct back_h1 *back, struct call *call)
{
    back_h1_enter(back, BACK_BODY);
    back->framing = call->response->framing;
    back->body_left = call->response->content_length;
    back->keep_alive = call->response->keep_alive && !back->may_be_followed;
    if (back->framing == HTTP_FRAMING_CHUNKED) {
        h1_chunked_init(&back->chunked);
    }
    call_head(call);
    if (back->state != BACK_BODY) {
        return;
    }
    if (back->framing == HTTP_FRAMING_NONE) {
        back_h1_enter(back, BACK_DONE);
    }
}

static void finish_response(struct back_h1 *back, struct http_fields *trailers)
{
    call_end(back->call, trailers);
}

/* Each of these uses some bytes of `in` and says how many. */

static size_t take_head(struct back_h1 *back, struct span in)
{
    const struct h1_limits *limits = &back->client->settings.h1;
    struct call *call = back->call;
    enum h1_error error;
    size_t start;
    size_t len;

    switch (h1_head_end(in, limits, false, &back->scanned, &start, &len, &error)) {
    case H1_HEAD_MORE:
        return 0;
    case H1_HEAD_BAD:
        fail_parse(back, error,
                   h1_error_detail(
                       error, in,
                       span_cut(span_skip(in, back->scanned), error == H1_HEAD_TOO_LARGE ? 0 : 1),
                       call->arena));
        return in.len;
    case H1_HEAD_COMPLETE:
        break;
    }
    back->scanned = 0;
    *call->response = (struct http_response){0};
    struct span head = arena_copy(call->arena, span_make(in.ptr + start, len));
    error = h1_parse_response(head, limits, call->arena, call->request->method, call->response);
    if (error != H1_OK) {
        fail_parse(back, error, h1_error_detail(error, head, call->response->refused, call->arena));
        return in.len;
    }
    back->rest_ms =
        reuse_rest_ms(&call->response->fields, back_h1_entry(back)->terms.idle_timeout_ms);
    if (connection_auth_is_asked(&call->response->fields)) {
        back_h1_bind(back);
    }
    back->may_be_followed |= call->response->announces_body;
    if (call->response->status == 101) {
        if (!upgrade_has(call->request->upgrade, call->response->upgrade)) {
            fail(back, 502, "unasked_upgrade",
                 "the server switched to a protocol that was not asked for",
                 "see the server's log");
            return in.len;
        }
        if (!call->is_whole) {
            /* The other protocol begins behind the request (RFC 9110 section 7.8). */
            back->waits_for_request = true;
            return 0;
        }
        back_h1_enter(back, BACK_TUNNEL);
        back->rest = span_skip(in, start + len);
        call_head(call);
        return back->is_raw ? start + len : in.len;
    }
    if (call->response->status < 200) {
        if (++back->interim_count > INTERIM_MAX) {
            fail(back, 502, "too_many_interim",
                 "the server sent one interim response after another", "see the server's log");
            return in.len;
        }
        call_interim(call);
        return start + len;
    }
    start_body(back, call);
    return start + len;
}

static size_t take_chunked(struct back_h1 *back, struct span in)
{
    const struct h1_limits *limits = &back->client->settings.h1;
    struct call *call = back->call;
    struct http_fields trailers = {0};
    size_t total = 0;

    while (back->state == BACK_BODY) {
        enum h1_error error;
        struct span data;
        size_t used;
        enum h1_chunked_result result =
            h1_chunked_decode(&back->chunked, span_skip(in, total), limits, call->arena, &used,
                              &data, &trailers, &error);
        total += used;
        if (result == H1_CHUNKED_DATA) {
            call_body(call, data);
            continue;
        }
        if (result == H1_CHUNKED_BAD) {
            fail_parse(back, error, h1_chunked_detail(&back->chunked, error, call->arena));
            return in.len;
        }
        if (result == H1_CHUNKED_END) {
            back_h1_enter(back, BACK_DONE);
            back->has_leftover = total != in.len;
            finish_response(back, &trailers);
            return in.len;
        }
        break;
    }
    return total;
}

static size_t take_length(struct back_h1 *back, struct span in)
{
    size_t n = back->body_left < in.len ? (size_t)back->body_left : in.len;

    back->body_left -= n;
    call_body(back->call, span_head(in, n));
    if (back->state == BACK_BODY && back->body_left == 0) {
        back_h1_enter(back, BACK_DONE);
        back->has_leftover = n != in.len;
        finish_response(back, NULL);
        return in.len;
    }
    return n;
}

static size_t take_body(struct back_h1 *back, struct span in)
{
    switch (back->framing) {
    case HTTP_FRAMING_CHUNKED:
        return take_chunked(back, in);
    case HTTP_FRAMING_LENGTH:
        return take_length(back, in);
    case HTTP_FRAMING_CLOSE:
        call_body(back->call, in);
        return in.len;
    case HTTP_FRAMING_NONE:
        break;
    }
    CHECK(false);
    return 0;
}

static size_t take(struct back_h1 *back, struct span in)
{
    size_t total = 0;

    while (back->state == BACK_HEAD || back->state == BACK_BODY) {
        struct span left = span_skip(in, total);
        if (left.len == 0) {
            break;
        }
        size_t used = back->state == BACK_HEAD ? take_head(back, left) : take_body(back, left);
        total += used;
        if (back->state == BACK_DONE && back->call != NULL && back->framing == HTTP_FRAMING_NONE) {
            back->has_leftover = total != in.len;
            finish_response(back, NULL);
            return in.len;
        }
        if (used == 0) {
            break;
        }
    }
    return total;
}

static void save(struct back_h1 *back, struct span bytes)
{
    back->saved = xrealloc(back->saved, back->saved_len + bytes.len);
    memcpy(back->saved + back->saved_len, bytes.ptr, bytes.len);
    back->saved_len += bytes.len;
}

static void take_saved(struct back_h1 *back)
{
    char *whole = back->saved;
    size_t len = back->saved_len;
    back->saved = NULL;
    back->saved_len = 0;
    size_t used = take(back, span_make(whole, len));
    if (back->state == BACK_HEAD && used < len) {
        save(back, span_make(whole + used, len - used));
    }
    conn_memory_flush(conn_memory(back->conn)); /* what was queued lies in `whole` */
    free(whole);
}

static void on_bytes(struct back_h1 *back, struct span bytes)
{
    if (back->state == BACK_DONE) {
        back->has_leftover = true;
        return;
    }
    back->has_answered = true;
    if (back->saved_len == 0) {
        size_t used = take(back, bytes);
        if (back->state == BACK_HEAD && used < bytes.len) {
            save(back, span_skip(bytes, used));
        }
        return;
    }
    save(back, bytes);
    take_saved(back);
}

static void on_end(struct back_h1 *back, enum conn_result result)
{
    if (back->call == NULL) {
        back_h1_destroy(back); /* a parked connection that the server has closed */
        return;
    }
    /* What a tunnel carries has an end of its own; the bytes count, as over HTTP/1.1. */
    bool is_truncated =
        !back->is_raw && !conn_is_plain(back->conn) && tls_conn_was_truncated(back->conn);
    if (back->state == BACK_BODY && back->framing == HTTP_FRAMING_CLOSE && result == CONN_EOF &&
        !is_truncated) {
        back_h1_enter(back, BACK_DONE);
        back->keep_alive = false;
        finish_response(back, NULL);
        return;
    }
    fail_lost(back);
}

/* A long body of known length between two plain connections goes by itself. False: the ordinary
 * way. */
static bool run_relay(struct back_h1 *back)
{
    struct call *call = back->call;
    struct conn *to;
    uint64_t moved;
    bool is_length = back->framing == HTTP_FRAMING_LENGTH;

    if (back->state != BACK_BODY || (!is_length && back->framing != HTTP_FRAMING_CLOSE) ||
        !conn_is_plain(back->conn) || (is_length && back->body_left < CONN_RX_BYTES)) {
        if (back->relay.in_pipe == 0) {
            return false;
        }
    }
    to = call_sink(call);
    if (to == NULL || !conn_is_plain(to)) {
        return false;
    }
    enum relay_result result =
        relay_run(&back->relay, back->conn, to, is_length ? back->body_left : UINT64_MAX, &moved);
    if (is_length) {
        back->body_left -= moved;
    }
    call_has_moved(call, moved);
    switch (result) {
    case RELAY_EMPTY:
        break;
    case RELAY_BLOCKED:
        (void)call_polls_response(call); /* its client has a deadline from now on */
        break;
    case RELAY_COALESCE:
        loop_coalesce(back->client->core->loop, &back->again);
        break;
    case RELAY_BUDGET:
        loop_defer(back->client->core->loop, &back->again);
        break;
    case RELAY_LIMIT:
        back_h1_enter(back, BACK_DONE);
        finish_response(back, NULL);
        break;
    case RELAY_EOF:
        on_end(back, CONN_EOF);
        break;
    case RELAY_ERROR:
        if (conn_write_failed(to)) {
            call_sink_failed(call);
        } else {
            on_end(back, CONN_ERROR);
        }
        break;
    }
    return true;
}

static bool may_read(const struct back_h1 *back)
{
    if (back->state == BACK_IDLE) {
        return true;
    }
    if (back->state == BACK_DONE) {
        return !back->has_leftover && !back->is_raw; /* its end is to be seen, once */
    }
    return (back->state == BACK_HEAD || back->state == BACK_BODY) && !back->waits_for_request &&
           call_polls_response(back->call);
}

/* Of a response, no more than its client is about to take, where that can be left in the socket. */
static uint64_t read_limit(const struct back_h1 *back)
{
    bool is_response = back->state == BACK_HEAD || back->state == BACK_BODY;

    if (!is_response || back->call == NULL || !conn_is_plain(back->conn)) {
        return UINT64_MAX;
    }
    return call_room(back->call);
}

static void pump(struct back_h1 *back)
{
    if (back->is_pumping) {
        return;
    }
    back->is_pumping = true;
    if (back->waits_for_request && back->call != NULL && back->call->is_whole) {
        back->waits_for_request = false;
        take_saved(back);
    }
    for (int turn = 0;; turn++) {
        struct span bytes;
        if (!may_read(back)) {
            break;
        }
        if (run_relay(back)) {
            break;
        }
        if (!conn_can_read(back->conn)) {
            break;
        }
        if (turn == 8) {
            loop_defer(back->client->core->loop, &back->again);
            break;
        }
        enum conn_result result = conn_read_some(back->conn, read_limit(back), &bytes);
        if (result == CONN_AGAIN) {
            continue;
        }
        if (result != CONN_OK) {
            on_end(back, result);
            break;
        }
        if (back->call == NULL) {
            back_h1_destroy(back); /* a server that speaks without being asked */
            break;
        }
        on_bytes(back, bytes);
    }
    back->is_pumping = false;
}

static void op_resume(struct back *base)
{
    struct back_h1 *back = back_h1_of(base);

    pump(back);
}

/* After the server's end of a tunnel only the writing side is left, and may break. */
static bool is_half_broken(const struct back_h1 *back)
{
    return back->is_raw && back->state == BACK_DONE && back->call != NULL &&
           (conn_write_failed(back->conn) ||
            (back->conn->is_reset && (!back->call->is_whole || conn_pending(back->conn) != 0)));
}

static void on_readable(struct conn *conn)
{
    struct back_h1 *back = conn->owner;

    if (is_half_broken(back)) {
        fail(back, 502, "server_reset", "the server took no more of the tunnel's bytes", NULL);
    } else if (back->state == BACK_ENDING && conn->is_reset) {
        close_with(back, conn_abort);
    } else {
        pump(back);
    }
}

static void on_writable(struct conn *conn)
{
    struct back_h1 *back = conn->owner;

    if (back->state == BACK_ENDING || is_half_broken(back)) {
        if (back->state == BACK_ENDING) {
            close_with(back, conn_write_failed(conn) ? conn_abort : conn_close);
        } else {
            on_readable(conn);
        }
        return;
    }
    if (conn_write_failed(conn)) {
        /* The server may have said why before it stopped listening. */
        if (back->state == BACK_DONE) {
            fail_lost(back);
        } else {
            pump(back);
        }
        return;
    }
    if (back->call != NULL) {
        call_writable(back->call);
    }
}

static const struct conn_handler handler = {
    .on_readable = on_readable,
    .on_writable = on_writable,
};

struct back_h1 *back_h1_create(struct client *client, struct upstream_set *set, size_t server,
                               struct conn *conn)
{
    struct back_h1 *back = xcalloc(1, sizeof(*back));

    back->base.ops = &ops;
    back->base.on = &back->of_client;
    back->client = client;
    back->set = upstream_set_hold(set);
    back->server = server;
    back->state = BACK_IDLE;
    back->conn = conn;
    conn->handler = &handler;
    conn->owner = back;
    back_h1_rest_init(back);
    back->of_client.entry = back_h1_entry(back);
    back->of_client.close_at_rest = close_at_rest;
    back->of_client.leave = leave;
    back->of_client.conn = conn;
    list_push_back(&client->conns, &back->of_client.node);
    timer_init(&back->timer, on_idle_timer);
    deferred_init(&back->again, on_again);
    deferred_init(&back->freeing, on_free);
    return back;
}

static struct conn *op_take_over(struct back *base, struct span *rest)
{
    struct back_h1 *back = back_h1_of(base);

    *rest = back->rest;
    return back->conn;
}

static void op_go_raw(struct back *base)
{
    struct back_h1 *back = back_h1_of(base);

    back->is_raw = true;
    back_h1_enter(back, BACK_BODY);
    back->framing = HTTP_FRAMING_CLOSE;
    back->keep_alive = false;
    back->request_is_chunked = false;
}

static void op_move(struct back *base, struct call *to)
{
    back_h1_of(base)->call = to;
}

static void op_reject(struct back *base, const struct trouble *trouble)
{
    fail(back_h1_of(base), 502, trouble->reason, trouble->detail, trouble->mend);
}

static bool op_is_listening(const struct back *base)
{
    struct back_h1 *back = back_h1_of(base);

    return back->state == BACK_DONE && back->framing != HTTP_FRAMING_CLOSE &&
           !back->conn->is_at_eof && !back->conn->is_reset && !conn_write_failed(back->conn);
}

static bool op_is_sent(const struct back *base)
{
    return back_h1_takes_body(base);
}

static bool op_has_more(const struct back *base)
{
    return conn_can_read(back_h1_of(base)->conn);
}

static const struct back_ops ops = {
    .send_head = back_h1_write_head,
    .takes_body = back_h1_takes_body,
    .send_body = back_h1_write_body,
    .send_end = back_h1_write_end,
    .is_listening = op_is_listening,
    .is_sent = op_is_sent,
    .resume = op_resume,
    .has_more = op_has_more,
    .reject = op_reject,
    .move = op_move,
    .release = op_release,
    .raw = back_h1_raw,
    .take_over = op_take_over,
    .go_raw = op_go_raw,
};

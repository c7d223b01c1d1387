#include "server/front_h1.h"

#include <errno.h>
#include <stdlib.h>

#include "core/state_log.h"
#include "server/front_h1_internal.h"

#define READS_PER_TURN 8

static const struct front_type type;

static void pump(struct front_h1 *front);

void front_h1_enter(struct front_h1 *front, enum front_h1_state state)
{
    static const char *const words[] = {"idle", "head", "body", "skip", "wait", "tunnel", "ending"};

    if (state_log_is_on() && state != front->state) {
        state_log(
            &(struct state_owner){.core = front->link->core,
                                  .session = front->link->id,
                                  .exchange = front->exchange != NULL ? front->exchange->id : NULL},
            "request", words[front->state], words[state]);
    }
    front->state = state;
}

void front_h1_leave(struct front_h1 *front, enum link_end how)
{
    front_h1_enter(front, FRONT_H1_ENDING);
    timer_destroy(front->link->core->loop, &front->timer);
    link_finish(front->link, how);
}

/* ---- the bytes ---- */

static bool wants_bytes(const struct front_h1 *front)
{
    switch (front->state) {
    case FRONT_H1_IDLE:
    case FRONT_H1_HEAD:
        return conn_pending(front->conn) == 0;
    case FRONT_H1_BODY:
        return front->exchange->behind->takes_body(front->exchange);
    case FRONT_H1_SKIP:
        return true;
    case FRONT_H1_TUNNEL: /* where a tunnel has the connection, it does not come here */
        return front->exchange->is_tunnel && !front->exchange->request_done &&
               front->exchange->behind->takes_body(front->exchange);
    case FRONT_H1_WAIT:
    case FRONT_H1_ENDING:
        break;
    }
    return false;
}

void front_h1_save(struct front_h1 *front, struct span bytes)
{
    if (bytes.len == 0) {
        return;
    }
    front->saved = xrealloc(front->saved, front->saved_len + bytes.len);
    memcpy(front->saved + front->saved_len, bytes.ptr, bytes.len);
    front->saved_len += (uint32_t)bytes.len;
}

static void drop_saved(struct front_h1 *front)
{
    free(front->saved);
    front->saved = NULL;
    front->saved_len = front->saved_at = 0;
}

/* Gives what was saved to the parsers. */
static void use_saved(struct front_h1 *front)
{
    size_t used = front_h1_take(front, front_h1_saved_bytes(front));

    front->saved_at += (uint32_t)used;
    if (front->saved_at == front->saved_len) {
        conn_flush_all(front->link->core->loop); /* queued spans lie in it */
        drop_saved(front);
    }
}

/* Gives what was just read to the parsers, and saves what they do not take yet. */
static void use_read(struct front_h1 *front, struct span bytes)
{
    if (front->saved_len != 0) {
        /* A head in pieces; what is used up of `saved` goes first, so that it stays bounded. */
        memmove(front->saved, front->saved + front->saved_at, front->saved_len - front->saved_at);
        front->saved_len -= front->saved_at;
        front->saved_at = 0;
        front_h1_save(front, bytes);
        use_saved(front);
        return;
    }
    while (bytes.len != 0 && wants_bytes(front)) {
        size_t used = front_h1_take(front, bytes);
        bytes = span_skip(bytes, used);
        if (used == 0) {
            break;
        }
    }
    if (front->state != FRONT_H1_ENDING) {
        front_h1_save(front, bytes);
    }
}

/* Whether nothing of a request has come: an empty line in front of one, or behind the last one's
 * body, is none (RFC 9112 section 2.2). */
static bool is_idle(const struct front_h1 *front)
{
    size_t len = front->saved_len - front->saved_at;

    return (front->state == FRONT_H1_IDLE && len == 0) ||
           (front->state == FRONT_H1_HEAD && len != 0 && len <= 2 &&
            memcmp(front->saved + front->saved_at, "\r\n", len) == 0);
}

/* The client's end, or its loss. */
static void on_end(struct front_h1 *front, enum conn_result result)
{
    const char *lost =
        result == CONN_ERROR ? link_loss(front->link, front->conn, "client_reset") : NULL;

    if (is_idle(front)) {
        /* It has said goodbye, and may wait for ours. TLS wants one in any case, as far as the
         * other side can hear it (RFC 8446 section 6.1). */
        if (front->conn->is_reset || (front->conn->has_hangup && conn_is_plain(front->conn))) {
            front_h1_leave(front, LINK_CLOSED);
        } else {
            front_h1_leave(front, LINK_FINISHED);
        }
        return;
    }
    if (front->state == FRONT_H1_HEAD) {
        struct front_exchange *x = front_h1_new_half_exchange(front);
        front_h1_enter(front, FRONT_H1_WAIT);
        x->trouble.detail = front->conn->error == EPROTO
                                ? NULL /* the connection's own line says it */
                                : "the client closed in the middle of a request's head";
        x->behind->abandon(x, lost == NULL ? "client_closed_in_head" : lost);
        front->exchange = NULL;
        front_h1_leave(front, LINK_CLOSED);
        return;
    }
    if (front->state == FRONT_H1_SKIP) {
        front_h1_leave(front, LINK_CLOSED);
        return;
    }
    if (front->state == FRONT_H1_TUNNEL && result == CONN_EOF) {
        front->exchange->behind->request_end(front->exchange, NULL); /* of one direction */
        return;
    }
    if (front->state == FRONT_H1_TUNNEL) {
        front_h1_lose(front, lost);
        return;
    }
    if (front->state == FRONT_H1_BODY && front->exchange->state == EXCHANGE_REST &&
        !front->keep_alive) {
        front->exchange->behind->abandon(front->exchange,
                                         NULL); /* it was told that no more is wanted */
        front->exchange = NULL;
        front_h1_leave(front, LINK_CLOSED);
        return;
    }
    if (front->state == FRONT_H1_BODY) {
        front->exchange->behind->abandon(front->exchange,
                                         lost == NULL ? "client_closed_in_body" : lost);
        front->exchange = NULL;
        front_h1_leave(front, LINK_RESET);
    }
}

/* Moves a long body of known length straight to the server's socket. False: the ordinary way. */
static bool run_relay(struct front_h1 *front)
{
    struct conn *from = front->conn;
    struct conn *to;
    uint64_t moved;

    if (front->state != FRONT_H1_BODY || front->framing != HTTP_FRAMING_LENGTH ||
        front->saved_len != 0 || !conn_is_plain(from) ||
        (front->body_left < CONN_RX_BYTES && front->relay.in_pipe == 0)) {
        return false;
    }
    to = front->exchange->behind->raw(front->exchange);
    if (to == NULL || !conn_is_plain(to)) {
        return false;
    }
    enum relay_result result = relay_run(&front->relay, from, to, front->body_left, &moved);
    front->body_left -= moved;
    front->exchange->behind->request_moved(front->exchange, moved);
    switch (result) {
    case RELAY_EMPTY:
    case RELAY_BLOCKED:
        break;
    case RELAY_COALESCE:
        loop_coalesce(front->link->core->loop, &front->again);
        break;
    case RELAY_BUDGET:
        loop_defer(front->link->core->loop, &front->again);
        break;
    case RELAY_LIMIT:
        front_h1_end_request(front, NULL);
        break;
    case RELAY_EOF:
        on_end(front, CONN_EOF);
        break;
    case RELAY_ERROR:
        if (!conn_write_failed(to)) {
            on_end(front, CONN_ERROR);
        }
        break; /* else the server's side tells, once it is seen what it still says */
    }
    return true;
}

static bool step(struct front_h1 *front)
{
    struct conn *conn = front->conn;
    struct span bytes;

    if (!wants_bytes(front)) {
        front->was_held = true;
        return false;
    }
    if (front->saved_len != 0 && !front->saved_is_stuck) {
        use_saved(front);
        return true;
    }
    if (run_relay(front)) {
        return front->state != FRONT_H1_BODY;
    }
    if (!conn_can_read(conn)) {
        return false;
    }
    enum conn_result result = conn_read(conn, &bytes);
    if (result == CONN_AGAIN) {
        return true;
    }
    if (result != CONN_OK) {
        on_end(front, result);
        return false;
    }
    front->saved_is_stuck = false;
    use_read(front, bytes);
    return true;
}

/* Reads and parses as long as there is something to do. The exchange calls back into here; one
 * level is enough. */
static void pump(struct front_h1 *front)
{
    if (front->is_pumping) {
        return;
    }
    front->is_pumping = true;
    front->link->core->in_hand = (struct in_hand){front->link, front->exchange};
    int turn = 0;
    while (front->state != FRONT_H1_ENDING && step(front)) {
        if (++turn == READS_PER_TURN) {
            loop_defer(front->link->core->loop, &front->again);
            break;
        }
    }
    front->is_pumping = false;
    front_h1_watch_leaving(front);
}

static void on_again(struct deferred *deferred)
{
    pump(CONTAINER_OF(deferred, struct front_h1, again));
}

/* Whether nothing is read that would tell of the client's loss. A tunnel whose server has ended is
 * dead both ways when the client's end has come, too: what came before that is still read. */
static bool is_waiting(const struct front_h1 *front)
{
    return front_h1_is_deaf(front) ||
           (front->state == FRONT_H1_TUNNEL && front->exchange != NULL &&
            front->exchange->state != EXCHANGE_REST && !front->exchange->is_response_over);
}

static void on_readable(struct conn *conn)
{
    struct front_h1 *front = conn->owner;

    if (conn->is_reset && is_waiting(front)) {
        front_h1_lose(front, link_loss(front->link, front->conn, "client_reset"));
        return;
    }
    pump(front);
}

static void on_writable(struct conn *conn)
{
    struct front_h1 *front = conn->owner;

    if (conn_write_failed(conn)) {
        front_h1_lose(front, link_loss(front->link, front->conn, "client_reset"));
        return;
    }
    if (front->state == FRONT_H1_WAIT || front->state == FRONT_H1_TUNNEL) {
        timer_clear(&front->timer);
    }
    if (front->exchange != NULL) {
        front->exchange->behind->writable(front->exchange);
    }
    if (front->state != FRONT_H1_ENDING) {
        pump(front);
    }
}

static const struct conn_handler handler = {
    .on_readable = on_readable,
    .on_writable = on_writable,
};

/* ---- the response (front_h1_write.c), and its end ---- */

static void op_resume(struct front_exchange *x)
{
    pump(x->owner);
}

/* In a turn of its own. What is on the stack reads on by itself. */
static void read_later(struct front_h1 *front)
{
    if (!front->is_pumping) {
        loop_defer(front->link->core->loop, &front->again);
    }
}

static void op_done(struct front_exchange *x, bool is_broken)
{
    struct front_h1 *front = x->owner;
    enum reuse reuse = front_h1_reuse(front, x, true);

    front->exchange = NULL;
    relay_reset(&front->relay, front->link->core->loop);
    if (is_broken) {
        front_h1_leave(front, LINK_RESET);
        return;
    }
    if (reuse != REUSE_GOES_ON) {
        front_h1_leave(front, reuse == REUSE_LINGERS ? LINK_LINGERS : LINK_FINISHED);
        return;
    }
    if (x->request_done || front->body_left == 0) {
        front_h1_begin_idle(front);
    } else {
        front_h1_begin_skip(front);
    }
    if (front->saved_len != 0 || conn_can_read(front->conn)) {
        read_later(front);
    }
}

static struct conn *op_upgrade(struct front_exchange *x, struct span *rest)
{
    struct front_h1 *front = x->owner;

    front_h1_enter(front, FRONT_H1_TUNNEL);
    timer_clear(&front->timer);
    *rest = front_h1_saved_bytes(front);
    return front->conn;
}

static void op_go_raw(struct front_exchange *x)
{
    struct front_h1 *front = x->owner;

    front_h1_enter(front, FRONT_H1_TUNNEL);
    front->keep_alive = false;
    front->response_framing = HTTP_FRAMING_CLOSE;
    front->saved_is_stuck = false;
    timer_clear(&front->timer);
}

static struct conn *op_raw(struct front_exchange *x)
{
    struct front_h1 *front = x->owner;
    struct conn *conn = front->conn;

    return front->response_framing != HTTP_FRAMING_CHUNKED && conn_is_plain(conn) ? conn : NULL;
}

const struct front_ops front_h1_ops = {
    .interim = front_h1_write_interim,
    .head = front_h1_write_head,
    .body = front_h1_write_body,
    .end = front_h1_write_end,
    .is_blocked = front_h1_is_blocked,
    .poll = front_h1_poll,
    .resume = op_resume,
    .done = op_done,
    .upgrade = op_upgrade,
    .go_raw = op_go_raw,
    .raw = op_raw,
};

/* ---- time ---- */

static void refuse_slow(struct front_h1 *front, const char *reason, const char *detail,
                        const char *mend)
{
    struct front_exchange *x = front->exchange;

    if (x == NULL) {
        x = front_h1_new_half_exchange(front);
    }
    front_h1_enter(front, FRONT_H1_WAIT);
    front_refuse(x, 408, true, reason, detail, mend);
}

static void body_is_late(struct front_h1 *front)
{
    uint64_t moved = front->conn->bytes_in - front->moved_at_timer;
    struct idle_limit limit = front->exchange->behind->body_limit(front->exchange, moved);

    front_h1_enter(front, FRONT_H1_WAIT);
    front_refuse(front->exchange, limit.status, true, limit.reason, limit.detail, limit.mend);
}

static void on_timer(struct timer *timer)
{
    struct front_h1 *front = CONTAINER_OF(timer, struct front_h1, timer);

    if (conn_pending(front->conn) != 0 || front->conn->is_splice_blocked) {
        if (send_deadline_is_met(&front->sending, front->conn, front->link)) {
            front_h1_watch_output(front); /* slow, but taking its bytes */
            return;
        }
        if (front->exchange != NULL) {
            front->exchange->behind->abandon(
                front->exchange, front->conn->bytes_out == front->sending.sent ? "client_stalled"
                                                                               : "client_too_slow");
            front->exchange = NULL;
        }
        front_h1_leave(front, LINK_RESET);
        return;
    }
    if (front_h1_left_for_long(front)) {
        return;
    }
    switch (front->state) {
    case FRONT_H1_IDLE:
        front_h1_leave(front, LINK_FINISHED);
        break;
    case FRONT_H1_HEAD:
        if (is_idle(front)) {
            front_h1_leave(front, LINK_FINISHED);
            break;
        }
        refuse_slow(front, "head_timeout", "the request's head did not come whole in time",
                    "timeouts.head sets the limit");
        break;
    case FRONT_H1_SKIP:
        front_h1_leave(front, LINK_LINGERS);
        break;
    case FRONT_H1_BODY:
        if (front_h1_body_comes(front)) {
            front_h1_begin_body(front);
            break;
        }
        body_is_late(front);
        break;
    case FRONT_H1_WAIT:
    case FRONT_H1_TUNNEL:
    case FRONT_H1_ENDING:
        break;
    }
}

static void type_evict(struct front *base)
{
    struct front_h1 *front = front_h1_of(base);

    front_h1_leave(front, LINK_FINISHED);
}

static void type_drain(struct front *base)
{
    struct front_h1 *front = front_h1_of(base);

    if (!is_idle(front)) {
        return;
    }
    if (!link_ends_at_once(front->link)) {
        front_h1_set_timer(front, front_h1_idle_ms(front));
        return;
    }
    if (!front->was_used) {
        front_h1_set_timer(front, LINK_DRAIN_FIRST_BYTE_MS);
        return;
    }
    front_h1_leave(front, LINK_FINISHED);
}

/* ---- life ---- */

struct front *front_h1_create(struct link *link, struct conn *conn)
{
    struct front_h1 *front = xcalloc(1, sizeof(*front));

    front->base.type = &type;
    front->link = link;
    front->conn = conn;
    conn->handler = &handler;
    conn->owner = front;
    timer_init(&front->timer, on_timer);
    deferred_init(&front->again, on_again);
    return &front->base;
}

static void type_start(struct front *base, struct span bytes)
{
    struct front_h1 *front = front_h1_of(base);

    front_h1_begin_idle(front);
    /* The first request has to come sooner than one on a connection that was of use already. */
    front_h1_set_timer(front, front_h1_settings(front)->timeouts.first_byte_ms);
    if (link_is_draining(front->link)) {
        type_drain(base); /* it was in its handshake when the others were told */
    }
    if (bytes.len != 0) {
        front->is_pumping = true;
        use_read(front, bytes);
        front->is_pumping = false;
    }
    if (front->state != FRONT_H1_ENDING) {
        pump(front);
    }
}

static void on_free(struct deferred *deferred)
{
    struct front_h1 *front = CONTAINER_OF(deferred, struct front_h1, again);

    free(front->saved);
    free(front);
}

/* Its own functions may be on the stack: the memory goes at the end of the turn. */
static void type_destroy(struct front *base)
{
    struct front_h1 *front = front_h1_of(base);
    struct loop *loop = front->link->core->loop;

    front_h1_enter(front, FRONT_H1_ENDING);
    if (front->exchange != NULL) {
        front->exchange->behind->abandon(front->exchange, "cut_off");
        front->exchange = NULL;
    }
    timer_destroy(loop, &front->timer);
    relay_reset(&front->relay, loop);
    deferred_cancel(&front->again);
    deferred_init(&front->again, on_free);
    loop_defer(loop, &front->again);
}

static const struct front_type type = {
    .name = "HTTP/1.1",
    .start = type_start,
    .drain = type_drain,
    .evict = type_evict,
    .destroy = type_destroy,
};

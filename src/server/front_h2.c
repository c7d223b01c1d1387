#include "server/front_h2.h"

#include <stdlib.h>

#include "server/front_h2_internal.h"
#include "tls/tls_conn.h"

#define READS_PER_TURN 8
/* How often streams and output are looked at while there are any: the deadlines are exact to this.
 */
#define TICK_MAX_MS 2000
#define TICK_MIN_MS 20
/* From the GOAWAY that announces the end to the one that names the last stream, unless the client
 * answers the PING before. */
#define DRAIN_NOTICE_MS 1000

/* For how long a stream with a shut window may hold what others need. */
#define ROOM_GRACE_US 1000000

static const struct front_type type;

static struct front_h2 *of(struct front *base)
{
    return CONTAINER_OF(base, struct front_h2, base);
}

const struct settings *front_h2_settings(const struct front_h2 *front)
{
    return front->link->settings;
}

uint64_t front_h2_now(const struct front_h2 *front)
{
    return loop_now_us(front->link->core->loop);
}

enum front_h2_preface front_h2_preface(struct span bytes)
{
    struct span preface = span_make(FRONT_H2_PREFACE, FRONT_H2_PREFACE_BYTES);
    size_t n = bytes.len < preface.len ? bytes.len : preface.len;

    if (!span_eq(span_head(bytes, n), span_head(preface, n))) {
        return FRONT_H2_PREFACE_NOT;
    }
    return n == preface.len ? FRONT_H2_PREFACE_WHOLE : FRONT_H2_PREFACE_PART;
}

bool front_h2_charge(struct front_h2 *front, enum h2_event event)
{
    if (front->fault != FRONT_H2_FAULT_NONE) {
        return false;
    }
    if (h2_budget_spend(&front->budget, event, front_h2_now(front))) {
        return true;
    }
    front->fault = FRONT_H2_FAULT_FLOOD;
    front->flood = event;
    return false;
}

/* ---- the end ---- */

/* The client does not hear us any more, or must not. */
static void abandon_all(struct front_h2 *front, const char *reason)
{
    LIST_FOR_EACH(node, &front->streams)
    {
        front_h2_abandon(LIST_ENTRY(node, struct h2_stream, node), reason);
    }
}

static void leave(struct front_h2 *front, const char *reason, enum link_end how)
{
    if (front->state != FRONT_H2_OVER) {
        front_h2_enter(front, FRONT_H2_OVER);
        abandon_all(front, reason);
        timer_destroy(front->link->core->loop, &front->timer);
        link_finish(front->link, how);
    }
}

static void lose(struct front_h2 *front, const char *reason)
{
    const struct conn *conn = front->conn;
    /* Who has said goodbye may wait for ours. */
    bool is_goodbye = (conn->has_hangup || conn->is_at_eof) && !conn->is_reset &&
                      !conn_write_failed(conn) && conn_pending(conn) == 0;

    leave(front, reason, is_goodbye ? LINK_FINISHED : LINK_RESET);
}

/* A GOAWAY with a reason, then the end. */
static void terminate(struct front_h2 *front, uint32_t code, const char *reason)
{
    if (front->state == FRONT_H2_TERMINATED) {
        return;
    }
    front_h2_enter(front, FRONT_H2_TERMINATED);
    (void)nghttp2_session_terminate_session(front->h2, code);
    abandon_all(front, reason);
    front_h2_schedule(front);
}

/* ---- sending ---- */

static void release_spent(struct front_h2 *front)
{
    struct list *node;

    while ((node = list_pop_front(&front->spent)) != NULL) {
        byte_queue_release(&LIST_ENTRY(node, struct h2_stream, spent)->out);
    }
}

void front_h2_send(struct front_h2 *front)
{
    struct conn *conn = front->conn;
    const uint8_t *bytes;
    ssize_t n = 0;

    if (front->in_library || front->state == FRONT_H2_OVER) {
        return;
    }
    front->in_library = true;
    while (conn_pending(conn) == 0 && !conn_write_failed(conn) &&
           (n = nghttp2_session_mem_send(front->h2, &bytes)) > 0) {
        conn_queue_copy(conn, span_make(bytes, (size_t)n));
        front->run_bytes += (size_t)n;
    }
    front->in_library = false;
    conn_flush(conn);
    front->run_bytes = 0;
    release_spent(front);
}

static void name_last_stream(struct front_h2 *front)
{
    if (front->state == FRONT_H2_NAMING) {
        front_h2_enter(front, FRONT_H2_LAST);
        (void)nghttp2_submit_goaway(front->h2, NGHTTP2_FLAG_NONE,
                                    nghttp2_session_get_last_proc_stream_id(front->h2),
                                    NGHTTP2_NO_ERROR, NULL, 0);
    }
}

static void run(struct front_h2 *front)
{
    struct conn *conn = front->conn;

    name_last_stream(front);
    front_h2_send(front);
    /* One round in each of the loop's turns: whose server's socket was found empty then hears
     * whether it has been filled again, before the others have their next turn. */
    if (front_h2_wake(front)) {
        name_last_stream(front);
        front_h2_send(front);
    }
    front_h2_reap(front);
    if (front->state == FRONT_H2_OVER) {
        return;
    }
    if (front->state == FRONT_H2_LEFT && (conn->is_reset || conn_write_failed(conn))) {
        front_h2_part(front, LEAVING_RESET, "client_reset");
    }
    if (front->state == FRONT_H2_LEFT && conn_pending(conn) == 0 && !front_h2_has_work(front)) {
        lose(front, "client_closed");
        return;
    }
    if (front->state != FRONT_H2_LEFT && conn_write_failed(conn)) {
        lose(front, link_loss(front->link, front->conn, "client_reset"));
        return;
    }
    if (conn_pending(conn) != 0) {
        return; /* on_writable */
    }
    if (!list_is_empty(&front->preempted)) {
        front->turns_left -= front->turns_left != 0;
        front_h2_resume_preempted(front);
        front_h2_schedule(front);
        return;
    }
    if (nghttp2_session_want_write(front->h2) != 0 || !list_is_empty(&front->ready)) {
        if (front_h2_is_next(front)) {
            front_h2_schedule(front);
        }
        return;
    }
    if ((front_h2_is_ending(front) && front->stream_count == 0) ||
        nghttp2_session_want_read(front->h2) == 0) {
        leave(front, front->ended_by != NULL ? front->ended_by : "connection_ended",
              front->is_evicted ? LINK_FINISHED : LINK_LINGERS);
    }
}

static void on_again(struct deferred *deferred);
static void receive(struct front_h2 *front);

void front_h2_schedule(struct front_h2 *front)
{
    if (front->state != FRONT_H2_OVER) {
        loop_defer(front->link->core->loop, &front->again);
    }
}

/* ---- receiving ---- */

/* Tells of a client that may not go on, and ends its connection; its streams end for `reason`. */
static void convict(struct front_h2 *front, uint32_t code, const char *reason,
                    const struct trouble *trouble)
{
    link_tell(front->link, trouble);
    front->fault = FRONT_H2_FAULT_TOLD;
    terminate(front, code, reason);
}

static void on_flood(struct front_h2 *front)
{
    struct trouble trouble = {h2_event_word(front->flood), h2_event_text(front->flood), FLOOD_MEND};

    convict(front, NGHTTP2_ENHANCE_YOUR_CALM, trouble.reason, &trouble);
}

static void on_broken_rule(struct front_h2 *front)
{
    struct trouble trouble = {"h2_protocol_error", front->rule_text, NULL};

    convict(front, front->rule_code, trouble.reason, &trouble);
}

/* nghttp2 takes no more. */
static void on_library_error(struct front_h2 *front, int error)
{
    bool is_flood = error == NGHTTP2_ERR_FLOODED;
    struct trouble trouble = {is_flood ? "h2_flood" : "h2_protocol_error", nghttp2_strerror(error),
                              is_flood ? FLOOD_MEND : NULL};

    convict(front, is_flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR,
            "h2_protocol_error", &trouble);
}

/* What nghttp2 passes over without a word: DATA for streams that have gone. After an answer
 * ahead of its request's end, or a reset, an honest client's window may still be on its way. */
static void charge_skipped(struct front_h2 *front, size_t bytes)
{
    front->skipped_bytes += (int64_t)bytes;
    while (front->skipped_bytes >= H2_LATE_BYTES && front_h2_charge(front, H2_EVENT_LATE)) {
        front->skipped_bytes -= H2_LATE_BYTES;
    }
}

static void use_part(struct front_h2 *front, const struct h2_walk_part *part)
{
    ssize_t n = 0;

    if (!part->is_watched || front_h2_judge(front, part)) {
        CHECK(!front->in_library);
        front->in_library = true;
        conn_hold_bytes(front->link->core->loop, true);
        n = nghttp2_session_mem_recv(front->h2, (const uint8_t *)part->bytes.ptr, part->bytes.len);
        conn_hold_bytes(front->link->core->loop, false);
        front->in_library = false;
    }
    if (n > 0) {
        charge_skipped(front, (size_t)n);
    }
    if (front->fault == FRONT_H2_FAULT_FLOOD) {
        on_flood(front);
    } else if (front->fault == FRONT_H2_FAULT_RULE) {
        on_broken_rule(front);
    } else if (n < 0) {
        on_library_error(front, (int)n);
    }
}

static void use(struct front_h2 *front, struct span bytes)
{
    struct h2_walk_part part;

    while (front->fault == FRONT_H2_FAULT_NONE && h2_walk_next(&front->walk, &bytes, &part)) {
        use_part(front, &part);
    }
}

static bool wants_bytes(const struct front_h2 *front)
{
    return front->state != FRONT_H2_OVER && front->state != FRONT_H2_LEFT &&
           front->fault == FRONT_H2_FAULT_NONE && conn_can_read(front->conn);
}

/* The client's end. True: some of what it has asked for goes on. */
static bool outlives_its_end(struct front_h2 *front)
{
    bool is_goodbye = !conn_is_plain(front->conn) && !tls_conn_was_truncated(front->conn);

    front_h2_part(front, is_goodbye ? LEAVING_GOODBYE : LEAVING_FIN, "client_closed");
    if (!front_h2_has_work(front)) {
        return false;
    }
    front_h2_enter(front, FRONT_H2_LEFT);
    front_h2_schedule(front);
    return true;
}

static void receive(struct front_h2 *front)
{
    struct conn *conn = front->conn;
    struct span bytes;

    for (int turn = 0; wants_bytes(front); turn++) {
        if (turn == READS_PER_TURN) {
            front_h2_schedule(front); /* on_again reads on */
            return;
        }
        enum conn_result result = conn_read(conn, &bytes);
        if (result == CONN_AGAIN) {
            continue;
        }
        if (result == CONN_EOF && outlives_its_end(front)) {
            return;
        }
        if (result != CONN_OK) {
            lose(front, result == CONN_EOF ? "client_closed"
                                           : link_loss(front->link, front->conn, "client_reset"));
            return;
        }
        use(front, bytes);
    }
}

static void on_again(struct deferred *deferred)
{
    struct front_h2 *front = CONTAINER_OF(deferred, struct front_h2, again);

    receive(front);
    run(front);
}

static void on_readable(struct conn *conn)
{
    struct front_h2 *front = conn->owner;

    front->link->core->in_hand = (struct in_hand){.link = front->link};
    receive(front);
    front_h2_schedule(front);
}

static void on_writable(struct conn *conn)
{
    struct front_h2 *front = conn->owner;

    run(front);
}

static const struct conn_handler handler = {
    .on_readable = on_readable,
    .on_writable = on_writable,
};

/* ---- time ---- */

static uint64_t tick_ms(const struct front_h2 *front)
{
    const struct timeouts_settings *timeouts = &front_h2_settings(front)->timeouts;
    uint64_t least = timeouts->body_ms < timeouts->send_ms ? timeouts->body_ms : timeouts->send_ms;

    least = timeouts->head_ms < least ? timeouts->head_ms : least;
    return least / 4 < TICK_MIN_MS   ? TICK_MIN_MS
           : least / 4 > TICK_MAX_MS ? TICK_MAX_MS
                                     : least / 4;
}

void front_h2_arm(struct front_h2 *front)
{
    const struct timeouts_settings *timeouts = &front_h2_settings(front)->timeouts;
    uint64_t ms = front->stream_count != 0 || conn_pending(front->conn) != 0 ? tick_ms(front)
                  : front->is_greeted ? timeouts->keep_alive_ms
                                      : timeouts->first_byte_ms;

    if (front->state == FRONT_H2_NOTICED && ms > DRAIN_NOTICE_MS) {
        ms = DRAIN_NOTICE_MS;
    }
    if (front->reset_due_us != 0) {
        uint64_t now = front_h2_now(front);
        uint64_t left = front->reset_due_us > now ? (front->reset_due_us - now + 999) / 1000 : 0;
        ms = left < ms ? left : ms;
    }
    timer_set_ms(front->link->core->loop, &front->timer, ms);
}

static bool has_passed(const struct front_h2 *front, uint64_t since_us, uint64_t ms)
{
    return front_h2_now(front) >= since_us + ms * 1000;
}

/* Once the response has begun, both sides may talk in turns, and one of them may only listen. Of
 * gRPC, which keeps such streams open for hours, silence is as good as in a tunnel. */
static bool is_body_late(const struct front_h2 *front, const struct h2_stream *stream)
{
    const struct front_exchange *x = stream->exchange;
    uint64_t since_us = stream->moved_in_us;

    if (x->has_started && stream->moved_out_us > since_us) {
        since_us = stream->moved_out_us;
    }
    return has_passed(front, since_us, x->behind->idle_of_client(x).ms);
}

/* Over windows of timeouts.body, as far as the server takes what comes. */
static bool is_body_slow(struct front_h2 *front, struct h2_stream *stream)
{
    uint64_t body_ms = front_h2_settings(front)->timeouts.body_ms;
    uint64_t moved = stream->body_bytes - stream->rate_bytes;

    if (stream->rate_since_us != 0 && stream->exchange->behind->takes_body(stream->exchange)) {
        if (!has_passed(front, stream->rate_since_us, body_ms)) {
            return false;
        }
        if (moved != 0 && !stream->exchange->behind->body_comes(stream->exchange, moved, false)) {
            return true;
        }
    }
    stream->rate_since_us = front_h2_now(front);
    stream->rate_bytes = stream->body_bytes;
    return false;
}

/* One stream's deadlines: its head, its body, and what it does not take. */
static void check_stream(struct front_h2 *front, struct h2_stream *stream)
{
    const struct timeouts_settings *timeouts = &front_h2_settings(front)->timeouts;
    struct front_exchange *x = stream->exchange;

    if (stream->reset_due_us != 0 && stream->response != H2_RESPONSE_RESET) {
        if (front_h2_now(front) >= stream->reset_due_us || front_h2_is_ending(front)) {
            front_h2_reset(stream, NGHTTP2_NO_ERROR);
        } else if (front->reset_due_us == 0 || stream->reset_due_us < front->reset_due_us) {
            front->reset_due_us = stream->reset_due_us;
        }
        return;
    }
    if (stream->held_until_us != 0 && front_h2_now(front) >= stream->held_until_us) {
        front_h2_release_end(stream);
    }
    if (x != NULL && stream->request == H2_REQUEST_HEAD) {
        if (has_passed(front, stream->moved_in_us, timeouts->head_ms)) {
            terminate(front, NGHTTP2_PROTOCOL_ERROR, "head_timeout"); /* HPACK's state is lost */
        }
        return;
    }
    if (front_h2_is_stalled(stream)) {
        front_h2_abandon(stream, "client_stalled");
        front_h2_reset(stream, NGHTTP2_CANCEL);
        return;
    }
    if (stream->in.bytes != 0) {
        stream->rate_since_us = 0; /* the server is slow */
    }
    if (x != NULL && !front_h2_has_request(stream) && stream->in.bytes == 0 && !x->is_tunnel &&
        !x->request_done && (is_body_late(front, stream) || is_body_slow(front, stream))) {
        if (!x->behind->takes_body(x)) {
            stream->moved_in_us = front_h2_now(front); /* it is the server that is slow */
            return;
        }
        struct idle_limit limit = is_body_late(front, stream) ? x->behind->idle_of_client(x)
                                                              : x->behind->body_limit(x, 1);
        front_refuse(x, limit.status, false, limit.reason, limit.detail, limit.mend);
    }
}

/* True: the connection has gone. */
static bool check_output(struct front_h2 *front)
{
    const struct settings *settings = front_h2_settings(front);
    struct conn *conn = front->conn;

    least_rate_take(&front->socket_rate, conn->bytes_out - front->bytes_at_tick);
    front->bytes_at_tick = conn->bytes_out;
    if (conn_pending(conn) == 0) {
        least_rate_idle(&front->socket_rate);
        return false;
    }
    least_rate_wait(&front->socket_rate, front_h2_now(front));
    if (least_rate_is_missed(&front->socket_rate, front_h2_now(front), link_send_ms(front->link),
                             settings->limits.send_rate)) {
        lose(front, "client_stalled");
        return true;
    }
    return false;
}

static bool is_idle_too_long(const struct front_h2 *front)
{
    const struct timeouts_settings *timeouts = &front_h2_settings(front)->timeouts;

    return front->stream_count == 0 && conn_pending(front->conn) == 0 &&
           has_passed(front, front->idle_since_us,
                      front->is_greeted ? timeouts->keep_alive_ms : timeouts->first_byte_ms);
}

static void on_timer(struct timer *timer)
{
    struct front_h2 *front = CONTAINER_OF(timer, struct front_h2, timer);

    if (front->state == FRONT_H2_OVER || check_output(front)) {
        return;
    }
    if (front->state == FRONT_H2_NOTICED) {
        front_h2_enter(front, FRONT_H2_NAMING);
        front_h2_schedule(front);
    } else if (is_idle_too_long(front)) {
        terminate(front, NGHTTP2_NO_ERROR, NULL);
    }
    front->reset_due_us = 0;
    front_h2_look_at_flow(front);
    front_h2_make_room(front, ROOM_GRACE_US);
    if (front_h2_is_next(front)) {
        front_h2_schedule(front); /* others of the worker have made room */
    }
    LIST_FOR_EACH(node, &front->streams)
    {
        if (front->state != FRONT_H2_OVER) {
            check_stream(front, LIST_ENTRY(node, struct h2_stream, node));
        }
    }
    if (front->state != FRONT_H2_OVER) {
        front_h2_arm(front);
    }
}

static void type_evict(struct front *base)
{
    struct front_h2 *front = of(base);

    front->is_evicted = true;
    link_set_idle(front->link, false);
    terminate(front, NGHTTP2_NO_ERROR, NULL);
}

static void type_drain(struct front *base)
{
    struct front_h2 *front = of(base);

    if (front->state != FRONT_H2_OPEN) {
        return; /* it ends already */
    }
    front_h2_enter(front, FRONT_H2_NOTICED);
    /* RFC 9113 section 6.8: first a GOAWAY that lets everything under way pass, then one that names
     * the last stream, a round trip later. */
    (void)nghttp2_submit_shutdown_notice(front->h2);
    (void)nghttp2_submit_ping(front->h2, NGHTTP2_FLAG_NONE, NULL);
    front_h2_schedule(front);
    front_h2_arm(front);
}

/* ---- life ---- */

struct front *front_h2_create(struct link *link, struct conn *conn)
{
    struct front_h2 *front = xcalloc(1, sizeof(*front));

    front->base.type = &type;
    front->link = link;
    front->conn = conn;
    conn->handler = &handler;
    conn->owner = front;
    timer_init(&front->timer, on_timer);
    list_init(&front->streams);
    list_init(&front->dead);
    list_init(&front->ready);
    list_init(&front->spent);
    list_init(&front->preempted);
    deferred_init(&front->again, on_again);
    h2_budget_init(&front->budget, front_h2_settings(front)->limits.h2_tokens,
                   front_h2_settings(front)->limits.h2_tokens_per_second, front_h2_now(front));
    front->skipped_bytes = -FRONT_H2_PREFACE_BYTES;
    h2_walk_init(&front->walk, FRONT_H2_PREFACE_BYTES);
    front->idle_since_us = front_h2_now(front);
    h2_bdp_init(&front->bdp, STREAM_WINDOW,
                (uint32_t)front_h2_settings(front)->limits.request_window);
    front->h2 = front_h2_session_new(front);
    return &front->base;
}

static void type_start(struct front *base, struct span bytes)
{
    struct front_h2 *front = of(base);

    front_h2_arm(front);
    if (bytes.len != 0) {
        use(front, bytes);
        conn_flush_all(front->link->core->loop); /* what was queued may lie in `bytes` */
    }
    receive(front);
    front_h2_schedule(front);
    if (link_is_draining(front->link)) {
        type_drain(base); /* it was in its handshake when the others were told */
    }
}

static void on_free(struct deferred *deferred)
{
    struct front_h2 *front = CONTAINER_OF(deferred, struct front_h2, again);
    struct list *node;

    front_h2_reap(front);
    while ((node = list_pop_front(&front->streams)) != NULL) {
        front_h2_free_stream(LIST_ENTRY(node, struct h2_stream, node));
    }
    nghttp2_session_del(front->h2);
    free(front);
}

static void type_destroy(struct front *base)
{
    struct front_h2 *front = of(base);

    if (front->state != FRONT_H2_OVER) {
        front_h2_enter(front, FRONT_H2_OVER);
    }
    abandon_all(front, "cut_off");
    timer_destroy(front->link->core->loop, &front->timer);
    deferred_cancel(&front->again);
    deferred_init(&front->again, on_free);
    loop_defer(front->link->core->loop, &front->again);
}

static const struct front_type type = {
    .name = "HTTP/2",
    .start = type_start,
    .drain = type_drain,
    .evict = type_evict,
    .destroy = type_destroy,
};

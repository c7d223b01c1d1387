#include "client/back_h2_internal.h"

#include <stdlib.h>

#include "tls/tls_conn.h"
#include "upstream/server_health.h"

/* How many calls wait for one connection of a server that has not said yet how many streams it
 * takes: what RFC 9113 section 6.5.2 asks it to take at least. */
#define STREAMS_GUESS 100
/* More than this on one connection only makes them wait for each other. */
#define STREAMS_MAX 1000
/* A head of more bytes, or with a longer field, is one that a server may end its connection over,
 * with all that is on it: until the server has answered such a one, it gets a connection of its
 * own. What is below all servers take by their defaults. */
#define PLAIN_HEAD_BYTES 8192
#define PLAIN_FIELD_BYTES 4096
/* While somebody waits, a connection that has said nothing for this long is asked whether it is
 * there. */
#define SILENCE_US (3 * UINT64_C(1000000))
#define SILENCE_MS (SILENCE_US / 1000)

static void on_timer(struct timer *timer);
static void on_again(struct deferred *deferred);
static void flush(struct back_h2_conn *c);
static void on_caller_end(struct caller_bound *bound);

static const struct backend *backend_of(const struct back_h2_conn *c)
{
    return upstream_set_backend(c->use.set);
}

void back_h2_enter(struct back_h2_conn *c, enum back_h2_state state)
{
    static const char *const words[] = {"preface", "open", "closed"};

    if (state_log_is_on()) {
        state_log(&(struct state_owner){.core = c->client->core}, "h2 back", words[c->state],
                  words[state]);
    }
    c->state = state;
}

/* ---- life ---- */

static void on_free(struct deferred *deferred)
{
    struct back_h2_conn *c = CONTAINER_OF(deferred, struct back_h2_conn, freeing);

    nghttp2_session_del(c->session);
    upstream_set_release(c->use.set);
    free(c);
}

static void wake(struct back_h2_conn *c)
{
    if (c->is_idle) {
        c->is_idle = false;
        pool_wake(back_h2_entry(c));
    }
}

/* The calls on it have been, or will be, told by the caller. */
static void close_quietly(struct back_h2_conn *c)
{
    struct loop *loop = c->client->core->loop;

    if (c->state == BACK_H2_CLOSED) {
        return;
    }
    back_h2_enter(c, BACK_H2_CLOSED);
    wake(c);
    list_remove(&c->of_client.node);
    list_remove(&c->shared);
    list_remove(&c->bound.node);
    c->use.owner = NULL;
    conn_close_in_order(c->conn);
    conn_free(c->conn);
    timer_destroy(loop, &c->timer);
    deferred_cancel(&c->again);
    loop_defer(loop, &c->freeing);
}

/* Closes; every call on it hears of it. */
static void fail(struct back_h2_conn *c, const char *reason, const char *detail, const char *mend)
{
    struct trouble trouble = {reason, detail, mend};
    struct list *node;

    if (c->state == BACK_H2_CLOSED) {
        return;
    }
    if (c->state == BACK_H2_PREFACE) {
        server_note_unreachable(upstream_set_ref(c->use.set, c->use.server),
                                detail != NULL ? detail : reason,
                                loop_now_us(c->client->core->loop));
    }
    close_quietly(c);
    if (!list_is_empty(&c->streams)) { /* it may have been a head that the server does not take */
        back_h2_entry(c)->head_taken = back_h2_entry(c)->field_taken = 0;
    }
    while ((node = list_pop_front(&c->streams)) != NULL) {
        struct back_h2 *back = LIST_ENTRY(node, struct back_h2, node);
        back_h2_stream_closed(back, back->is_head_sent ? RETRY_SENT : RETRY_NOT_SENT, &trouble);
    }
    call_line_fail(&c->waiting, false, DIAL_REFUSED, &trouble);
}

/* With a GOAWAY; no call is on it. */
static void say_goodbye(struct back_h2_conn *c)
{
    if (c->state != BACK_H2_CLOSED) {
        (void)nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR);
        (void)back_h2_session_send(c);
        conn_flush(c->conn);
    }
    fail(c, "server_closed", NULL, NULL);
}

static void close_at_rest(struct client_conn *conn)
{
    say_goodbye(CONTAINER_OF(conn, struct back_h2_conn, of_client));
}

static void leave(struct client_conn *conn)
{
    struct back_h2_conn *c = CONTAINER_OF(conn, struct back_h2_conn, of_client);

    if (c->state == BACK_H2_OPEN) { /* before, what waits for it has its turn yet */
        c->is_going_away = true;
        back_h2_schedule(c);
    }
}

/* ---- idle and doubtful ones ---- */

static void rest(struct back_h2_conn *c)
{
    if (c->stream_count != 0 || c->state != BACK_H2_OPEN) {
        return;
    }
    if (c->is_going_away || c->client->core->is_draining) {
        say_goodbye(c);
        return;
    }
    if (c->is_idle || c->is_doubtful) {
        return; /* its timer runs */
    }
    c->is_idle = c->is_behind_rest = pool_rest(back_h2_entry(c));
    if (!c->is_idle) {
        say_goodbye(c);
        return;
    }
    timer_set_ms(c->client->core->loop, &c->timer, backend_of(c)->idle_timeout_ms);
}

static void on_timer(struct timer *timer)
{
    struct back_h2_conn *c = CONTAINER_OF(timer, struct back_h2_conn, timer);

    if (c->state == BACK_H2_PREFACE && c->is_greeted) {
        fail(c, "no_h2_streams", "the server opens connections on which it allows no requests",
             "see the server's limit of concurrent streams");
    } else if (c->state == BACK_H2_PREFACE) {
        fail(c, "no_h2_settings", "the server did not begin to speak HTTP/2 in time",
             "see whether it speaks HTTP/2 on that port; protocol of the backend says so");
    } else if (c->is_doubtful) {
        fail(c, "server_silent", "the server's connection does not answer a PING",
             "see whether the server hangs, or a firewall has forgotten the connection");
    } else if (c->stream_count == 0) {
        say_goodbye(c);
    } else {
        back_h2_doubt(c);
    }
}

void back_h2_doubt(struct back_h2_conn *c)
{
    uint64_t silent_us = loop_now_us(c->client->core->loop) - c->last_read_us;

    if (c->is_doubtful || c->state != BACK_H2_OPEN) {
        return;
    }
    if (silent_us < SILENCE_US || c->was_probed) {
        timer_set_ms(c->client->core->loop, &c->timer, SILENCE_MS);
        return;
    }
    c->is_doubtful = c->was_probed = true;
    (void)nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
    timer_set_ms(c->client->core->loop, &c->timer, backend_of(c)->ping_timeout_ms);
    back_h2_schedule(c);
}

void back_h2_trust(struct back_h2_conn *c)
{
    if (c->is_doubtful) {
        c->is_doubtful = false;
        timer_set_ms(c->client->core->loop, &c->timer, SILENCE_MS);
    }
}

/* ---- making one ---- */

static bool has_room(const struct back_h2_conn *c)
{
    uint32_t capacity;

    if (c->state != BACK_H2_OPEN || c->is_going_away || c->is_doubtful || c->is_protocol_dead) {
        return false;
    }
    capacity = back_h2_session_capacity(c);
    return c->stream_count < (capacity < STREAMS_MAX ? capacity : STREAMS_MAX) &&
           nghttp2_session_check_request_allowed(c->session) != 0;
}

static bool has_room_for(const struct back_h2_conn *c, const struct call *call)
{
    return has_room(c) &&
           (call->request->framing == HTTP_FRAMING_NONE || back_h2_flow_takes_bodies(c));
}

/* What this server will not take, going by its SETTINGS. */
static bool refuse_for(struct back_h2_conn *c, struct call *call)
{
    static const struct trouble needs_h1 = {
        "upgrade_needs_h1",
        "the server does not announce extended CONNECT (RFC 8441), and Upgrade is of HTTP/1.1",
        "say 'protocol: auto' or 'protocol: h1' in the backend"};
    uint32_t most = back_h2_session_head_max(c);

    if (back_h2_request_size(call).head > most) {
        struct trouble too_large = {
            "head_too_large_for_server",
            arena_printf(call->arena,
                         "the server takes heads of %u bytes, where each field counts 32 more than "
                         "its name and value",
                         most),
            "send fewer or shorter fields (cookies), or raise the server's limit"};
        call_unfit(call, 431, &too_large);
        return true;
    }
    if ((call->request->is_extended_connect || call->asks_connect) &&
        !back_h2_session_takes_connect(c)) {
        call_unfit(call, 501, &needs_h1);
        return true;
    }
    return false;
}

static void open_stream(struct back_h2_conn *c, struct call *call)
{
    if (refuse_for(c, call)) {
        back_h2_schedule(c);
        return;
    }
    wake(c);
    call_attach(call, back_h2_stream_create(c));
    back_h2_doubt(c); /* at once, if it has been silent; else when it has been */
}

/* The connection is up: as many as it has room for; the others make, or wait for, another. */
static void admit_waiters(struct back_h2_conn *c)
{
    static const struct trouble no_room = {
        "no_h2_streams", "the server opens connections on which it allows no requests",
        "see the server's limit of concurrent streams"};
    struct call *call;

    if (c->state != BACK_H2_OPEN || list_is_empty(&c->waiting.calls)) {
        return;
    }
    if (!has_room(c)) {
        call_line_fail(&c->waiting, false, DIAL_REFUSED, &no_room);
        return;
    }
    while ((call = call_line_pop(&c->waiting)) != NULL) {
        if (has_room_for(c, call)) {
            open_stream(c, call);
        } else {
            call_seek_again(call);
        }
    }
}

static void fail_lost(struct back_h2_conn *c)
{
    struct tls_trouble lost;

    c->is_behind_rest &= !c->conn->is_lost;
    if (client_loss_trouble(c->client, c->conn, c->use.set, c->use.server, &lost)) {
        fail(c, lost.trouble.reason, lost.trouble.detail, lost.trouble.mend);
    } else {
        fail(c, "server_closed", "the server closed the connection", "see the server's log");
    }
}

static void receive(struct back_h2_conn *c)
{
    if (c->is_pumping) {
        return;
    }
    c->is_pumping = true;
    for (int turn = 0; c->state != BACK_H2_CLOSED && conn_can_read(c->conn); turn++) {
        struct span bytes;
        if (turn == 8) {
            back_h2_schedule(c);
            break;
        }
        enum conn_result result = conn_read(c->conn, &bytes);
        if (result == CONN_AGAIN) {
            continue;
        }
        if (result != CONN_OK) {
            fail_lost(c);
            break;
        }
        c->last_read_us = loop_now_us(c->client->core->loop);
        c->is_behind_rest &= c->is_idle;
        if (!back_h2_session_receive(c, bytes)) {
            c->is_protocol_dead = true;
            break;
        }
        admit_waiters(c);
    }
    c->is_pumping = false;
}

/* Sends, and looks at what that and the frames before it have changed. */
static void flush(struct back_h2_conn *c)
{
    if (c->state == BACK_H2_CLOSED) {
        return;
    }
    if (!back_h2_session_send(c)) {
        c->is_protocol_dead = true;
    }
    conn_flush(c->conn);
    if (c->is_protocol_dead || (nghttp2_session_want_read(c->session) == 0 &&
                                nghttp2_session_want_write(c->session) == 0)) {
        fail(c, "h2_connection_error", "the server broke the rules of HTTP/2",
             "see the server's log, and whether it speaks HTTP/2 on that port");
        return;
    }
    back_h2_request_wake_stalled(c);
    rest(c);
}

static void on_again(struct deferred *deferred)
{
    struct back_h2_conn *c = CONTAINER_OF(deferred, struct back_h2_conn, again);

    receive(c);
    flush(c);
}

void back_h2_schedule(struct back_h2_conn *c)
{
    if (c->state != BACK_H2_CLOSED) {
        loop_defer(c->client->core->loop, &c->again);
    }
}

static void on_readable(struct conn *conn)
{
    struct back_h2_conn *c = conn->owner;

    receive(c);
    flush(c);
}

static void on_writable(struct conn *conn)
{
    flush(conn->owner);
}

static const struct conn_handler handler = {
    .on_readable = on_readable,
    .on_writable = on_writable,
};

static void own(struct back_h2_conn *c, struct caller *caller)
{
    client_tell_bound(backend_of(c));
    list_push_front(&caller->bound, &c->bound.node);
}

/* What is under way on it has been abandoned. */
static void on_caller_end(struct caller_bound *bound)
{
    struct back_h2_conn *c = CONTAINER_OF(bound, struct back_h2_conn, bound);

    c->use.owner = NULL;
    c->is_orphan = true;
    c->is_going_away = true;
    back_h2_schedule(c);
}

void back_h2_start(struct client *client, const struct back_h2_use *use, struct conn *conn,
                   struct call_line *waiting)
{
    struct back_h2_conn *c = xcalloc(1, sizeof(*c));

    c->client = client;
    c->use = *use;
    (void)upstream_set_hold(use->set);
    c->conn = conn;
    conn->handler = &handler;
    conn->owner = c;
    list_init(&c->bound.node);
    c->bound.end = on_caller_end;
    list_init(&c->streams);
    list_init(&c->stalled);
    list_init(&c->due);
    list_init(&c->throttled);
    c->of_client.entry = back_h2_entry(c);
    c->of_client.close_at_rest = close_at_rest;
    c->of_client.leave = leave;
    c->of_client.conn = conn;
    list_push_back(&client->conns, &c->of_client.node);
    list_push_back(&back_h2_entry(c)->shared, &c->shared);
    timer_init(&c->timer, on_timer);
    deferred_init(&c->again, on_again);
    deferred_init(&c->freeing, on_free);
    call_line_init(&c->waiting, NULL);
    call_line_move(waiting, &c->waiting);
    if (use->owner != NULL) {
        own(c, use->owner);
    }
    back_h2_session_create(c);
    timer_set_ms(client->core->loop, &c->timer, backend_of(c)->connect_timeout_ms);
    back_h2_schedule(c);
}

/* ---- finding one ---- */

unsigned back_h2_waiters_max(const struct pool_entry *entry)
{
    if (entry->speaks_h1) {
        return 1;
    }
    return entry->shared_streams != 0 ? entry->shared_streams : STREAMS_GUESS;
}

bool back_h2_may_share(const struct back_h2_use *use, const struct call *call)
{
    struct caller *caller = call->caller;

    /* A client that authenticates connections has its own, and nobody else's. */
    return !use->is_solo && use->owner == (caller != NULL && caller->is_bound ? caller : NULL);
}

static bool may_join(const struct back_h2_conn *c, struct call *call)
{
    return !c->is_orphan && back_h2_may_share(&c->use, call) &&
           call_may_use(call, lease_server(&call->lease), c->conn);
}

static bool join_open(struct pool_entry *entry, struct call *call)
{
    LIST_FOR_EACH(node, &entry->shared)
    {
        struct back_h2_conn *c = LIST_ENTRY(node, struct back_h2_conn, shared);
        if (!may_join(c, call)) {
            continue;
        }
        if (has_room(c) && !dial_is_current(upstream_set_ref(c->use.set, c->use.server), c->conn)) {
            c->is_going_away = true; /* it ends with its last stream, or by its idle timer */
        } else if (has_room_for(c, call)) {
            open_stream(c, call);
            return true;
        }
    }
    return false;
}

bool back_h2_join(struct call *call)
{
    struct pool_entry *entry = lease_entry(&call->lease);

    if (!call->wants_new && join_open(entry, call)) {
        return true;
    }
    LIST_FOR_EACH(node, &entry->shared)
    {
        struct back_h2_conn *c = LIST_ENTRY(node, struct back_h2_conn, shared);
        if (c->state == BACK_H2_PREFACE && may_join(c, call) &&
            c->waiting.count < back_h2_waiters_max(entry)) {
            call_line_add(&c->waiting, call);
            return true;
        }
    }
    return false;
}

bool back_h2_is_odd(const struct call *call)
{
    const struct pool_entry *entry = lease_entry(&call->lease);
    struct back_h2_size size = back_h2_request_size(call);

    return (size.head > PLAIN_HEAD_BYTES && size.head > entry->head_taken) ||
           (size.field > PLAIN_FIELD_BYTES && size.field > entry->field_taken);
}

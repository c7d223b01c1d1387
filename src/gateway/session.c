#include "gateway/session.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs/networks.h"
#include "core/state_log.h"
#include "gateway/access.h"
#include "gateway/client_identity.h"
#include "gateway/exchange.h"
#include "gateway/generation.h"
#include "gateway/session_internal.h"
#include "observe/failures.h"
#include "server/front.h"
#include "tls/cause.h"
#include "tls/tls_conn.h"

/* After the last answer, a client that is still sending is heard: for as long as no pause is longer
 * than this, up to a time and a number of bytes in all. Many look for an answer when they have sent
 * all. */
#define LINGER_MS 2000
#define LINGER_TOTAL_US (10 * UINT64_C(1000000))
#define LINGER_BYTES (16U * 1024 * 1024)
/* Shutting down: what a handshake that is under way may still take. */
#define DRAIN_HANDSHAKE_MS 2000

static const struct conn_handler end_handler;

/* ---- closing ---- */

static void on_free(struct deferred *deferred)
{
    struct session *session = CONTAINER_OF(deferred, struct session, freeing);

    if (session->worker->core.in_hand.link == &session->link) {
        session->worker->core.in_hand = (struct in_hand){0};
    }
    generation_release_session(session->generation);
    worker_socket_release(session->socket);
    client_identity_destroy(session->link.identity);
    free(session->link.sni);
    free(session->link.sni_sent);
    free(session->first);
    free(session);
}

void session_enter(struct session *session, enum session_state state)
{
    static const char *const words[] = {"peek",   "handshake", "http",  "tunnel",
                                        "finish", "linger",    "closed"};

    if (state_log_is_on()) {
        state_log(&(struct state_owner){.core = session->link.core, .session = session->link.id},
                  "session", words[session->state], words[state]);
    }
    session->state = state;
}

static void close_now(struct session *session, bool with_reset)
{
    struct worker *worker = session->worker;

    if (session->state == SESSION_CLOSED) {
        return;
    }
    session_enter(session, SESSION_CLOSED);
    if (session->passthrough != NULL) {
        passthrough_destroy(session->passthrough);
    }
    if (session->front != NULL) {
        session->front->type->destroy(session->front);
        session->front = NULL;
    }
    if (with_reset) {
        conn_abort(&session->conn);
    } else {
        conn_close(&session->conn);
    }
    caller_end(&session->caller);
    admission_end(&session->admission);
    timer_destroy(worker->core.loop, &session->timer);
    list_remove(&session->node);
    list_remove(&session->idle);
    worker->session_count--;
    worker->evicted_count -= session->is_evicted;
    deferred_cancel(&session->hearing);
    deferred_cancel(&session->leaving);
    loop_defer(worker->core.loop, &session->freeing);
    worker->session_ended(worker);
}

void session_close(struct session *session)
{
    close_now(session, false);
}

void session_abort(struct session *session)
{
    close_now(session, true);
}

/* For `tidegate status --handshakes`. */
static void note_failure(const struct session *session, const struct trouble *trouble)
{
    char peer[SOCK_TEXT_MAX];
    const struct conn *tls = link_tls(&session->link);
    bool client_refused = tls != NULL && tls_conn_failure(tls).alert_received != TLS_ALERT_NONE;

    (void)peer_text(&session->link.peer, peer);
    failures_note(&(struct failure_note){.side = "client",
                                         .who = client_refused ? "client" : "gateway",
                                         .reason = trouble->reason,
                                         .detail = trouble->detail,
                                         .mend = trouble->mend,
                                         .name = link_asked_name(&session->link),
                                         .peer = peer});
}

void session_log_trouble(struct session *session, const struct trouble *trouble)
{
    /* One that was opened and never used has not failed. */
    if (!session->link.is_logged && (session->first_len != 0 || session->state != SESSION_PEEK ||
                                     session->conn.bytes_in != 0)) {
        note_failure(session, trouble);
    }
    access_log_trouble(&session->link, &session->conn, trouble);
    admission_note_connection(&session->link, trouble);
}

static void log_end(struct session *session, const struct trouble *trouble)
{
    note_failure(session, trouble);
    access_log_end(&session->link, &session->conn, trouble);
    admission_note_connection(&session->link, trouble);
}

void session_fail(struct session *session, const char *reason, const char *detail, const char *mend)
{
    session_log_trouble(session, &(struct trouble){reason, detail, mend});
}

void session_fail_known(struct session *session, enum cause why)
{
    const struct handshake_cause *cause = cause_words(why);

    session_fail(session, cause->word, cause->sentence, cause->mend);
}

static void watch_output(struct session *session)
{
    send_deadline_set(&session->sending, &session->conn, &session->timer, &session->link);
}

/* Whether the client may still send what has to be heard before the end. */
static bool hears_more(const struct session *session)
{
    return session->state == SESSION_LINGER && !session->conn.is_at_eof;
}

/* No more output will come: closes once all is out. `linger`: the client may still be sending. */
void session_finish(struct session *session, bool linger)
{
    if (session->state == SESSION_CLOSED) {
        return;
    }
    session_set_idle(session, false);
    session->finished_us = loop_now_us(session->worker->core.loop);
    linger |= link_is_early(&session->link); /* the client's Finished has to be read first */
    session_enter(session, linger ? SESSION_LINGER : SESSION_FINISH);
    if (linger) {
        conn_finish(&session->conn);
    } else {
        conn_finish_to_close(&session->conn);
    }
    if (!conn_is_open(&session->conn) || conn_write_failed(&session->conn) ||
        (!hears_more(session) && conn_pending(&session->conn) == 0)) {
        session_close(session);
        return;
    }
    session->conn.handler = &end_handler;
    session->conn.owner = session;
    if (conn_pending(&session->conn) != 0) {
        watch_output(session);
    } else {
        timer_set_ms(session->worker->core.loop, &session->timer, LINGER_MS);
    }
    if (linger && conn_can_read(&session->conn)) {
        loop_defer(session->worker->core.loop, &session->hearing); /* front_ops.done never reads */
    }
}

/* Hears what a client still sends, so that the kernel does not answer it with a RST. */
static void on_end_readable(struct conn *conn)
{
    struct session *session = conn->owner;

    if (session->state != SESSION_LINGER) {
        return;
    }
    if (conn_pending(conn) == 0 &&
        loop_now_us(session->worker->core.loop) < session->finished_us + LINGER_TOTAL_US) {
        timer_set_ms(session->worker->core.loop, &session->timer, LINGER_MS);
    }
    while (conn_can_read(conn)) {
        struct span bytes;
        enum conn_result result = conn_read(conn, &bytes);
        if (result == CONN_AGAIN) {
            continue;
        }
        session->linger_bytes += (uint32_t)bytes.len;
        if (result != CONN_OK || session->linger_bytes > LINGER_BYTES) {
            session_close(session);
            return;
        }
    }
}

static void on_hearing(struct deferred *deferred)
{
    on_end_readable(&CONTAINER_OF(deferred, struct session, hearing)->conn);
}

static void on_end_writable(struct conn *conn)
{
    struct session *session = conn->owner;

    if (!hears_more(session) || conn_write_failed(conn)) {
        session_close(session);
        return;
    }
    timer_set_ms(session->worker->core.loop, &session->timer, LINGER_MS);
}

static const struct conn_handler end_handler = {
    .on_readable = on_end_readable,
    .on_writable = on_end_writable,
};

void session_drain(struct session *session)
{
    bool is_pressed = !session->worker->core.is_handing_over;

    switch (session->state) {
    case SESSION_PEEK:
        if (is_pressed) {
            timer_set_ms(session->worker->core.loop, &session->timer, LINK_DRAIN_FIRST_BYTE_MS);
        }
        break;
    case SESSION_HANDSHAKE:
        if (is_pressed) {
            timer_set_ms(session->worker->core.loop, &session->timer, DRAIN_HANDSHAKE_MS);
        }
        break;
    case SESSION_HTTP:
        session->front->type->drain(session->front);
        break;
    case SESSION_TUNNEL: /* they end by themselves, or when the drain's time is up */
    case SESSION_FINISH:
    case SESSION_LINGER:
    case SESSION_CLOSED:
        break;
    }
}

/* ---- timers ---- */

static void on_timer(struct timer *timer)
{
    struct session *session = CONTAINER_OF(timer, struct session, timer);

    switch (session->state) {
    case SESSION_PEEK:
        /* A connection opened and never used (a browser's spare one, a port check) is no trouble.
         */
        if (session_has_begun(session)) {
            session_fail_known(session, CAUSE_FIRST_BYTES_TIMEOUT);
        } else {
            session_fail(session, "idle_without_request", "the client connected and sent nothing",
                         NULL);
        }
        session_close(session);
        break;
    case SESSION_HANDSHAKE:
        session_fail_known(session, CAUSE_HANDSHAKE_TIMEOUT);
        if (session->worker->core.is_draining) {
            session_finish(session, true);
        } else {
            session_abort(session);
        }
        break;
    case SESSION_FINISH:
    case SESSION_LINGER:
        if (conn_pending(&session->conn) != 0 &&
            send_deadline_is_met(&session->sending, &session->conn, &session->link)) {
            watch_output(session); /* slow, but taking its bytes */
            break;
        }
        session_abort(session);
        break;
    case SESSION_HTTP: /* its front has a timer of its own */
    case SESSION_TUNNEL:
    case SESSION_CLOSED:
        break;
    }
}

/* ---- the front ---- */

static void on_front_end(struct link *link, enum link_end how)
{
    struct session *session = session_of(link);

    switch (how) {
    case LINK_FINISHED:
    case LINK_LINGERS:
        session_finish(session, how == LINK_LINGERS);
        break;
    case LINK_CLOSED:
        session_close(session);
        break;
    case LINK_RESET:
        session_abort(session);
        break;
    }
}

static void set_idle(struct link *link, bool is_idle)
{
    session_set_idle(session_of(link), is_idle);
}

static void tell(struct link *link, const struct trouble *trouble)
{
    log_end(session_of(link), trouble);
}

/* ---- opening ---- */

static const struct peer *local_of(struct link *link)
{
    struct session *session = session_of(link);
    struct sock_address address;

    if (!session->has_local) {
        session->has_local = true;
        session->local = (struct peer){.is_unix = true};
        if (conn_is_open(&session->conn) && sock_local_address(session->conn.watch.fd, &address)) {
            session->local = peer_from(&address);
        }
    }
    return &session->local;
}

static struct front_exchange *open_exchange(struct link *link, const struct front_ops *ops,
                                            void *owner)
{
    struct session *session = session_of(link);

    session_follow(session);
    return exchange_open(link, session->generation, ops, owner);
}

static const struct link_ops link_ops = {
    .end = on_front_end,
    .set_idle = set_idle,
    .tell = tell,
    .local = local_of,
    .open = open_exchange,
};

static void init_link(struct session *session, const struct sock_address *peer)
{
    struct worker *worker = session->worker;
    const struct snapshot *snapshot = worker->generation->snapshot;

    session->generation = generation_hold_session(worker->generation);
    session->socket->sessions++;
    session->link = (struct link){
        .ops = &link_ops,
        .core = &worker->core,
        .id = ++worker->core.session_ids,
        .settings = snapshot->settings,
        .peer = peer_from(peer),
        .secured = &session->conn,
        .accepted_us = loop_now_us(worker->core.loop),
        .caller = &session->caller,
        .snapshot = snapshot,
        .listener = session->socket->listener,
        .listener_text = session->socket->text,
    };
    session->link.is_peer_trusted = networks_trust(snapshot->settings, &session->link.peer);
}

static void tell_refusal(struct worker *worker, const struct peer *peer,
                         const struct admission *admission)
{
    char text[SOCK_TEXT_MAX];

    if (admission->limit != NULL) {
        (void)peer_text(peer, text);
        log_limited(&worker->refuse_limiter, LOG_LEVEL_WARN,
                    "a connection of %s is closed: it is above %s (tidegate bans counts "
                    "them)",
                    text, admission->limit);
    }
}

void session_create(struct worker *worker, struct worker_socket *socket, int fd,
                    const struct sock_address *peer)
{
    const struct peer from = peer_from(peer);
    struct admission admission;
    struct session *session;

    if (!admission_ask(socket, &from, &admission)) {
        tell_refusal(worker, &from, &admission);
        (void)close(fd);
        return;
    }
    session = xcalloc(1, sizeof(*session));
    session->admission = admission;
    list_init(&session->idle);
    session->worker = worker;
    session->socket = socket;
    init_link(session, peer);
    timer_init(&session->timer, on_timer);
    caller_init(&session->caller);
    deferred_init(&session->hearing, on_hearing);
    deferred_init(&session->freeing, on_free);
    session_follow_init(session);
    conn_init(&session->conn, worker->core.loop, &session_peek_handler, session);
    list_push_back(&worker->sessions, &session->node);
    worker->session_count++;
    if (!conn_open(&session->conn, fd)) {
        session_close(session);
        return;
    }
    timer_set_ms(worker->core.loop, &session->timer, settings_of(session)->timeouts.first_byte_ms);
    if (session->link.listener->tcp != NULL) {
        session_begin_tcp(session);
    }
}

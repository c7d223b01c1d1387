#include "gateway/session.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "certs/networks.h"
#include "client/dial.h"
#include "edge/idle.h"
#include "gateway/access.h"
#include "gateway/client_identity.h"
#include "gateway/front.h"
#include "gateway/front_h1.h"
#include "gateway/front_h2.h"
#include "gateway/passthrough.h"
#include "gateway/starttls.h"
#include "io/proxy_header.h"
#include "observe/failures.h"
#include "tls/failure_words.h"
#include "tls/hello.h"
#include "tls/postgres.h"
#include "tls/protocol_choice.h"
#include "tls/tls_conn.h"

/* After the last answer, a client that is still sending is heard: for as long as no pause is longer
 * than this, up to a time and a number of bytes in all. Many look for an answer when they have sent
 * all. */
#define LINGER_MS 2000
#define LINGER_TOTAL_US (10 * UINT64_C(1000000))
#define LINGER_BYTES (16U * 1024 * 1024)
/* Shutting down: what a handshake that is under way may still take. */
#define DRAIN_HANDSHAKE_MS 2000

static const struct conn_handler peek_handler;
static const struct conn_handler end_handler;

static const struct settings *settings_of(const struct session *session)
{
    return session->snapshot->settings;
}

/* ---- closing ---- */

static void on_free(struct deferred *deferred)
{
    struct session *session = CONTAINER_OF(deferred, struct session, freeing);

    if (session->worker->in_hand.session == session) {
        session->worker->in_hand = (struct in_hand){0};
    }
    snapshot_release(session->snapshot);
    client_identity_destroy(session->identity);
    free(session->sni);
    free(session->sni_sent);
    free(session->early);
    free(session);
}

static void close_now(struct session *session, bool with_reset)
{
    struct worker *worker = session->worker;

    if (session->state == SESSION_CLOSED) {
        return;
    }
    session->state = SESSION_CLOSED;
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
    timer_destroy(worker->core.loop, &session->timer);
    list_remove(&session->node);
    list_remove(&session->idle);
    worker->session_count--;
    worker->evicted_count -= session->is_evicted;
    loop_defer(worker->core.loop, &session->freeing);
    worker_session_ended(worker);
}

void session_close(struct session *session)
{
    close_now(session, false);
}

void session_abort(struct session *session)
{
    close_now(session, true);
}

const char *session_asked_name(const struct session *session)
{
    return session->sni != NULL ? session->sni : session->sni_sent;
}

/* For `tidegate status --handshakes`. */
static void note_failure(const struct session *session, const struct trouble *trouble)
{
    char peer[SOCK_TEXT_MAX];
    bool client_refused = session->is_tls && !conn_is_plain(&session->conn) &&
                          tls_conn_failure(&session->conn).alert_received != TLS_ALERT_NONE;

    (void)peer_text(&session->peer, peer);
    failures_note(&(struct failure_note){.side = "client",
                                         .who = client_refused ? "client" : "gateway",
                                         .reason = trouble->reason,
                                         .detail = trouble->detail,
                                         .mend = trouble->mend,
                                         .name = session_asked_name(session),
                                         .peer = peer});
}

void session_log_trouble(struct session *session, const struct trouble *trouble)
{
    /* One that was opened and never used has not failed. */
    if (!session->is_logged && (session->early_len != 0 || session->state != SESSION_PEEK ||
                                session->conn.bytes_in != 0)) {
        note_failure(session, trouble);
    }
    access_log_trouble(session, trouble);
}

void session_log_end(struct session *session, const struct trouble *trouble)
{
    note_failure(session, trouble);
    access_log_end(session, trouble);
}

static void fail(struct session *session, const char *reason, const char *detail, const char *mend)
{
    session_log_trouble(session, &(struct trouble){reason, detail, mend});
}

static void fail_known(struct session *session, enum failure failure)
{
    const struct handshake_cause *cause = failure_cause(failure);

    fail(session, cause->word, cause->sentence, cause->mend);
}

void session_watch_output(struct session *session)
{
    session->stalled_at = session->conn.bytes_out;
    timer_set_ms(session->worker->core.loop, &session->timer,
                 settings_of(session)->timeouts.send_ms);
}

bool session_takes_output(const struct session *session)
{
    const struct settings *settings = settings_of(session);

    return idle_is_fast_enough(session->conn.bytes_out - session->stalled_at,
                               settings->timeouts.send_ms, settings->limits.send_rate);
}

bool session_is_early(const struct session *session)
{
    return session->is_tls && !conn_is_plain(&session->conn) && tls_conn_is_early(&session->conn);
}

/* Whether the client may still send what has to be heard before the end. */
static bool hears_more(const struct session *session)
{
    return session->state == SESSION_LINGER && !session->conn.is_at_eof;
}

void session_finish(struct session *session, bool linger)
{
    if (session->state == SESSION_CLOSED) {
        return;
    }
    session_set_idle(session, false);
    session->finished_us = loop_now_us(session->worker->core.loop);
    linger |= session_is_early(session); /* the client's Finished has to be read first */
    session->state = linger ? SESSION_LINGER : SESSION_FINISH;
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
        session_watch_output(session);
    } else {
        timer_set_ms(session->worker->core.loop, &session->timer, LINGER_MS);
    }
    if (linger && conn_can_read(&session->conn)) {
        end_handler.on_readable(&session->conn);
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
    switch (session->state) {
    case SESSION_PEEK:
        timer_set_ms(session->worker->core.loop, &session->timer, SESSION_DRAIN_FIRST_BYTE_MS);
        break;
    case SESSION_HANDSHAKE:
        timer_set_ms(session->worker->core.loop, &session->timer, DRAIN_HANDSHAKE_MS);
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

/* While the first bytes come: whether some have that were not a PROXY header alone. */
static bool has_begun(const struct session *session)
{
    return session->early_len != 0 || session->asked_for_gss ||
           session->starttls != STARTTLS_OFF;
}

/* ---- timers ---- */

static void on_timer(struct timer *timer)
{
    struct session *session = CONTAINER_OF(timer, struct session, timer);

    switch (session->state) {
    case SESSION_PEEK:
        /* A connection opened and never used (a browser's spare one, a port check) is no trouble.
         */
        if (has_begun(session)) {
            fail_known(session, FAILURE_FIRST_BYTES_TIMEOUT);
        } else {
            fail(session, "idle_without_request", "the client connected and sent nothing", NULL);
        }
        session_close(session);
        break;
    case SESSION_HANDSHAKE:
        fail_known(session, FAILURE_HANDSHAKE_TIMEOUT);
        if (session->worker->is_draining) {
            session_finish(session, true);
        } else {
            session_abort(session);
        }
        break;
    case SESSION_HTTP:
        session->front->type->on_timer(session->front);
        break;
    case SESSION_FINISH:
    case SESSION_LINGER:
        if (conn_pending(&session->conn) != 0 && session_takes_output(session)) {
            session_watch_output(session); /* slow, but taking its bytes */
            break;
        }
        session_abort(session);
        break;
    case SESSION_TUNNEL:
    case SESSION_CLOSED:
        break;
    }
}

/* ---- the first bytes ---- */

static void keep_early(struct session *session, struct span bytes, size_t wanted)
{
    /* `bytes` may be the kept ones themselves. */
    if (bytes.ptr != session->early) {
        char *copy = xmalloc(bytes.len);
        memcpy(copy, bytes.ptr, bytes.len);
        free(session->early);
        session->early = copy;
    }
    session->early_len = (uint32_t)bytes.len;
    session->early_wanted = (uint32_t)wanted;
}

/* Answers a ClientHello with an alert, in plain, and ends. */
static void refuse_hello(struct session *session, enum tls_alert alert)
{
    char record[TLS_ALERT_RECORD_BYTES];

    hello_alert(alert, record);
    conn_queue_copy(&session->conn, span_make(record, sizeof(record)));
    session_finish(session, true);
}

static void start_http(struct session *session, bool is_h2, struct span bytes)
{
    session->state = SESSION_HTTP;
    session->front = is_h2 ? front_h2_create(session) : front_h1_create(session);
    session->front->type->start(session->front, bytes); /* copies what it does not use at once */
    if (session->early != NULL) {
        conn_memory_flush(conn_memory(&session->conn)); /* queued spans lie in it */
    }
    free(session->early);
    session->early = NULL;
    session->early_len = 0;
}

static void on_handshake(struct conn *conn, bool ok)
{
    struct session *session = conn->owner;

    session->handshake_us =
        (uint32_t)(loop_now_us(session->worker->core.loop) - session->accepted_us);
    if (ok) {
        start_http(session, span_eq(tls_conn_alpn(conn), SPAN_OF("h2")), span_make(NULL, 0));
        return;
    }
    struct tls_failure failure = tls_conn_failure(conn);
    fail(session, failure.word, failure.sentence, failure.mend);
    session_finish(session, true);
}

static const struct tls_conn_events tls_events = {.on_done = on_handshake};

static void start_handshake(struct session *session, struct span bytes)
{
    session->is_tls = true;
    session->state = SESSION_HANDSHAKE;
    timer_set_ms(session->worker->core.loop, &session->timer,
                 settings_of(session)->timeouts.handshake_ms);
    if (!tls_conn_accept(&session->conn, session->site->tls, bytes, &tls_events)) {
        session_abort(session);
    }
}

static struct edge_entrance find_door(struct session *session, const struct hello *hello)
{
    char local[SOCK_TEXT_MAX];
    struct span address = {NULL, 0};

    /* Which address it came to takes a system call, so only clients that send no name pay for it.
     */
    if ((!hello->has_sni || host_is_address(hello_sni(hello))) &&
        !session_local(session)->is_unix) {
        address = span_make(local, peer_ip_text(session_local(session), local));
    }
    struct edge_entrance entrance = edge_find_door(
        session->socket->listener->hosts, &(struct edge_hello){.sni = hello_sni(hello),
                                                               .local = address,
                                                               .alpn = hello->alpn,
                                                               .alpn_count = hello->alpn_count,
                                                               .starttls = session->starttls});
    session->site = snapshot_site(session->snapshot, entrance.site);
    return entrance;
}

static void note_name(struct session *session, const struct hello *hello)
{
    char text[HELLO_SNI_TEXT_MAX];

    if (hello->has_sni) {
        session->sni = xstrndup(hello->sni_name, hello->sni_len);
    } else if (hello->has_unusable_sni) {
        hello_sni_text(hello, text);
        session->sni_sent = xstrdup(text);
    }
}

static enum failure failure_of_door(enum edge_door door, const struct hello *hello)
{
    switch (door) {
    case EDGE_DOOR_NO_NAME:
        return hello->has_unusable_sni ? FAILURE_UNUSABLE_NAME : FAILURE_NO_NAME;
    case EDGE_DOOR_UNKNOWN_NAME:
        return FAILURE_UNKNOWN_NAME;
    case EDGE_DOOR_NO_TLS:
        return FAILURE_SITE_WITHOUT_TLS;
    case EDGE_DOOR_NO_STARTTLS:
        return FAILURE_NO_STARTTLS;
    case EDGE_DOOR_NEEDS_STARTTLS:
        return FAILURE_NEEDS_STARTTLS;
    case EDGE_DOOR_TERMINATES:
    case EDGE_DOOR_PASSES:
    case EDGE_DOOR_PASSES_BY_ALPN:
        break;
    }
    return FAILURE_COUNT;
}

/* Why no handshake comes of it, and the alert that says so; FAILURE_COUNT: one does. */
static enum failure refusal_of(const struct site *site, enum edge_door door,
                               const struct hello *hello, enum tls_alert *alert)
{
    enum failure failure = failure_of_door(door, hello);
    enum tls_protocols protocols;

    *alert = TLS_ALERT_UNRECOGNIZED_NAME;
    if (hello->best_version == HELLO_VERSION_SSL3) {
        *alert = TLS_ALERT_PROTOCOL_VERSION;
        return FAILURE_SSL3; /* it could not send a name either */
    }
    if (failure == FAILURE_NEEDS_STARTTLS) {
        *alert = TLS_ALERT_NO_APPLICATION_PROTOCOL;
    }
    if (failure != FAILURE_COUNT) {
        return failure;
    }
    if (!hello_sni_is_taken(hello)) {
        return FAILURE_NAME_NOT_TAKEN;
    }
    if (!tls_context_can_serve(site->tls, hello_sni(hello))) {
        return FAILURE_NO_CERTIFICATE;
    }
    protocols = site->settings->tls->protocols;
    *alert = TLS_ALERT_NO_APPLICATION_PROTOCOL;
    return protocol_choice(hello, protocols != TLS_H1_ONLY, protocols != TLS_H2_ONLY);
}

static void on_hello(struct session *session, const struct hello *hello, struct span bytes)
{
    enum tls_alert alert;
    enum failure refusal;
    struct edge_entrance entrance;

    note_name(session, hello);
    entrance = find_door(session, hello);
    if (entrance.door == EDGE_DOOR_PASSES_BY_ALPN) {
        passthrough_start(session, session->site->by_alpn[entrance.alpn], STARTTLS_OFF,
                          bytes);
        return;
    }
    if (entrance.door == EDGE_DOOR_PASSES) {
        passthrough_start(session, session->site->passthrough, session->site->edge->starttls,
                          bytes);
        return;
    }
    refusal = refusal_of(session->site, entrance.door, hello, &alert);
    if (refusal != FAILURE_COUNT) {
        fail_known(session, refusal);
        refuse_hello(session, alert);
        return;
    }
    start_handshake(session, bytes);
}

static void decide_tls(struct session *session, struct span bytes)
{
    struct hello hello;
    char *scratch = NULL;
    size_t limit = (size_t)settings_of(session)->limits.hello;

    /* A hello of one record needs no scratch; one of several is at most 64 KiB, and rare. */
    if (bytes.len > 5 &&
        (size_t)((uint8_t)bytes.ptr[3] << 8 | (uint8_t)bytes.ptr[4]) + 5 < bytes.len) {
        scratch = xmalloc(bytes.len);
    }
    switch (hello_parse(&hello, bytes, limit, scratch)) {
    case HELLO_COMPLETE:
        on_hello(session, &hello, bytes);
        break;
    case HELLO_MORE:
        keep_early(session, bytes, hello.wanted);
        break;
    case HELLO_NOT_TLS:
        start_http(session, false, bytes);
        break;
    case HELLO_BAD:
        fail(session, hello_bad_word(hello.bad), hello_bad_text(hello.bad),
             hello.bad == HELLO_BAD_TOO_LONG
                 ? "limits.hello sets the limit, at most 64k"
                 : "the client, or something between, sends broken TLS");
        refuse_hello(session, hello_bad_alert(hello.bad));
        break;
    }
    free(scratch);
}

/* False: it is no ClientHello of SSL 2.0. */
static bool decide_ssl2(struct session *session, struct span bytes)
{
    switch (hello_parse_ssl2(bytes)) {
    case HELLO_COMPLETE:
        fail_known(session, FAILURE_SSL2);
        refuse_hello(session, TLS_ALERT_PROTOCOL_VERSION);
        return true;
    case HELLO_MORE:
        keep_early(session, bytes, HELLO_SSL2_BYTES);
        return true;
    case HELLO_NOT_TLS:
    case HELLO_BAD:
        break;
    }
    return false;
}

bool session_trusts(const struct session *session, const struct peer *peer)
{
    return networks_have(&settings_of(session)->trusted_proxies, peer);
}

static void use_proxy_header(struct session *session, const struct proxy_header *header)
{
    session->was_proxied = true;
    if (!header->is_local) {
        session->peer = header->source;
        session->local = header->destination;
        session->has_local = true;
        session->is_peer_trusted = session_trusts(session, &session->peer);
    }
}

/* Reads a PROXY header off *bytes. False: the session has ended, or more bytes are needed. */
static bool take_proxy_header(struct session *session, struct span *bytes)
{
    struct proxy_header header;

    switch (proxy_header_parse(&header, *bytes)) {
    case PROXY_HEADER_NOT:
        return true;
    case PROXY_HEADER_MORE:
        keep_early(session, *bytes, bytes->len + 1);
        return false;
    case PROXY_HEADER_BAD:
        fail(session, "bad_proxy_header", proxy_header_bad_text(header.bad),
             "see that the proxy in front speaks PROXY protocol version 1 or 2");
        session_abort(session);
        return false;
    case PROXY_HEADER_COMPLETE:
        break;
    }
    if (!networks_have(&session->socket->listener->settings->proxy_protocol_from, &session->peer)) {
        fail(session, "untrusted_proxy_header",
             "a PROXY header came from an address that is not trusted to send one",
             "name the proxy's address in proxy_protocol_from of the listener, or turn the header "
             "off there");
        session_abort(session);
        return false;
    }
    use_proxy_header(session, &header);
    *bytes = span_skip(*bytes, header.len);
    return true;
}

/* PROXY headers begin with 'P' or CR, which no ClientHello does; an HTTP method may begin with P.
 */
static bool may_be_proxy_header(struct span bytes)
{
    return bytes.ptr[0] == 'P' || bytes.ptr[0] == '\r';
}

static void forget_early(struct session *session)
{
    free(session->early);
    session->early = NULL;
    session->early_len = session->early_wanted = 0;
}

/* False: the bytes are no request for TLS of a protocol that the listener's sites speak. */
static bool decide_starttls(struct session *session, struct span bytes)
{
    if (session->starttls != STARTTLS_OFF) {
        fail_known(session, FAILURE_NO_HELLO);
        refuse_hello(session, TLS_ALERT_UNEXPECTED_MESSAGE);
        return true;
    }
    if (session->socket->listener->starttls == STARTTLS_OFF) {
        return false;
    }
    switch (starttls_take(session, bytes)) {
    case STARTTLS_NOT:
        return false;
    case STARTTLS_MORE:
        keep_early(session, bytes, POSTGRES_REQUEST_BYTES);
        break;
    case STARTTLS_ANSWERED:
        forget_early(session);
        break;
    case STARTTLS_REFUSED:
        session_finish(session, true);
        break;
    }
    return true;
}

static void decide(struct session *session, struct span bytes)
{
    if (!session->was_proxied && may_be_proxy_header(bytes)) {
        size_t before = bytes.len;
        if (!take_proxy_header(session, &bytes)) {
            return;
        }
        if (bytes.len != before && bytes.len == 0) {
            forget_early(session);
            return;
        }
    }
    if ((uint8_t)bytes.ptr[0] == 0x16) {
        decide_tls(session, bytes);
        return;
    }
    if (decide_starttls(session, bytes)) {
        return;
    }
    if (decide_ssl2(session, bytes)) {
        return;
    }
    enum front_h2_preface preface = front_h2_preface(bytes);
    if (preface == FRONT_H2_PREFACE_PART) {
        keep_early(session, bytes, bytes.len + 1);
        return;
    }
    start_http(session, preface == FRONT_H2_PREFACE_WHOLE, bytes);
}

/* Adds to what came before; the result lives in session->early. */
static struct span add_early(struct session *session, struct span bytes)
{
    session->early = xrealloc(session->early, session->early_len + bytes.len);
    memcpy(session->early + session->early_len, bytes.ptr, bytes.len);
    session->early_len += (uint32_t)bytes.len;
    return span_make(session->early, session->early_len);
}

/* Each record is judged when it comes (RFC 8446 section 5.1), though the hello is read when it may
 * be whole. */
static bool is_broken_hello(struct session *session, struct span bytes)
{
    return (uint8_t)bytes.ptr[0] == 0x16 &&
           hello_is_broken(&session->hello_watch, bytes,
                           (size_t)settings_of(session)->limits.hello);
}

static void on_peek_readable(struct conn *conn)
{
    struct session *session = conn->owner;

    session->worker->in_hand = (struct in_hand){.session = session};
    while (session->state == SESSION_PEEK && conn_can_read(conn)) {
        struct span bytes;
        enum conn_result result = conn_read(conn, &bytes);
        if (result == CONN_AGAIN) {
            return;
        }
        if (result != CONN_OK) {
            if (has_begun(session)) {
                fail_known(session, FAILURE_CLOSED_BEFORE_REQUEST);
            }
            session_close(session);
            return;
        }
        if (session->early_len != 0) {
            bytes = add_early(session, bytes);
            if (bytes.len < session->early_wanted && !is_broken_hello(session, bytes)) {
                continue;
            }
        }
        decide(session, bytes);
    }
}

static void on_peek_writable(struct conn *conn)
{
    (void)conn;
}

static const struct conn_handler peek_handler = {
    .on_readable = on_peek_readable,
    .on_writable = on_peek_writable,
};

/* ---- opening ---- */

const struct peer *session_local(struct session *session)
{
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

void session_describe(struct session *session, struct dial_client *out)
{
    *out = (struct dial_client){.peer = session->peer, .local = *session_local(session)};
    if (session->sni != NULL) {
        (void)snprintf(out->sni, sizeof(out->sni), "%s", session->sni);
    }
}

void session_create(struct worker *worker, const struct worker_socket *socket, int fd,
                    const struct sock_address *peer)
{
    struct session *session = xcalloc(1, sizeof(*session));

    list_init(&session->idle);
    session->id = ++worker->core.session_ids;
    session->worker = worker;
    session->socket = socket;
    session->snapshot = snapshot_hold(worker->snapshot);
    session->peer = peer_from(peer);
    session->accepted_us = loop_now_us(worker->core.loop);
    session->is_peer_trusted = session_trusts(session, &session->peer);
    timer_init(&session->timer, on_timer);
    caller_init(&session->caller);
    deferred_init(&session->freeing, on_free);
    conn_init(&session->conn, worker->core.loop, &peek_handler, session);
    list_push_back(&worker->sessions, &session->node);
    worker->session_count++;
    if (!conn_open(&session->conn, fd)) {
        session_close(session);
        return;
    }
    timer_set_ms(worker->core.loop, &session->timer, settings_of(session)->timeouts.first_byte_ms);
}

/* The first bytes of a connection, and what is to become of it: TLS that is ended here or passed
 * through, HTTP as it is, or nothing. */
#include <stdlib.h>

#include "certs/networks.h"
#include "gateway/admission.h"
#include "gateway/client_identity.h"
#include "gateway/deaths.h"
#include "gateway/session_internal.h"
#include "io/proxy_header.h"
#include "server/front_h1.h"
#include "server/front_h2.h"
#include "tls/hello.h"
#include "tls/postgres.h"
#include "tls/protocol_choice.h"
#include "tls/tls_conn.h"

void session_keep_first(struct session *session, struct span bytes, size_t wanted)
{
    /* `bytes` may be the kept ones themselves. */
    if (bytes.ptr != session->first) {
        char *copy = xmalloc(bytes.len);
        memcpy(copy, bytes.ptr, bytes.len);
        free(session->first);
        session->first = copy;
    }
    session->first_len = (uint32_t)bytes.len;
    session->first_wanted = (uint32_t)wanted;
}

void session_drop_first(struct session *session)
{
    free(session->first);
    session->first = NULL;
    session->first_len = session->first_wanted = 0;
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
    session_enter(session, SESSION_HTTP);
    timer_clear(&session->timer);
    session->front = is_h2 ? front_h2_create(&session->link, &session->conn)
                           : front_h1_create(&session->link, &session->conn);
    session->front->type->start(session->front, bytes); /* copies what it does not use at once */
    if (session->first != NULL) {
        conn_flush_all(session->link.core->loop); /* queued spans lie in it */
    }
    session_drop_first(session);
}

static void on_handshake(struct conn *conn, bool ok)
{
    struct session *session = conn->owner;

    session->link.handshake_us =
        (uint32_t)(loop_now_us(session->worker->core.loop) - session->link.accepted_us);
    if (ok && session->link.site->tcp != NULL) {
        passthrough_start_tcp(session, session->link.site->tcp,
                              &session->link.site->settings->tcp->balance, span_make(NULL, 0));
        return;
    }
    if (ok) {
        start_http(session, span_eq(tls_conn_alpn(conn), SPAN_OF("h2")), span_make(NULL, 0));
        return;
    }
    struct tls_failure failure = tls_conn_failure(conn);
    session_fail(session, failure.word, failure.sentence, failure.mend);
    session_finish(session, true);
}

static const struct tls_conn_events tls_events = {.on_done = on_handshake};

static void start_handshake(struct session *session, struct span bytes)
{
    session->link.is_tls = true;
    session_enter(session, SESSION_HANDSHAKE);
    timer_set_ms(session->worker->core.loop, &session->timer,
                 settings_of(session)->timeouts.handshake_ms);
    if (!tls_conn_accept(&session->conn, session->link.site->tls, bytes, &tls_events)) {
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
        !link_local(&session->link)->is_unix) {
        address = span_make(local, peer_ip_text(link_local(&session->link), local));
    }
    struct edge_entrance entrance = edge_find_door(
        session->link.listener->hosts, &(struct edge_hello){.sni = hello_sni(hello),
                                                            .local = address,
                                                            .alpn = hello->alpn,
                                                            .alpn_count = hello->alpn_count,
                                                            .starttls = session->starttls});
    session->link.site = snapshot_site(session->link.snapshot, entrance.site);
    return entrance;
}

static void note_name(struct session *session, const struct hello *hello)
{
    char text[HELLO_SNI_TEXT_MAX];

    if (hello->has_sni) {
        session->link.sni = xstrndup(hello->sni_name, hello->sni_len);
    } else if (hello->has_unusable_sni) {
        hello_sni_text(hello, text);
        session->link.sni_sent = xstrdup(text);
    }
}

static enum cause cause_of_door(enum edge_door door, const struct hello *hello)
{
    switch (door) {
    case EDGE_DOOR_NO_NAME:
        return hello->has_unusable_sni ? CAUSE_UNUSABLE_NAME : CAUSE_NO_NAME;
    case EDGE_DOOR_UNKNOWN_NAME:
        return CAUSE_UNKNOWN_NAME;
    case EDGE_DOOR_NO_TLS:
        return CAUSE_SITE_WITHOUT_TLS;
    case EDGE_DOOR_NO_STARTTLS:
        return CAUSE_NO_STARTTLS;
    case EDGE_DOOR_NEEDS_STARTTLS:
        return CAUSE_NEEDS_STARTTLS;
    case EDGE_DOOR_TERMINATES:
    case EDGE_DOOR_PASSES:
    case EDGE_DOOR_PASSES_BY_ALPN:
        break;
    }
    return CAUSE_COUNT;
}

/* Why no handshake comes of it, and the alert that says so; CAUSE_COUNT: one does. */
static enum cause refusal_of(const struct site *site, enum edge_door door,
                             const struct hello *hello, enum tls_alert *alert)
{
    enum cause cause = cause_of_door(door, hello);
    enum tls_protocols protocols;

    *alert = TLS_ALERT_UNRECOGNIZED_NAME;
    if (hello->best_version == HELLO_VERSION_SSL3) {
        *alert = TLS_ALERT_PROTOCOL_VERSION;
        return CAUSE_SSL3; /* it could not send a name either */
    }
    if (cause == CAUSE_NEEDS_STARTTLS) {
        *alert = TLS_ALERT_NO_APPLICATION_PROTOCOL;
    }
    if (cause != CAUSE_COUNT) {
        return cause;
    }
    if (!hello_sni_is_taken(hello)) {
        return CAUSE_NAME_NOT_TAKEN;
    }
    if (!tls_context_can_serve(site->tls, hello_sni(hello))) {
        return CAUSE_NO_CERTIFICATE;
    }
    *alert = TLS_ALERT_NO_APPLICATION_PROTOCOL;
    if (site->tcp != NULL) {
        const struct string_list *list = &site->settings->alpn;
        return protocol_choice_of(hello, list->items, list->count, site->settings->alpn_required);
    }
    protocols = site->settings->tls->protocols;
    return protocol_choice(hello, protocols != TLS_H1_ONLY, protocols != TLS_H2_ONLY);
}

static void on_hello(struct session *session, const struct hello *hello, struct span bytes)
{
    enum tls_alert alert;
    enum cause refusal;
    struct edge_entrance entrance;
    const struct site *site;

    note_name(session, hello);
    entrance = find_door(session, hello);
    site = session->link.site;
    if (session_is_denied(session, &entrance)) {
        refuse_hello(session, TLS_ALERT_ACCESS_DENIED);
        return;
    }
    if (entrance.door == EDGE_DOOR_PASSES_BY_ALPN) {
        passthrough_start(session, site->by_alpn[entrance.alpn],
                          &site->settings->by_alpn[entrance.alpn].backend->balance, STARTTLS_OFF,
                          bytes);
        return;
    }
    if (entrance.door == EDGE_DOOR_PASSES) {
        passthrough_start(session, site->passthrough, &site->settings->passthrough->balance,
                          site->edge->starttls, bytes);
        return;
    }
    refusal = refusal_of(session->link.site, entrance.door, hello, &alert);
    if (refusal != CAUSE_COUNT) {
        session_fail_known(session, refusal);
        refuse_hello(session, alert);
        return;
    }
    if (!admission_takes_handshake(&session->link)) {
        session_fail(
            session, "too_many_handshakes",
            "the client's address has more TLS handshakes in a second than it may",
            "limits.handshakes_per_second sets the limit; reserved_for names who has none");
        session_abort(session);
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
        session_keep_first(session, bytes, hello.wanted);
        break;
    case HELLO_NOT_TLS:
        start_http(session, false, bytes);
        break;
    case HELLO_BAD:
        session_fail(session, hello_bad_word(hello.bad), hello_bad_text(hello.bad),
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
        session_fail_known(session, CAUSE_SSL2);
        refuse_hello(session, TLS_ALERT_PROTOCOL_VERSION);
        return true;
    case HELLO_MORE:
        session_keep_first(session, bytes, HELLO_SSL2_BYTES);
        return true;
    case HELLO_NOT_TLS:
    case HELLO_BAD:
        break;
    }
    return false;
}

static void use_proxy_header(struct session *session, const struct proxy_header *header)
{
    session->was_proxied = true;
    if (!header->is_local) {
        session->link.peer = header->source;
        session->local = header->destination;
        session->has_local = true;
        session->link.is_peer_trusted = networks_trust(settings_of(session), &session->link.peer);
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
        session_keep_first(session, *bytes, bytes->len + 1);
        return false;
    case PROXY_HEADER_BAD:
        session_fail(session, "bad_proxy_header", proxy_header_bad_text(header.bad),
                     "see that the proxy in front speaks PROXY protocol version 1 or 2");
        session_abort(session);
        return false;
    case PROXY_HEADER_COMPLETE:
        break;
    }
    if (!networks_have(&session->link.listener->settings->proxy_protocol_from,
                       &session->link.peer)) {
        session_fail(
            session, "untrusted_proxy_header",
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

/* False: the bytes are no request for TLS of a protocol that the listener's sites speak. */
static bool decide_starttls(struct session *session, struct span bytes)
{
    if (session->starttls != STARTTLS_OFF) {
        session_fail_known(session, CAUSE_NO_HELLO);
        refuse_hello(session, TLS_ALERT_UNEXPECTED_MESSAGE);
        return true;
    }
    if (session->link.listener->starttls == STARTTLS_OFF) {
        return false;
    }
    switch (session_take_starttls(session, bytes)) {
    case STARTTLS_NOT:
        return false;
    case STARTTLS_MORE:
        session_keep_first(session, bytes, POSTGRES_REQUEST_BYTES);
        break;
    case STARTTLS_ANSWERED:
        session_drop_first(session);
        break;
    case STARTTLS_REFUSED:
        session_finish(session, true);
        break;
    }
    return true;
}

/* True: the client is not served, and the session has ended. */
static bool refuse_client(struct session *session)
{
    if (session_is_banned(session)) {
        session_abort(session);
        return true;
    }
    if (session->link.is_peer_trusted ||
        !deaths_refuse(&session->link.peer, loop_now_us(session->link.core->loop) / 1000)) {
        return false;
    }
    session_fail(session, "client_refused",
                 "the client was in hand when the gateway died, twice within a minute",
                 "see tidegate status for what it asked for, and report the error that it "
                 "found; it is let in again after ten minutes, or after a restart");
    session_abort(session);
    return true;
}

/* ---- a listener that relays all ---- */

static void relay_all(struct session *session, struct span bytes)
{
    const struct listener *listener = session->link.listener;

    if (refuse_client(session)) {
        return;
    }
    if (session_is_denied_here(session)) {
        session_abort(session);
        return;
    }
    passthrough_start_tcp(session, listener->tcp, &listener->settings->tcp->balance, bytes);
}

/* Whoever may send a PROXY header must: where it is left out, its address would be taken for the
 * client's, and nobody could tell a header from the protocol's own first bytes. */
static void decide_tcp(struct session *session, struct span bytes)
{
    size_t before = bytes.len;

    if (!take_proxy_header(session, &bytes)) {
        return;
    }
    if (bytes.len == before) {
        session_fail(session, "proxy_header_missing",
                     "the connection did not begin with a PROXY header, as those of its peer must "
                     "on a listener with tcp",
                     "let the proxy in front send the header, or take its address out of "
                     "proxy_protocol_from of the listener");
        session_abort(session);
        return;
    }
    relay_all(session, bytes);
}

void session_begin_tcp(struct session *session)
{
    if (!networks_have(&session->link.listener->settings->proxy_protocol_from,
                       &session->link.peer)) {
        relay_all(session, span_make(NULL, 0));
    }
}

static void decide(struct session *session, struct span bytes)
{
    if (session->link.listener->tcp != NULL) {
        decide_tcp(session, bytes);
        return;
    }
    if (!session->was_proxied && may_be_proxy_header(bytes)) {
        size_t before = bytes.len;
        if (!take_proxy_header(session, &bytes)) {
            return;
        }
        if (bytes.len != before && bytes.len == 0) {
            session_drop_first(session);
            return;
        }
    }
    if (refuse_client(session)) {
        return;
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
        session_keep_first(session, bytes, bytes.len + 1);
        return;
    }
    start_http(session, preface == FRONT_H2_PREFACE_WHOLE, bytes);
}

/* Adds to what came before; the result lives in session->first. */
static struct span add_first(struct session *session, struct span bytes)
{
    session->first = xrealloc(session->first, session->first_len + bytes.len);
    memcpy(session->first + session->first_len, bytes.ptr, bytes.len);
    session->first_len += (uint32_t)bytes.len;
    return span_make(session->first, session->first_len);
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

    session->worker->core.in_hand = (struct in_hand){.link = &session->link};
    while (session->state == SESSION_PEEK && conn_can_read(conn)) {
        struct span bytes;
        enum conn_result result = conn_read(conn, &bytes);
        if (result == CONN_AGAIN) {
            return;
        }
        if (result != CONN_OK) {
            if (session_has_begun(session)) {
                session_fail_known(session, CAUSE_CLOSED_BEFORE_REQUEST);
            }
            session_close(session);
            return;
        }
        if (session->first_len != 0) {
            bytes = add_first(session, bytes);
            if (bytes.len < session->first_wanted && !is_broken_hello(session, bytes)) {
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

const struct conn_handler session_peek_handler = {
    .on_readable = on_peek_readable,
    .on_writable = on_peek_writable,
};

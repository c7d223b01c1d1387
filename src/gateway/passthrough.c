#include <stdio.h>
#include <stdlib.h>

#include "client/dial.h"
#include "client/turn.h"
#include "edge/balance_key.h"
#include "gateway/access.h"
#include "gateway/client_identity.h"
#include "gateway/reasons.h"
#include "gateway/session_internal.h"
#include "gateway/starttls.h"
#include "gateway/tunnel.h"
#include "observe/failures.h"
#include "tls/alert_watch.h"

struct passthrough {
    struct session *session;
    struct upstream *upstream;
    struct lease lease;
    struct turn turn;  /* while all servers are full */
    struct dial *dial; /* while connecting */
    struct conn *conn; /* to the server; NULL: not yet */
    bool is_tls;       /* what is carried is the client's own TLS */
    enum site_starttls starttls;
    struct starttls_greeting greeting;
    struct tunnel tunnel;
    struct lease_tried *tried;
    struct alert_watch alerts[2]; /* of the client, of the server */
    struct arena arena;           /* of tries */
    struct tries tries;
    uint32_t connect_us;
    bool is_connected;
    struct down_member down; /* while the backend wants its connections ended with the server */
    const char *reason;
};

static void seek(struct passthrough *p);

static void release_dial(struct passthrough *p)
{
    (void)turn_cancel(&p->turn);
    if (p->dial != NULL) {
        dial_cancel(p->dial);
        free(p->dial);
        p->dial = NULL;
    }
    free(p->tried);
    p->tried = NULL;
}

/* Who gave up the handshake in plain, where anybody did: 0 the client, 1 the server. */
static int side_of_alert(const struct passthrough *p)
{
    return p->alerts[0].alert != TLS_ALERT_NONE ? 0 : p->alerts[1].alert != TLS_ALERT_NONE ? 1 : -1;
}

static const char *name_of_side(int side)
{
    return side == 0 ? "client" : "backend";
}

static const char *server_of(const struct passthrough *p)
{
    return p->is_connected ? lease_server(&p->lease)->text : NULL;
}

/* Which alert, for people; the rest is in the line. */
static void describe_alert(const struct passthrough *p, int side, struct trouble *trouble,
                           char *text, size_t size)
{
    int alert = p->alerts[side].alert;
    struct alert_meaning meaning = alert_watch_meaning(alert, side == 0);
    char peer[SOCK_TEXT_MAX];

    (void)snprintf(text, size, "%s (alert %s, %d)", meaning.sentence, tls_alert_name(alert), alert);
    *trouble = (struct trouble){meaning.word, text, meaning.mend};
    (void)peer_text(&p->session->link.peer, peer);
    failures_note(&(struct failure_note){.side = name_of_side(side),
                                         .who = name_of_side(side),
                                         .reason = meaning.word,
                                         .detail = text,
                                         .mend = meaning.mend,
                                         .name = side == 0 ? link_asked_name(&p->session->link)
                                                           : p->upstream->backend->name,
                                         .peer = side == 0 ? peer : server_of(p)});
}

static void log_end(struct passthrough *p, const struct trouble *trouble)
{
    struct session *session = p->session;
    struct passthrough_facts facts = {
        .backend = span_from_cstr(p->upstream->backend->name),
        .server = span_from_cstr(server_of(p)),
        .connect_us = p->is_connected ? (int64_t)p->connect_us : -1,
        .tries = &p->tries,
        .is_tcp = !p->is_tls,
    };
    int side = side_of_alert(p);
    struct trouble said;
    char text[200];

    if (side >= 0 && !session->link.is_logged) {
        describe_alert(p, side, &said, text, sizeof(text));
        facts.refused_by = name_of_side(side);
        trouble = &said;
    }

    access_log_passthrough(&session->link, &session->conn, &facts, trouble);
}

static void on_tunnel_end(struct tunnel *tunnel, const char *reason)
{
    struct passthrough *p = CONTAINER_OF(tunnel, struct passthrough, tunnel);

    p->reason = reason;
    if (reason != NULL) {
        session_abort(p->session); /* a reset of one side is carried across */
        return;
    }
    session_close(p->session);
}

static void on_client_event(struct conn *conn)
{
    /* Before the server is there nothing is read: the client's bytes wait in its socket. Only its
     * being gone ends the attempt. */
    if (conn->is_reset) {
        struct session *session = conn->owner;
        session->passthrough->reason = "client_reset";
        session_close(session);
    }
}

static const struct conn_handler waiting_handler = {
    .on_readable = on_client_event,
    .on_writable = on_client_event,
};

static bool look_for_alert(void *arg, struct span bytes)
{
    struct alert_watch *watch = arg;

    alert_watch_take(watch, bytes);
    return !watch->is_over;
}

static void watch_for_alerts(struct passthrough *p, struct span first)
{
    alert_watch_take(&p->alerts[0], first);
    for (int side = 0; side < 2; side++) {
        if (!p->alerts[side].is_over) {
            p->tunnel.looks[side] = (struct relay_look){look_for_alert, &p->alerts[side]};
        }
    }
}

static void on_down(struct down_member *member)
{
    on_tunnel_end(&CONTAINER_OF(member, struct passthrough, down)->tunnel, "server_down");
}

static void start_tunnel(struct passthrough *p)
{
    struct session *session = p->session;

    if (p->upstream->backend->closes_down) {
        down_watch_add(&session->worker->downs, &p->down, lease_server(&p->lease)->endpoint,
                       on_down);
    }
    if (p->is_tls) {
        watch_for_alerts(p, span_make(session->first, session->first_len));
    }
    conn_queue(p->conn, span_make(session->first, session->first_len));
    conn_flush(p->conn);
    session_drop_first(session);
    timer_destroy(session->worker->core.loop, &session->timer);
    tunnel_start(&p->tunnel, &session->conn, p->conn);
}

static void on_greeted(struct starttls_greeting *greeting, const struct trouble *trouble)
{
    struct passthrough *p = greeting->owner;

    if (trouble != NULL) {
        p->reason = trouble->reason;
        log_end(p, trouble);
        session_abort(p->session);
        return;
    }
    start_tunnel(p);
}

static void on_dialed(struct dial *dial, enum dial_result result)
{
    struct passthrough *p = dial->owner;
    struct session *session = p->session;

    p->connect_us = (uint32_t)(loop_now_us(session->worker->core.loop) - dial->started_us);
    if (result != DIAL_OK && dial->others_are_full) {
        p->dial = NULL;
        free(dial);
        seek(p); /* those that are full will have room */
        return;
    }
    if (result != DIAL_OK) {
        log_end(p, &dial->trouble);
        session_abort(session);
        return;
    }
    p->conn = dial_take(dial);
    p->is_connected = true;
    /* The dial is on the stack below us; it is over, and touches nothing after this call. */
    p->dial = NULL;
    free(dial);
    release_dial(p);
    if (p->starttls != STARTTLS_OFF) {
        starttls_greet(&p->greeting, p->conn, p->upstream->backend, lease_server(&p->lease)->text,
                       p, on_greeted);
        return;
    }
    start_tunnel(p);
}

static void go_on(struct passthrough *p, enum turn_result result)
{
    struct session *session = p->session;
    const struct backend *backend = p->upstream->backend;
    struct dial_client who = {0};

    if (result == TURN_REFUSED) {
        log_end(p, turn_trouble(&p->turn));
        session_abort(session);
        return;
    }
    if (backend->proxy_protocol != BACKEND_PROXY_OFF) {
        client_identity_describe(&session->link, backend, &who);
    }
    p->dial = xcalloc(1, sizeof(*p->dial));
    dial_start(p->dial, &session->worker->client, &who, backend, DIAL_OFFER_H1, p->tried, &p->tries,
               NULL, &p->lease, p, on_dialed);
}

static void on_turn(struct turn *turn, enum turn_result result)
{
    go_on(turn->owner, result);
}

static void seek(struct passthrough *p)
{
    enum turn_result result = turn_take(&p->turn, &p->session->worker->client, p->upstream,
                                        &p->lease, p->tried, p, on_turn);

    if (result != TURN_WAITS) {
        go_on(p, result);
    }
}

static uint64_t key_of(const struct session *session, const struct balance_settings *balance)
{
    const struct link *link = &session->link;
    const struct balance_facts facts = {
        .ip = link->peer.is_unix ? NULL : link->peer.ip,
        .sni = span_from_cstr(link->sni),
    };

    return balance_key_of(balance_key_find(balance, &facts));
}

static struct passthrough *create(struct session *session, const struct backend *backend,
                                  const struct balance_settings *balance)
{
    struct passthrough *p = xcalloc(1, sizeof(*p));

    p->session = session;
    p->upstream = upstreams_find(&session->worker->client.upstreams, backend);
    lease_init(&p->lease);
    p->lease.key = key_of(session, balance);
    if (session->link.site != NULL) {
        p->lease.priority = session->link.site->settings->priority;
    }
    p->tried = xcalloc(1, sizeof(*p->tried));
    arena_init(&p->arena, TRIES_KEPT * sizeof(struct server_try));
    p->tries.arena = &p->arena;
    tunnel_init(&p->tunnel, session->worker, on_tunnel_end);
    down_member_init(&p->down);
    alert_watch_init(&p->alerts[0]);
    alert_watch_init(&p->alerts[1]);
    return p;
}

static void start(struct passthrough *p, struct span first_bytes)
{
    struct session *session = p->session;

    if (first_bytes.len != 0) {
        session_keep_first(session, first_bytes, 0);
    } else {
        session_drop_first(session);
    }
    session->passthrough = p;
    session_enter(session, SESSION_TUNNEL);
    session->conn.handler = &waiting_handler;
    timer_clear(&session->timer);
    seek(p);
}

void passthrough_start(struct session *session, const struct backend *backend,
                       const struct balance_settings *balance, enum site_starttls starttls,
                       struct span first_bytes)
{
    struct passthrough *p = create(session, backend, balance);

    p->is_tls = true;
    p->starttls = starttls;
    start(p, first_bytes);
}

void passthrough_start_tcp(struct session *session, const struct backend *backend,
                           const struct balance_settings *balance, struct span first_bytes)
{
    start(create(session, backend, balance), first_bytes);
}

static void close_conn(struct passthrough *p)
{
    if (p->conn == NULL) {
        return;
    }
    if (p->reason != NULL) {
        conn_abort(p->conn);
    } else {
        conn_close(p->conn);
    }
    conn_free(p->conn);
}

static enum lease_how how_it_ended(const struct passthrough *p)
{
    if (p->reason == NULL) {
        return LEASE_OK;
    }
    return reasons_is_of_server(p->reason) ? LEASE_SERVER_FAILED : LEASE_CLIENT_LEFT;
}

void passthrough_destroy(struct passthrough *p)
{
    struct loop *loop = p->session->worker->core.loop;
    struct trouble trouble = {.reason = p->reason};

    down_watch_remove(&p->down);
    tunnel_stop(&p->tunnel);
    starttls_cancel(&p->greeting);
    log_end(p, p->reason != NULL ? &trouble : NULL);
    release_dial(p);
    if (lease_is_held(&p->lease)) {
        lease_end(&p->lease, how_it_ended(p), &(struct lease_seen){.now_us = loop_now_us(loop)});
    }
    lease_reset(&p->lease);
    close_conn(p);
    arena_destroy(&p->arena);
    p->session->passthrough = NULL;
    free(p);
}

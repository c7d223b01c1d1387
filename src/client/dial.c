#include "client/dial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "io/proxy_header.h"
#include "tls/alert.h"
#include "tls/cause.h"
#include "tls/tls_conn.h"
#include "upstream/server_health.h"

static void try_next(struct dial *dial);

static struct server_ref ref_of(const struct dial *dial)
{
    return upstream_set_ref(dial->lease->set, dial->lease->member);
}

static void drop_conn(struct dial *dial)
{
    conn_close(dial->conn);
    conn_free(dial->conn);
    dial->conn = NULL;
}

struct conn *dial_take(struct dial *dial)
{
    struct conn *conn = dial->conn;

    dial->conn = NULL;
    return conn;
}

static void drop_addresses(struct dial *dial)
{
    endpoint_drop_addresses(dial->addresses);
    dial->addresses = NULL;
}

static void drop_who(struct dial *dial)
{
    free(dial->who.tls);
    dial->who.tls = NULL;
}

static void drop_name(struct dial *dial)
{
    free(dial->client_name);
    dial->client_name = NULL;
}

static void finish(struct dial *dial, enum dial_result result)
{
    dial->is_over = true;
    drop_name(dial);
    drop_addresses(dial);
    drop_who(dial);
    timer_destroy(dial->client->core->loop, &dial->timer);
    if (result != DIAL_OK) {
        drop_conn(dial);
    }
    dial->on_done(dial, result);
}

static void note_failure(const struct dial *dial, enum dial_result result, const char *reason,
                         const char *mend)
{
    bool backend_refused = result == DIAL_TLS && !conn_is_plain(dial->conn) &&
                           tls_conn_failure(dial->conn).alert_received != TLS_ALERT_NONE;

    client_tell_failure(dial->client,
                        &(struct server_failure){.who = result != DIAL_TLS ? "network"
                                                        : backend_refused  ? "backend"
                                                                           : "gateway",
                                                 .reason = reason,
                                                 .detail = dial->text,
                                                 .mend = mend,
                                                 .backend = dial->upstream->backend,
                                                 .server = lease_server(dial->lease)->text});
}

static void fail(struct dial *dial, enum dial_result result, const char *reason, const char *mend)
{
    const struct server *server = lease_server(dial->lease);

    note_failure(dial, result, reason, mend);
    tries_add(dial->tries, &(struct server_try){
                               .server = server->text,
                               .address = peer_from(&dial->addresses->items[dial->address]),
                               .has_address = true,
                               .outcome = reason,
                               .us = loop_now_us(dial->client->core->loop) - dial->try_began_us,
                           });
    dial->last = result;
    dial->trouble.reason = reason;
    dial->trouble.mend = mend;
    dial->trouble.detail = dial->text;
    timer_clear(&dial->timer);
    conn_close(dial->conn);
    log_debug("server %s: %s", server->text, dial->text);
}

/* The present address failed: on to the next one of the server, or off this server. */
static void step(struct dial *dial, bool is_server_to_blame)
{
    uint64_t now_us = loop_now_us(dial->client->core->loop);

    if (++dial->address >= dial->addresses->count) {
        if (is_server_to_blame) {
            server_note_unreachable(ref_of(dial), dial->text, now_us);
            backend_doubt(dial->upstream->backend);
        }
        lease_end(dial->lease, is_server_to_blame ? LEASE_SERVER_FAILED : LEASE_UNUSED,
                  &(struct lease_seen){.now_us = now_us});
    }
}

static void move_on(struct dial *dial)
{
    step(dial, true);
    try_next(dial);
}

/* Out of descriptors, ports or memory: no server is worse for it. */
static bool is_our_fault(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL;
}

static void note_unreachable(struct dial *dial, int error)
{
    const struct server *server = lease_server(dial->lease);

    (void)snprintf(dial->text, sizeof(dial->text), "cannot connect to %.150s: %s", server->text,
                   strerror(error));
    fail(dial, DIAL_REFUSED, cause_words(CAUSE_SERVER_UNREACHABLE)->word,
         cause_words(CAUSE_SERVER_UNREACHABLE)->mend);
    step(dial, !is_our_fault(error));
}

static void fail_connect(struct dial *dial, int error)
{
    note_unreachable(dial, error);
    try_next(dial);
}

static void on_timer(struct timer *timer)
{
    struct dial *dial = CONTAINER_OF(timer, struct dial, timer);
    const struct backend *backend = dial->upstream->backend;

    (void)snprintf(dial->text, sizeof(dial->text), "%.150s did not answer within %llu ms",
                   lease_server(dial->lease)->text,
                   (unsigned long long)backend->connect_timeout_ms);
    fail(dial, DIAL_TIMEOUT, cause_words(CAUSE_SERVER_TIMEOUT)->word,
         cause_words(CAUSE_SERVER_TIMEOUT)->mend);
    move_on(dial);
}

static void succeed(struct dial *dial)
{
    if (dial->offer == DIAL_OFFER_H1) { /* else it has to speak HTTP/2, too */
        server_note_reached(ref_of(dial), loop_now_us(dial->client->core->loop));
    }
    finish(dial, DIAL_OK);
}

const char *dial_tls_name(const struct server *server, const char *client_name)
{
    return server->is_named_by_client && client_name != NULL ? client_name
                                                             : server->endpoint->key.tls_name;
}

static bool is_named_by_client(const struct dial *dial)
{
    return dial->client_name != NULL && lease_server(dial->lease)->is_named_by_client;
}

static void on_handshake(struct conn *conn, bool ok)
{
    struct dial *dial = conn->owner;

    if (ok) {
        succeed(dial);
        return;
    }
    struct tls_failure failure = tls_conn_failure(conn);
    (void)snprintf(dial->text, sizeof(dial->text), "TLS to %.100s: %.140s",
                   lease_server(dial->lease)->text, failure.sentence);
    fail(dial, DIAL_TLS, failure.word, failure.mend);
    /* Whoever names a host that it has no certificate for puts no server out for others. */
    step(dial, !is_named_by_client(dial));
    try_next(dial);
}

static const struct tls_conn_events tls_events = {.on_done = on_handshake};

static void send_proxy_header(struct dial *dial)
{
    char header[PROXY_HEADER_WRITE_MAX];
    const struct dial_client *who = &dial->who;
    size_t len;

    switch (dial->upstream->backend->proxy_protocol) {
    case BACKEND_PROXY_OFF:
        return;
    case BACKEND_PROXY_V1:
        len = proxy_header_write_v1(header, &who->peer, &who->local);
        break;
    case BACKEND_PROXY_V2:
    case BACKEND_PROXY_V2_TLS:
        len = proxy_header_write_v2(header, &who->peer, &who->local, span_from_cstr(who->sni),
                                    who->tls);
        break;
    default:
        CHECK(false);
    }
    conn_queue_copy(dial->conn, span_make(header, len));
}

/* NULL: plain. */
static struct tls_context *context_of(const struct dial *dial)
{
    struct backend_contexts contexts =
        backend_tls_of(dial->upstream->backend, lease_server(dial->lease));

    return dial->offer == DIAL_OFFER_H1 && contexts.tls_h1 != NULL ? contexts.tls_h1 : contexts.tls;
}

static void on_connected(struct conn *conn, int error)
{
    struct dial *dial = conn->owner;
    struct tls_context *tls = context_of(dial);

    if (error != 0) {
        fail_connect(dial, error);
        return;
    }
    send_proxy_header(dial);
    if (tls == NULL) {
        succeed(dial);
        return;
    }
    conn_flush(conn);
    const struct endpoint *endpoint = lease_entry(dial->lease)->endpoint;
    const char *name = dial_tls_name(lease_server(dial->lease), dial->client_name);
    if (!tls_conn_connect_with(conn, tls, name, endpoint->sessions, &tls_events)) {
        fail_connect(dial, ENOMEM);
    }
}

static void on_unused(struct conn *conn)
{
    (void)conn; /* the handshake has the events; what comes later waits for the owner */
}

static const struct conn_handler handler = {
    .on_readable = on_unused,
    .on_writable = on_unused,
    .on_connected = on_connected,
};

struct trouble dial_no_server(struct upstream *upstream, char *text, size_t size)
{
    const struct server_set *servers = upstream_follow(upstream)->servers;

    backend_doubt(upstream->backend);
    if (servers->count != 0 && upstream->backend->spares_down) {
        return (struct trouble){"no_server", "no server of the backend is well",
                                "tidegate status shows what their checks have found; "
                                "health_check.use_down lets others be used then"};
    }
    if (servers->count != 0) {
        return (struct trouble){"no_server",
                                "every server of the backend is drained, disabled or of weight 0",
                                "tidegate status shows them; tidegate enable, or weight, lets one "
                                "be used"};
    }
    (void)snprintf(text, size, "the backend has no server now%s%s",
                   servers->problem != NULL ? ": " : "",
                   servers->problem != NULL ? servers->problem : "");
    return (struct trouble){"no_server", text,
                            "see that the names of its servers can be resolved on this machine"};
}

static void give_up(struct dial *dial)
{
    dial->others_are_full = dial->lease->is_refused_by_limit;
    if (dial->last == DIAL_OK) { /* nothing was tried */
        dial->last = DIAL_NO_SERVER;
        dial->trouble = dial_no_server(dial->upstream, dial->text, sizeof(dial->text));
    }
    finish(dial, dial->last);
}

static void try_next(struct dial *dial)
{
    struct loop *loop = dial->client->core->loop;

    for (;;) {
        int error = 0;
        if (!lease_is_held(dial->lease)) {
            drop_addresses(dial);
            if (!lease_pick(dial->lease, dial->upstream, dial->tried, loop_now_us(loop))) {
                give_up(dial);
                return;
            }
        }
        if (dial->addresses == NULL) {
            dial->addresses = endpoint_hold_addresses(lease_entry(dial->lease)->endpoint);
            dial->address = 0;
        }
        dial->try_began_us = loop_now_us(loop);
        conn_init(dial->conn, loop, &handler, dial);
        timer_set_ms(loop, &dial->timer, dial->upstream->backend->connect_timeout_ms);
        if (conn_connect(dial->conn, &dial->addresses->items[dial->address], &error)) {
            return;
        }
        note_unreachable(dial, error);
    }
}

void dial_start(struct dial *dial, struct client *client, const struct dial_client *who,
                const struct backend *backend, enum dial_offer offer, struct lease_tried *tried,
                struct tries *tries, const char *client_name, struct lease *lease, void *owner,
                void (*on_done)(struct dial *, enum dial_result))
{
    *dial = (struct dial){
        .client = client,
        .upstream = upstreams_find(&client->upstreams, backend),
        .conn = conn_create(client->core->loop),
        .offer = offer,
        .tried = tried,
        .tries = tries,
        .lease = lease,
        .started_us = loop_now_us(client->core->loop),
        .client_name = client_name != NULL ? xstrdup(client_name) : NULL,
        .owner = owner,
        .on_done = on_done,
    };
    if (who != NULL) {
        dial->who = *who;
    }
    timer_init(&dial->timer, on_timer);
    try_next(dial);
}

bool dial_is_current(struct server_ref ref, const struct conn *conn)
{
    struct backend_contexts contexts = backend_tls_of(ref.backend, &ref.set->servers[ref.server]);

    return contexts.tls == NULL || tls_conn_is_of(conn, contexts.tls) ||
           (contexts.tls_h1 != NULL && tls_conn_is_of(conn, contexts.tls_h1));
}

void dial_cancel(struct dial *dial)
{
    if (dial->is_over) {
        return;
    }
    dial->is_over = true;
    timer_destroy(dial->client->core->loop, &dial->timer);
    drop_addresses(dial);
    drop_name(dial);
    drop_who(dial);
    drop_conn(dial);
    if (lease_is_held(dial->lease)) {
        lease_end(dial->lease, LEASE_UNUSED, NULL);
    }
}

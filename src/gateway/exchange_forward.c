/* The lease: from a route's backend to a connection that carries the request, and back. */
#include <stdlib.h>
#include <string.h>

#include "gateway/back_h1.h"
#include "gateway/back_h2.h"
#include "gateway/dial.h"
#include "gateway/exchange.h"
#include "gateway/tunnel.h"
#include "gateway/websocket.h"

/* How often a request is sent again that was lost with its connection; and one that servers
 * declined without looking at it, or did not get. */
static const struct retry_policy retry_policy = {.losses_max = 1, .refusals_max = 3};

struct upgrade_tunnel {
    struct tunnel tunnel;
    struct exchange *x;
};

static unsigned status_of(enum dial_result result)
{
    switch (result) {
    case DIAL_TIMEOUT:
        return 504;
    case DIAL_NO_SERVER:
        return 503;
    case DIAL_OK:
    case DIAL_REFUSED:
    case DIAL_TLS:
        break;
    }
    return 502;
}

/* The head, and what has come of the body already: a request that is sent again, or one whose end
 * came while there was no connection yet. */
static void send_request(struct exchange *x)
{
    struct back *back = x->back;
    struct span body = strbuf_span(&x->replay.body);
    bool is_done = x->request_done;

    x->request_done = is_done && body.len == 0 && x->replay.trailers.count == 0;
    back->ops->send_head(back, x);
    x->request_done = is_done;
    if (body.len != 0) {
        back->ops->send_body(back, body);
        conn_memory_flush(conn_memory(&x->session->conn)); /* more may be added, elsewhere */
    }
    if (is_done && x->request.framing != HTTP_FRAMING_NONE) {
        back->ops->send_end(back, x->replay.trailers.count != 0 ? &x->replay.trailers : NULL);
    }
}

void exchange_attach(struct exchange *x, struct back *back)
{
    x->connected_us = loop_now_us(x->worker->core.loop);
    x->back = back;
    x->state = EXCHANGE_WAIT;
    exchange_progress(x);
    send_request(x);
    if (x->back != NULL && !x->request_done) {
        x->front->resume(x);
    }
}

static void on_dialed(struct dial *dial, enum dial_result result)
{
    struct exchange *x = dial->owner;
    struct back_h1 *back = x->connecting;

    x->connecting = NULL;
    x->dial = NULL;
    if (result == DIAL_OK) {
        x->server = dial->server;
        free(dial);
        back_h1_connected(back, x->server);
        exchange_attach(x, back_h1_base(back));
        return;
    }
    struct trouble trouble = dial->trouble;
    if (trouble.detail != NULL) {
        trouble.detail = arena_cstr(&x->arena, span_from_cstr(trouble.detail));
    }
    free(dial);
    back_h1_destroy(back);
    exchange_refuse(x, status_of(result), false, trouble.reason, trouble.detail, trouble.mend);
}

static void dial(struct exchange *x, size_t server)
{
    x->connecting = back_h1_create(x->worker, x->backend);
    x->dial = xcalloc(1, sizeof(*x->dial));
    dial_start(x->dial, x->session, x->backend, back_h1_conn(x->connecting), &x->tried, server, x,
               on_dialed);
}

void exchange_unreachable(struct exchange *x, enum dial_result result,
                          const struct trouble *trouble)
{
    struct upstream *upstream = worker_upstream(x->worker, x->backend);
    size_t next;

    upstream_done(upstream, x->server, false);
    next = upstream_pick(upstream, &x->tried, loop_now_us(x->worker->core.loop));
    if (next != BALANCE_NONE) {
        x->server = next;
        back_h2_acquire(x);
        return;
    }
    const char *detail =
        trouble->detail != NULL ? arena_cstr(&x->arena, span_from_cstr(trouble->detail)) : NULL;
    exchange_refuse(x, status_of(result), false, trouble->reason, detail, trouble->mend);
}

/* HTTP/2, perhaps: a stream on a connection that is there, or that others wait for too. */
static void forward_shared(struct exchange *x, size_t server)
{
    if (server == BALANCE_NONE) {
        exchange_refuse(x, 503, false, "no_server", "no server of the backend has a known address",
                        "see the messages about names that could not be resolved");
        return;
    }
    x->server = server;
    back_h2_acquire(x);
}

void exchange_tell_bound(const struct backend *backend)
{
    struct backend *told = (struct backend *)(uintptr_t)backend;

    if (!atomic_load_explicit(&told->is_bound_told, memory_order_relaxed) &&
        !atomic_exchange(&told->is_bound_told, true)) {
        log_info("backend %s: NTLM or Negotiate authenticates connections instead of requests: a "
                 "connection on which it is spoken is kept for that one client",
                 backend->name);
    }
}

/* Where the server has the choice: only HTTP/1.1 has Upgrade, and connections that are one client's
 * by their authentication. A server that is known to speak HTTP/2 alone never sees the former. */
static bool needs_h1(const struct exchange *x)
{
    switch (x->backend->protocol) {
    case BACKEND_H1:
        return true;
    case BACKEND_AUTO:
        return x->request.upgrade.ptr != NULL || x->is_auth_bound || x->wants_h1;
    case BACKEND_H2:
    case BACKEND_H2C:
        break;
    }
    return false;
}

void exchange_forward(struct exchange *x)
{
    struct upstream *upstream = worker_upstream(x->worker, x->backend);
    struct back_h1 *back = NULL;
    size_t server;

    x->state = EXCHANGE_CONNECT;
    x->connect_began_us = loop_now_us(x->worker->core.loop);
    x->session->is_bound |= x->is_auth_bound;
    if (!x->wants_new && !list_is_empty(&x->session->bound)) {
        back = back_h1_take_bound(x);
    }
    if (back != NULL) {
        exchange_attach(x, back_h1_base(back));
        return;
    }
    server = upstream_pick(upstream, &x->tried, x->connect_began_us);
    if (!needs_h1(x)) {
        forward_shared(x, server);
        return;
    }
    if (server != BALANCE_NONE && !x->wants_new) {
        x->server = server;
        back = back_h1_unpark(x);
    }
    if (back == NULL) {
        dial(x, server);
        return;
    }
    exchange_attach(x, back_h1_base(back));
}

void exchange_release_back(struct exchange *x, bool reusable)
{
    if (x->dial != NULL) {
        dial_cancel(x->dial);
        free(x->dial);
        x->dial = NULL;
        back_h1_destroy(x->connecting);
        x->connecting = NULL;
    }
    if (x->awaited != NULL) {
        back_h2_forget(x);
        upstream_done(worker_upstream(x->worker, x->backend), x->server, true);
    }
    if (x->back != NULL) {
        struct back *back = x->back;
        x->back = NULL;
        upstream_done(worker_upstream(x->worker, x->backend), x->server, reusable);
        back->ops->release(back, reusable && x->request_done);
    }
}

static struct retry_state retry_state_of(const struct exchange *x)
{
    return (struct retry_state){
        .has_started = x->has_started,
        .has_body_in_hand = x->request_bytes == 0 || !x->replay.is_off,
        .is_idempotent = http_method_is_idempotent(x->request.method, x->request.method_name),
        .losses = x->losses,
        .refusals = x->refusals,
    };
}

bool exchange_may_repeat(const struct exchange *x)
{
    const struct retry_facts lost = {.stage = RETRY_SENT, .was_pooled = true};
    struct retry_state state = retry_state_of(x);

    /* A body that will not fit, or that goes straight from socket to socket. */
    if (x->replay.is_off && x->request.framing != HTTP_FRAMING_NONE) {
        state.has_body_in_hand = false;
    }
    return retry_decide(&retry_policy, &state, &lost) != RETRY_NO;
}

/* Where to: what was tried counts for as long as another server is left. */
static bool may_send_again(struct exchange *x, const struct retry_facts *facts)
{
    struct retry_state state = retry_state_of(x);
    enum retry_answer answer = retry_decide(&retry_policy, &state, facts);

    if (answer == RETRY_NO) {
        return false;
    }
    x->wants_new = answer != RETRY_ANYWHERE;
    x->losses += facts->stage == RETRY_SENT;
    x->refusals += facts->stage != RETRY_SENT;
    if (answer == RETRY_ON_NEW_CONNECTION || x->tried.count >= x->backend->server_count) {
        memset(&x->tried, 0, sizeof(x->tried));
    }
    return true;
}

void exchange_back_failed(struct exchange *x, const struct retry_facts *facts, unsigned status,
                          const struct trouble *trouble)
{
    bool has_answered = x->state == EXCHANGE_REST;

    upstream_done(worker_upstream(x->worker, x->backend), x->server, has_answered);
    x->back = NULL;
    if (has_answered) {
        x->trouble = *trouble;
        exchange_finish(x, false);
        return;
    }
    if (may_send_again(x, facts)) {
        exchange_forward(x);
        return;
    }
    /* What it says may go with the connection. */
    const char *detail =
        trouble->detail != NULL ? arena_cstr(&x->arena, span_from_cstr(trouble->detail)) : NULL;
    x->is_declined = !x->has_started && facts->stage == RETRY_DECLINED &&
                     x->request.version == HTTP_2 && x->request_bytes != 0 && x->replay.is_off;
    if (x->has_started || x->is_declined) {
        x->trouble = (struct trouble){trouble->reason, detail, trouble->mend};
        exchange_break(x);
        return;
    }
    exchange_refuse(x, status, false, trouble->reason, detail, trouble->mend);
}

/* ---- after 101 ---- */

static void count_tunnel(struct exchange *x)
{
    x->request_bytes += x->tunnel->tunnel.moved[0];
    x->response_bytes += x->tunnel->tunnel.moved[1];
}

void exchange_stop_tunnel(struct exchange *x)
{
    if (x->tunnel != NULL) {
        tunnel_stop(&x->tunnel->tunnel);
        count_tunnel(x);
        free(x->tunnel);
        x->tunnel = NULL;
    }
}

static void on_tunnel_end(struct tunnel *tunnel, const char *reason)
{
    struct upgrade_tunnel *upgrade = CONTAINER_OF(tunnel, struct upgrade_tunnel, tunnel);
    struct exchange *x = upgrade->x;

    x->trouble.reason = reason;
    x->closes = true;
    exchange_stop_tunnel(x);
    exchange_finish(x, reason != NULL);
}

void exchange_start_tunnel(struct exchange *x)
{
    struct span from_client;
    struct span from_server;
    struct conn *client = x->front->upgrade(x, &from_client);
    struct conn *server = x->back->ops->take_over(x->back, &from_server);

    x->state = EXCHANGE_TUNNEL;
    timer_clear(&x->timer);
    x->tunnel = xcalloc(1, sizeof(*x->tunnel));
    x->tunnel->x = x;
    tunnel_init(&x->tunnel->tunnel, x->worker, on_tunnel_end);
    conn_queue(client, from_server);
    conn_flush(client);
    conn_queue(server, from_client);
    conn_flush(server);
    x->response_bytes += from_server.len;
    x->request_bytes += from_client.len;
    tunnel_start(&x->tunnel->tunnel, client, server);
}

void exchange_start_streams(struct exchange *x)
{
    if (x->back->ops->go_raw == NULL) {
        exchange_refuse(x, 502, false, "unasked_upgrade",
                        "the server switched to a protocol that cannot be carried on", NULL);
        return;
    }
    x->back->ops->go_raw(x->back);
    x->is_tunnel = true;
    x->request_done = false; /* from here on the client may send as it likes */
    x->state = EXCHANGE_RESPOND;
    x->has_started = true;
    x->response.status = x->asks_connect ? 101 : 200;
    x->response.framing = HTTP_FRAMING_CLOSE;
    x->response.has_content_length = false;
    exchange_prepare_response(x);
    exchange_progress(x);
    if (x->asks_connect) {
        x->response.upgrade = x->request.upgrade;
        if (span_ieq(x->request.upgrade, SPAN_OF("websocket"))) {
            websocket_add_accept(x);
        }
        x->front->head(x, &x->response);
        x->front->go_raw(x);
    } else {
        x->front->head(x, &x->response);
    }
    x->front->resume(x);
}

/* An exchange's request to a server: what it asks of its call, and what it makes of the answer. */
#include <stdlib.h>

#include "gateway/client_identity.h"
#include "gateway/exchange_internal.h"
#include "gateway/generation.h"
#include "gateway/reasons.h"
#include "gateway/tunnel.h"
#include "http/grpc.h"
#include "server/websocket.h"

struct upgrade_tunnel {
    struct tunnel tunnel;
    struct exchange *x;
};

static struct exchange *owner_of(struct call *call)
{
    return CONTAINER_OF(call, struct exchange, call);
}

/* A gRPC call's; NULL: its client says none. */
static const struct http_field *client_deadline(const struct exchange *x)
{
    return x->is_grpc ? http_fields_find_name(&x->request.fields, SPAN_OF("grpc-timeout")) : NULL;
}

/* The shorter of what the configuration and the client of a gRPC call say. */
static void set_deadline(struct exchange *x)
{
    const struct http_field *field = client_deadline(x);
    uint64_t us;

    x->request_ms = exchange_timeouts(x).request_ms;
    if (field != NULL && grpc_timeout_read(field->value, &us) &&
        (x->request_ms == 0 || us / 1000 < x->request_ms)) {
        x->request_ms = us < 1000 ? 1 : us / 1000;
    }
    exchange_await_deadline(x);
}

/* The server is told what is left of it. */
static void tell_deadline(struct exchange *x)
{
    struct http_field *field = client_deadline(x) != NULL
                                   ? (struct http_field *)(uintptr_t)http_fields_find_name(
                                         &x->call.request->fields, SPAN_OF("grpc-timeout"))
                                   : NULL;
    uint64_t age_us = loop_now_us(x->worker->core.loop) - x->front.head_us;
    uint64_t all_us = x->request_ms * 1000;

    if (field != NULL && all_us != 0) {
        field->value = grpc_timeout_write(all_us > age_us ? all_us - age_us : 0, &x->arena);
    }
}

void exchange_forward(struct exchange *x)
{
    struct call *call = &x->call;

    exchange_enter(x, EXCHANGE_FORWARD);
    exchange_rewrite_query(x);
    set_deadline(x);
    call->request = exchange_grpc_web_begin(x);
    call->response = &x->response;
    call->backend = x->backend;
    call->path = x->target.forward;
    call->is_whole = x->front.request_done;
    call->replay_limit = (size_t)x->route->settings->replay_limit;
    call->lease.priority = x->route->settings->priority;
    exchange_choose_key(x);
    if (x->route->retries != NULL) {
        call->retries = *x->route->retries;
    }
    if (x->route->mirror != NULL) {
        exchange_mirror_begin(x);
    }
    call_start(call);
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

    x->front.trouble.reason = reason;
    x->front.closes = true;
    exchange_stop_tunnel(x);
    exchange_finish(x, reason != NULL);
}

static void start_tunnel(struct exchange *x)
{
    struct span from_client;
    struct span from_server;
    struct conn *client = x->front.ops->upgrade(&x->front, &from_client);
    struct conn *server = call_take_over(&x->call, &from_server);

    exchange_enter(x, EXCHANGE_TUNNEL);
    timer_clear(&x->timer);
    x->tunnel = xcalloc(1, sizeof(*x->tunnel));
    x->tunnel->x = x;
    tunnel_init(&x->tunnel->tunnel, x->worker, on_tunnel_end);
    x->tunnel->tunnel.idle_ms = exchange_timeouts(x).tunnel_idle_ms;
    conn_queue(client, from_server);
    conn_flush(client);
    conn_queue(server, from_client);
    conn_flush(server);
    x->response_bytes += from_server.len;
    x->request_bytes += from_client.len;
    tunnel_start(&x->tunnel->tunnel, client, server);
}

/* The same where one side has no connection to give away. */
static void start_streams(struct exchange *x)
{
    call_go_raw(&x->call);
    x->front.is_tunnel = true;
    x->front.request_done = false; /* from here on the client may send as it likes */
    exchange_enter(x, EXCHANGE_RESPOND);
    x->front.has_started = true;
    x->response.status = x->call.asks_connect ? 101 : 200;
    x->response.framing = HTTP_FRAMING_CLOSE;
    x->response.has_content_length = false;
    exchange_prepare_response(x);
    exchange_progress(x);
    if (x->call.asks_connect) {
        x->response.upgrade = x->request.upgrade;
        if (span_ieq(x->request.upgrade, SPAN_OF("websocket"))) {
            websocket_add_accept(&x->request, &x->response, &x->arena);
        }
        x->front.ops->head(&x->front, &x->response);
        x->front.ops->go_raw(&x->front);
    } else {
        x->front.ops->head(&x->front, &x->response);
    }
}

/* ---- the call's events ---- */

static void on_interim(struct call *call)
{
    struct exchange *x = owner_of(call);

    exchange_take_in_hand(x);
    exchange_progress(x);
    x->was_continued |= x->response.status == 100;
    /* HTTP/1.0 knows no interim responses (RFC 9110 section 15.2). */
    if (x->request.version != HTTP_1_0) {
        exchange_prepare_response(x);
        x->front.ops->interim(&x->front, &x->response);
    }
}

static bool is_event_stream(const struct http_response *response)
{
    const struct http_field *type = http_fields_find(&response->fields, FIELD_CONTENT_TYPE);

    return type != NULL && span_istarts_with(type->value, SPAN_OF("text/event-stream"));
}

/* It may be stored, or has stored ones forgotten. */
static bool is_for_cache(const struct exchange *x)
{
    return x->cache != NULL ||
           (x->generation->snapshot->cache != NULL && !http_method_is_safe(x->request.method));
}

/* Whether the head ends here, since it is about another protocol: which is spoken from now on, or
 * the answer was rejected. */
static bool switches_protocol(struct exchange *x)
{
    static const struct trouble bad_accept = {
        "bad_websocket_accept",
        "the server switched to WebSocket without the answer to the key (Sec-WebSocket-Accept, RFC "
        "6455 section 4.2.2)",
        "see whether it is a WebSocket server"};
    static const struct trouble declined = {
        "upgrade_declined",
        "the server answered the request for another protocol as an ordinary one",
        "see the server's log, and whether the path is the right one"};

    if (x->response.status == 101 && websocket_is_asked(&x->request) &&
        !websocket_is_accepted(&x->request, &x->response)) {
        call_reject(&x->call, &bad_accept);
        return true;
    }
    if (x->response.status == 101 && x->front.ops->upgrade == NULL) {
        start_streams(x);
        return true;
    }
    if ((x->request.is_extended_connect || x->call.asks_connect) && x->response.status < 300 &&
        x->response.version == HTTP_2) {
        start_streams(x); /* RFC 8441 section 5 */
        return true;
    }
    if (x->request.is_extended_connect && x->response.status < 300) {
        /* A success means to the client that the other protocol is spoken from here on. */
        call_reject(&x->call, &declined);
        return true;
    }
    if (x->response.status == 101) {
        exchange_prepare_response(x);
        x->front.has_started = true;
        x->front.ops->head(&x->front, &x->response);
        start_tunnel(x);
        return true;
    }
    return false;
}

static void on_head(struct call *call)
{
    struct exchange *x = owner_of(call);

    exchange_take_in_hand(x);
    if (x->first_byte_us == 0) {
        x->first_byte_us = loop_now_us(x->worker->core.loop);
    }
    exchange_progress(x);
    /* Its URLs and cookies as clients know them, and besides as the server sent it: what is added
     * from here on is this client's, and the gateway's own. */
    exchange_translate_locations(x);
    if (is_for_cache(x) && exchange_cache_takes_head(x)) {
        return;
    }
    exchange_keep_server(x);
    exchange_keep_part(x);
    if (switches_protocol(x)) {
        return;
    }
    if (x->front.ops->takes_head != NULL && !x->front.ops->takes_head(&x->front, &x->response)) {
        struct trouble trouble = front_head_above_client();
        call_spare(call);
        call_reject(call, &trouble);
        return;
    }
    if (x->call.asks_connect) {
        call_send_end(call, NULL); /* declined: the CONNECT has no more to say */
    }
    if (x->route->pages.errors != NULL) {
        exchange_replace_error(x);
    }
    if (x->route->filters.count != 0 && x->page.ptr == NULL && !exchange_begin_filters(x)) {
        return;
    }
    exchange_prepare_response(x);
    exchange_compress(x);
    if (x->grpc_web != NULL) {
        exchange_grpc_web_head(x);
    }
    exchange_enter(x, EXCHANGE_RESPOND);
    x->front.has_started = true;
    x->front.is_event_stream = is_event_stream(&x->response);
    /* A server that closes behind its response may do so before it has read the request. */
    x->front.closes |=
        !x->front.request_done && x->response.version != HTTP_2 && !x->response.keep_alive;
    exchange_progress(x); /* another limit from here on */
    x->front.ops->head(&x->front, &x->response);
}

static void on_body(struct call *call, struct span bytes)
{
    struct exchange *x = owner_of(call);

    if (x->cache != NULL) {
        cache_keeper_body(&x->cache->keeper, bytes);
    }
    exchange_response_body(x, bytes);
}

static void on_moved(struct call *call, uint64_t bytes)
{
    exchange_response_moved(owner_of(call), bytes);
}

static void on_end(struct call *call, struct http_fields *trailers)
{
    struct exchange *x = owner_of(call);

    if (x->cache == NULL || !exchange_cache_takes_end(x, trailers)) {
        exchange_response_end(x, trailers);
    }
}

static void on_failed(struct call *call, const struct call_failure *failure)
{
    struct exchange *x = owner_of(call);
    const struct trouble *trouble = &failure->trouble;

    if (x->front.state == EXCHANGE_REST) {
        x->front.trouble = *trouble;
        exchange_finish(x, false); /* the client has its answer */
        return;
    }
    x->front.is_declined = !x->front.has_started && failure->is_unseen &&
                           x->request.version == HTTP_2 && x->request_bytes != 0 &&
                           call->replay.is_off;
    if (x->front.has_started || x->front.is_declined) {
        x->front.trouble = *trouble;
        exchange_break(x);
        return;
    }
    exchange_refuse(x, failure->status, false, trouble->reason, trouble->detail, trouble->mend);
}

static void on_writable(struct call *call)
{
    struct exchange *x = owner_of(call);

    exchange_progress(x);
    if (!x->front.request_done) {
        x->front.ops->resume(&x->front);
        return;
    }
    exchange_end_rest(x);
}

static void on_connected(struct call *call)
{
    struct exchange *x = owner_of(call);

    tell_deadline(x);
    exchange_translate_destination(x);
    exchange_progress(x);
}

static bool poll_response(struct call *call)
{
    return exchange_poll_response(owner_of(call));
}

static size_t room(struct call *call)
{
    return exchange_response_room(owner_of(call));
}

static struct conn *sink(struct call *call)
{
    struct exchange *x = owner_of(call);
    bool is_kept = x->cache != NULL && x->cache->keeper.is_keeping;

    return is_kept ? NULL : exchange_raw_front(x);
}

static void on_sink_failed(struct call *call)
{
    exchange_lose_client(owner_of(call));
}

static void describe_client(struct call *call, struct dial_client *client)
{
    client_identity_describe(owner_of(call)->link, call->backend, client);
}

const struct call_ops exchange_call_ops = {
    .interim = on_interim,
    .head = on_head,
    .body = on_body,
    .moved = on_moved,
    .end = on_end,
    .failed = on_failed,
    .writable = on_writable,
    .connected = on_connected,
    .poll_response = poll_response,
    .room = room,
    .sink = sink,
    .sink_failed = on_sink_failed,
    .describe_client = describe_client,
};

/* ---- the lease ---- */

/* These say that it was the server (RFC 9110 sections 15.6.3 and 15.6.5); all others that it was
 * the request, or the gateway. */
enum lease_how exchange_how_refused(unsigned status)
{
    return status == 502 || status == 504 ? LEASE_SERVER_FAILED : LEASE_CLIENT_LEFT;
}

enum lease_how exchange_how_broken(const struct exchange *x)
{
    return x->front.trouble.reason != NULL && reasons_is_of_server(x->front.trouble.reason)
               ? LEASE_SERVER_FAILED
               : LEASE_CLIENT_LEFT;
}

#include "gateway/exchange.h"

#include <stdlib.h>

#include "gateway/access.h"
#include "gateway/back.h"
#include "gateway/client_identity.h"
#include "gateway/dial.h"
#include "gateway/websocket.h"
#include "http/connection_auth.h"
#include "http/reuse.h"

/* One block holds the head, the fields and what is added to an ordinary request. */
#define ARENA_BLOCK 8192
#define POOL_MAX 256

static void on_timer(struct timer *timer);

const struct trouble exchange_unread_trouble = {
    "server_closed_in_body",
    "the server answered, and closed before it had read all of the request's body",
    "see the server's log, and its limit for bodies"};

/* ---- life ---- */

static struct exchange *take_from_pool(struct worker *worker)
{
    struct list *node = list_pop_front(&worker->free_exchanges);
    struct exchange *x;

    if (node != NULL) {
        worker->free_exchange_count--;
        return LIST_ENTRY(node, struct exchange, pool_node);
    }
    x = xcalloc(1, sizeof(*x));
    arena_init(&x->arena, ARENA_BLOCK);
    timer_init(&x->timer, on_timer);
    list_init(&x->pool_node);
    return x;
}

static void exchange_destroy(struct exchange *x)
{
    timer_destroy(x->worker->core.loop, &x->timer);
    arena_destroy(&x->arena);
    free(x);
}

void exchange_free_pool(struct worker *worker)
{
    struct list *node;

    while ((node = list_pop_front(&worker->free_exchanges)) != NULL) {
        exchange_destroy(LIST_ENTRY(node, struct exchange, pool_node));
    }
}

/* On each way in, for the message of a process that dies. */
static void take_in_hand(const struct exchange *x)
{
    x->worker->in_hand = (struct in_hand){x->session, x};
}

static void give_back(struct exchange *x)
{
    struct worker *worker = x->worker;

    /* What the outbox holds by reference may lie in this arena. */
    conn_memory_flush(conn_memory(&x->session->conn));
    worker->exchange_count--;
    if (worker->in_hand.exchange == x) {
        worker->in_hand.exchange = NULL;
    }
    exchange_count_file(x, false);
    deferred_cancel(&x->again);
    replay_drop(&x->replay);
    if (worker->free_exchange_count >= POOL_MAX || worker->is_draining) {
        exchange_destroy(x);
        return;
    }
    /* The timer stays in the heap, cleared: the next request will most likely set it again. */
    timer_clear(&x->timer);
    arena_reset(&x->arena);
    list_push_front(&worker->free_exchanges, &x->pool_node);
    worker->free_exchange_count++;
}

struct exchange *exchange_create(struct session *session, const struct front_ops *front,
                                 void *front_owner)
{
    struct worker *worker = session->worker;
    struct exchange *x = take_from_pool(worker);
    struct arena arena = x->arena;
    struct timer timer = x->timer;

    worker->exchange_count++;
    /* Everything but what the pool keeps starts from zero. */
    memset(x, 0, sizeof(*x));
    x->arena = arena;
    x->timer = timer;
    list_init(&x->pool_node);
    deferred_init(&x->again, exchange_answer_file_again);
    x->worker = worker;
    x->session = session;
    x->front = front;
    x->front_owner = front_owner;
    x->site = session->site;
    x->server = BALANCE_NONE;
    x->started_us = x->head_us = loop_now_us(worker->core.loop);
    core_request_id(&worker->core, x->id);
    x->request_id = span_make(x->id, REQUEST_ID_LEN);
    session->is_logged = true; /* from here on its requests are what is logged */
    return x;
}

void exchange_finish(struct exchange *x, bool is_broken)
{
    if (x->state == EXCHANGE_DONE) {
        return;
    }
    exchange_release_back(x, !is_broken);
    x->state = EXCHANGE_DONE;
    access_log_exchange(x);
    x->front->done(x, is_broken);
    give_back(x);
}

void exchange_abandon(struct exchange *x, const char *reason)
{
    if (x->state == EXCHANGE_DONE) {
        return;
    }
    /* Who has the whole response may go. */
    if (x->trouble.reason == NULL && reason != NULL && x->state != EXCHANGE_REST) {
        x->trouble.reason = reason;
    }
    exchange_stop_tunnel(x);
    exchange_release_back(x, false);
    x->state = EXCHANGE_DONE;
    access_log_exchange(x);
    give_back(x);
}

/* ---- routing ---- */

void exchange_refuse(struct exchange *x, unsigned status, bool closes, const char *reason,
                     const char *detail, const char *mend)
{
    x->trouble = (struct trouble){reason, detail, mend};
    x->closes |= closes;
    if (x->state == EXCHANGE_REST) {
        exchange_finish(x, false); /* the client has its answer */
        return;
    }
    exchange_release_back(x, false);
    if (x->has_started) {
        exchange_break(x);
        return;
    }
    x->refused_status = status;
    if (x->state == EXCHANGE_DISCARD || status == 408 || status == 503 ||
        !exchange_answer_waits(x)) {
        exchange_answer_error(x, status);
    }
}

static const struct client_names *ask_client(void *asker)
{
    return client_identity_names(asker);
}

void exchange_decide(struct exchange *x, struct span path, struct edge_decision *decision)
{
    struct session *session = x->session;

    edge_decide(&(struct edge_request){.hosts = session->socket->listener->hosts,
                                       .connected = session->is_tls ? session->site->edge : NULL,
                                       .is_https = exchange_is_https(x),
                                       .host = x->request.host,
                                       .path = path,
                                       .method = x->request.method_name,
                                       .client = ask_client,
                                       .asker = session},
                &x->arena, decision);
}

/* Which route serves the request, or false: it was answered. */
static bool find_route(struct exchange *x)
{
    struct edge_decision decision;

    exchange_decide(x, x->request.path, &decision);
    x->path = decision.path;
    if (decision.site != NULL) {
        x->site = snapshot_site(x->session->snapshot, decision.site);
    }
    switch (decision.verdict) {
    case EDGE_ROUTE:
        x->route = &x->site->routes[decision.route];
        return true;
    case EDGE_REDIRECT:
        exchange_answer_redirect(x);
        return false;
    case EDGE_REFUSE:
        break;
    }
    if (decision.status == 405 && decision.site != NULL) {
        x->refusal.allow = route_table_allow(&decision.site->table, x->path.match, &x->arena);
    }
    exchange_refuse(x, decision.status, decision.closes, decision.reason, decision.detail,
                    decision.mend);
    return false;
}

static bool check_body_limit(struct exchange *x, uint64_t bytes)
{
    if (bytes <= x->route->body_limit) {
        return true;
    }
    exchange_refuse(x, 413, true, "body_too_large", "the request's body is over the limit",
                    "body_limit of the route, or limits.body, sets it");
    return false;
}

/* What anybody on the way may have recorded and sent again does nothing that changes something (RFC
 * 8470 section 3): the client repeats it after the handshake. A tunnel's bytes have no method. */
static bool is_too_early(struct exchange *x)
{
    const struct http_request *request = &x->request;

    x->is_early = session_is_early(x->session);
    if (!x->is_early || (http_method_is_safe(request->method) && request->upgrade.ptr == NULL)) {
        return false;
    }
    exchange_refuse(x, 425, false, "too_early",
                    "the request came as TLS early data (0-RTT), and might change something",
                    "the client should send only GET, HEAD and OPTIONS before the handshake is "
                    "over, and this again now; early_data of the site turns it off");
    return true;
}

static bool is_grpc(const struct http_request *request)
{
    const struct span kind = SPAN("application/grpc"); /* and application/grpc+proto, ... */
    const struct http_field *type = http_fields_find(&request->fields, FIELD_CONTENT_TYPE);

    return type != NULL && span_istarts_with(type->value, kind);
}

/* Whether what is sent of the body may be of use again. HTTP/1 never declines a request unseen. */
static bool may_be_replayed(const struct exchange *x)
{
    const struct http_request *request = &x->request;

    if (x->backend->protocol != BACKEND_H1) {
        return true;
    }
    return http_method_is_idempotent(request->method, request->method_name) &&
           (request->framing != HTTP_FRAMING_LENGTH || request->content_length <= REPLAY_MAX);
}

void exchange_begin(struct exchange *x)
{
    struct http_request *request = &x->request;

    take_in_hand(x);
    x->is_grpc = is_grpc(request);
    if (!find_route(x) || is_too_early(x)) {
        return;
    }
    if (request->framing == HTTP_FRAMING_LENGTH && !check_body_limit(x, request->content_length)) {
        return;
    }
    if (x->route->backend == NULL) {
        if (request->is_extended_connect) {
            exchange_refuse(x, 501, false, "upgrade_not_here",
                            "the route has no server that could speak another protocol", NULL);
            return;
        }
        exchange_answer_route(x);
        return;
    }
    if (exchange_destination_is_refused(x) || exchange_ends_here(x)) {
        return;
    }
    x->backend = x->route->backend;
    replay_init(&x->replay, &x->worker->core.sums.replay, !may_be_replayed(x));
    x->is_auth_bound = connection_auth_is_given(&request->fields);
    exchange_prepare_request(x);
    if (request->is_extended_connect && request->upgrade.ptr == NULL) {
        exchange_refuse(x, 501, false, "upgrade_not_allowed",
                        "the route does not let clients switch to this protocol",
                        "name the protocol in upgrade of the route");
        return;
    }
    if (x->asks_connect && span_ieq(request->upgrade, SPAN_OF("websocket")) &&
        !websocket_has_key(x)) {
        exchange_refuse(x, 400, false, "bad_websocket_key",
                        "the request for WebSocket has no Sec-WebSocket-Key of 16 bytes in Base64 "
                        "(RFC 6455 section 4.1)",
                        "see what the client sends");
        return;
    }
    exchange_forward(x);
}

/* ---- the request's body ---- */

bool exchange_takes_body(const struct exchange *x)
{
    switch (x->state) {
    case EXCHANGE_DISCARD:
        return true;
    case EXCHANGE_WAIT:
    case EXCHANGE_RESPOND:
    case EXCHANGE_REST:
        return x->back != NULL && x->back->ops->takes_body(x->back);
    case EXCHANGE_START:
    case EXCHANGE_CONNECT:
    case EXCHANGE_TUNNEL:
    case EXCHANGE_DONE:
        break;
    }
    return false;
}

void exchange_request_body(struct exchange *x, struct span bytes)
{
    take_in_hand(x);
    x->request_bytes += bytes.len;
    if (!x->is_tunnel && x->route != NULL && !check_body_limit(x, x->request_bytes)) {
        return;
    }
    if (x->back != NULL) {
        replay_add(&x->replay, bytes);
        x->back->ops->send_body(x->back, bytes);
        exchange_progress(x);
    }
}

uint64_t exchange_body_left(const struct exchange *x)
{
    return x->request.framing == HTTP_FRAMING_LENGTH ? x->request.content_length - x->request_bytes
                                                     : UINT64_MAX;
}

bool exchange_is_held_back(const struct exchange *x)
{
    return x->request.expects_continue && !x->was_continued && x->request_bytes == 0;
}

struct conn *exchange_raw_back(const struct exchange *x)
{
    return x->back != NULL && (x->state == EXCHANGE_WAIT || x->state == EXCHANGE_RESPOND ||
                               x->state == EXCHANGE_REST)
               ? x->back->ops->raw(x->back)
               : NULL;
}

void exchange_request_moved(struct exchange *x, uint64_t bytes)
{
    x->request_bytes += bytes;
    replay_drop(&x->replay); /* they were never in our memory */
    exchange_progress(x);
}

/* The request has followed its response to the end, or what the server takes of it. */
static void end_rest(struct exchange *x)
{
    if (x->state == EXCHANGE_REST && x->request_done && x->back->ops->is_sent(x->back)) {
        exchange_finish(x, false);
    }
}

void exchange_request_end(struct exchange *x, struct http_fields *trailers)
{
    take_in_hand(x);
    if (trailers != NULL) {
        http_trailers_mark(trailers, &x->request.fields);
        exchange_prepare_trailers(trailers);
        x->replay.trailers = *trailers;
    }
    x->request_done = true;
    if (x->state == EXCHANGE_DISCARD) {
        exchange_answer_now(x);
        return;
    }
    if (x->back != NULL) {
        x->back->ops->send_end(x->back, trailers);
        exchange_progress(x);
    }
    if (x->is_response_over) {
        exchange_finish(x, false);
        return;
    }
    end_rest(x);
}

void exchange_request_taken(struct exchange *x)
{
    if (!http_method_is_idempotent(x->request.method, x->request.method_name)) {
        replay_drop(&x->replay);
    }
}

void exchange_back_writable(struct exchange *x)
{
    exchange_progress(x);
    if (!x->request_done) {
        x->front->resume(x);
        return;
    }
    end_rest(x);
}

/* ---- the response ---- */

bool exchange_poll_response(struct exchange *x)
{
    return x->front->poll(x);
}

size_t exchange_response_room(const struct exchange *x)
{
    return x->front->room != NULL ? x->front->room(x) : SIZE_MAX;
}

bool exchange_has_more(const struct exchange *x)
{
    return x->file != NULL ||
           (x->back != NULL && x->state == EXCHANGE_RESPOND && x->back->ops->has_more(x->back));
}

void exchange_front_writable(struct exchange *x)
{
    if (x->file != NULL) {
        exchange_answer_file_go_on(x);
        return;
    }
    if (x->back != NULL && x->state != EXCHANGE_TUNNEL) {
        exchange_progress(x);
        x->back->ops->resume(x->back);
    }
}

void exchange_response_interim(struct exchange *x)
{
    take_in_hand(x);
    exchange_progress(x);
    /* HTTP/1.0 knows no interim responses (RFC 9110 section 15.2). */
    x->was_continued |= x->response.status == 100;
    if (x->request.version != HTTP_1_0) {
        exchange_prepare_response(x);
        x->front->interim(x, &x->response);
    }
}

static bool is_event_stream(const struct http_response *response)
{
    const struct http_field *type = http_fields_find(&response->fields, FIELD_CONTENT_TYPE);

    return type != NULL && span_istarts_with(type->value, SPAN_OF("text/event-stream"));
}

void exchange_response_head(struct exchange *x)
{
    take_in_hand(x);
    if (x->first_byte_us == 0) {
        x->first_byte_us = loop_now_us(x->worker->core.loop);
    }
    exchange_progress(x);
    replay_drop(&x->replay);
    if (x->response.status == 101 && websocket_is_asked(x) && !websocket_is_accepted(x)) {
        exchange_refuse(x, 502, false, "bad_websocket_accept",
                        "the server switched to WebSocket without the answer to the key "
                        "(Sec-WebSocket-Accept, RFC 6455 section 4.2.2)",
                        "see whether it is a WebSocket server");
        return;
    }
    if (x->response.status == 101 && x->front->upgrade == NULL) {
        exchange_start_streams(x);
        return;
    }
    if ((x->request.is_extended_connect || x->asks_connect) && x->response.status < 300 &&
        x->response.version == HTTP_2) {
        exchange_start_streams(x); /* RFC 8441 section 5 */
        return;
    }
    if (x->request.is_extended_connect && x->response.status < 300) {
        /* A success means to the client that the other protocol is spoken from here on. */
        exchange_refuse(x, 502, false, "upgrade_declined",
                        "the server answered the request for another protocol as an ordinary one",
                        "see the server's log, and whether the path is the right one");
        return;
    }
    if (x->response.status == 101) {
        exchange_prepare_response(x);
        x->has_started = true;
        x->front->head(x, &x->response);
        exchange_start_tunnel(x);
        return;
    }
    if (x->asks_connect) {
        x->back->ops->send_end(x->back, NULL); /* declined: the CONNECT has no more to say */
    }
    exchange_prepare_response(x);
    x->state = EXCHANGE_RESPOND;
    x->has_started = true;
    x->is_event_stream = is_event_stream(&x->response);
    /* A server that closes behind its response may do so before it has read the request. */
    x->closes |= !x->request_done && x->response.version != HTTP_2 && !x->response.keep_alive;
    exchange_progress(x); /* another limit from here on */
    x->front->head(x, &x->response);
}

void exchange_response_body(struct exchange *x, struct span bytes)
{
    take_in_hand(x);
    exchange_response_moved(x, bytes.len);
    x->front->body(x, bytes);
}

void exchange_response_moved(struct exchange *x, uint64_t bytes)
{
    x->response_bytes += bytes;
    exchange_progress(x);
}

/* A response's end is not its exchange's: the server may read the request to the end, and the
 * client may send it first and look for the answer then (RFC 9112 section 9.3). */
static bool has_rest(struct exchange *x)
{
    struct back *back = x->back;

    if (back == NULL || (x->request_done && back->ops->is_sent(back)) || x->is_tunnel) {
        return false;
    }
    return back->ops->is_listening(back) && !exchange_is_held_back(x);
}

/* Why a client that was answered in order loses its connection. */
static void note_unread(struct exchange *x)
{
    if (x->trouble.reason != NULL || exchange_is_held_back(x) || x->is_tunnel ||
        reuse_rest_of(x->request_done, false, false, exchange_body_left(x)) != REUSE_REST_LONG) {
        return;
    }
    if (x->back != NULL) {
        x->trouble = exchange_unread_trouble;
    } else {
        x->trouble = (struct trouble){"body_unread",
                                      "the answer needs nothing of the request's body, whose rest "
                                      "was not read",
                                      NULL};
    }
}

void exchange_response_end(struct exchange *x, struct http_fields *trailers)
{
    take_in_hand(x);
    if (trailers != NULL) {
        http_trailers_mark(trailers, &x->response.fields);
    }
    if (x->is_tunnel && !x->request_done) {
        x->is_response_over = true; /* half of a tunnel: the other half goes on */
        x->front->end(x, trailers);
        exchange_progress(x);
        return;
    }
    if (!has_rest(x)) {
        x->front->end(x, trailers);
        note_unread(x);
        exchange_finish(x, false);
        return;
    }
    x->state = EXCHANGE_REST;
    x->front->end(x, trailers);
    if (!x->request_done) {
        x->front->resume(x);
    }
}

/* ---- time ---- */

static struct idle_settings idle_settings_of(const struct exchange *x)
{
    const struct timeouts_settings *timeouts = &x->session->snapshot->settings->timeouts;

    return (struct idle_settings){.response_ms =
                                      x->backend != NULL ? x->backend->response_timeout_ms : 0,
                                  .stream_idle_ms = timeouts->stream_idle_ms,
                                  .body_ms = timeouts->body_ms,
                                  .tunnel_idle_ms = timeouts->tunnel_idle_ms};
}

static struct idle_facts idle_facts_of(const struct exchange *x)
{
    return (struct idle_facts){.is_tunnel = x->is_tunnel,
                               .is_grpc = x->is_grpc && x->backend != NULL,
                               .has_started = x->has_started,
                               .is_over = x->state == EXCHANGE_REST,
                               .is_event_stream = x->is_event_stream};
}

struct idle_limit exchange_idle_of_client(const struct exchange *x)
{
    struct idle_settings settings = idle_settings_of(x);
    struct idle_facts facts = idle_facts_of(x);

    return idle_limit_of_client(&settings, &facts);
}

/* Both sides may talk in turns, or one alone. */
static bool may_pause(const struct exchange *x)
{
    return x->is_tunnel || x->is_grpc || (x->has_started && x->state != EXCHANGE_REST);
}

static bool is_past_total(const struct exchange *x)
{
    uint64_t total_ms = x->session->snapshot->settings->timeouts.body_total_ms;

    return total_ms != 0 && !may_pause(x) &&
           loop_now_us(x->worker->core.loop) >= x->head_us + total_ms * 1000;
}

bool exchange_body_comes(const struct exchange *x, uint64_t moved, bool was_held)
{
    const struct settings *settings = x->session->snapshot->settings;
    uint64_t rate = may_pause(x) || was_held ? 0 : settings->limits.body_rate;

    return idle_is_fast_enough(moved, settings->timeouts.body_ms, rate) && !is_past_total(x);
}

struct idle_limit exchange_body_limit(const struct exchange *x, uint64_t moved)
{
    if (is_past_total(x)) {
        return (struct idle_limit){0, 408, "body_total_timeout",
                                   "the request's body took too long as a whole",
                                   "timeouts.body_total sets the limit"};
    }
    if (moved != 0) {
        return (struct idle_limit){0, 408, "body_too_slow", "the request's body came too slowly",
                                   "limits.body_rate sets the limit"};
    }
    return exchange_idle_of_client(x);
}

static struct idle_limit idle_of_server(const struct exchange *x)
{
    struct idle_settings settings = idle_settings_of(x);
    struct idle_facts facts = idle_facts_of(x);

    return idle_limit_of_server(&settings, &facts);
}

void exchange_progress(struct exchange *x)
{
    if ((x->backend == NULL && !x->is_tunnel) || x->state == EXCHANGE_TUNNEL) {
        return;
    }
    uint64_t ms = idle_of_server(x).ms;
    if (ms != 0) {
        timer_set_ms(x->worker->core.loop, &x->timer, ms);
    } else {
        timer_clear(&x->timer);
    }
}

/* Nothing moved on the server's side for as long as it may be silent. */
static void on_timer(struct timer *timer)
{
    struct exchange *x = CONTAINER_OF(timer, struct exchange, timer);
    struct idle_limit limit;

    if (x->state == EXCHANGE_DISCARD) {
        exchange_answer_now(x);
        return;
    }
    if (x->state == EXCHANGE_DONE || x->back == NULL) {
        return;
    }
    limit = idle_of_server(x);
    if (x->is_tunnel) {
        x->trouble = (struct trouble){limit.reason, limit.detail, limit.mend};
        exchange_finish(x, true);
        return;
    }
    bool waits_for_client = (!x->request_done && exchange_takes_body(x)) ||
                            (x->has_started && x->front->is_blocked(x));
    if (waits_for_client) {
        exchange_progress(x); /* the front has deadlines of its own for its client */
        return;
    }
    exchange_refuse(x, limit.status, false, limit.reason, limit.detail, limit.mend);
}

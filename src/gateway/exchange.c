#include "gateway/exchange.h"
#include "edge/rewrite.h"

#include <stdlib.h>

#include "core/state_log.h"
#include "gateway/exchange_internal.h"
#include "gateway/generation.h"
#include "http/connection_auth.h"
#include "http/reuse.h"
#include "server/websocket.h"

/* One block holds the head, the fields and what is added to an ordinary request. */
#define ARENA_BLOCK 8192
#define POOL_MAX 256

static void on_timer(struct timer *timer);
static bool is_late(const struct exchange *x);

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

void exchange_take_in_hand(const struct exchange *x)
{
    x->worker->core.in_hand = (struct in_hand){x->link, &x->front};
}

static void give_back(struct exchange *x)
{
    struct worker *worker = x->worker;

    call_reset(&x->call);
    /* What the outbox holds by reference may lie in this arena. */
    conn_flush_all(x->worker->core.loop);
    if (x->cache != NULL) {
        exchange_cache_free(x);
    }
    if (x->phases != NULL) {
        phases_end(x->phases);
    }
    worker->exchange_count--;
    list_remove(&x->pool_node);
    if (worker->core.in_hand.exchange == &x->front) {
        worker->core.in_hand.exchange = NULL;
    }
    exchange_count_file(x, false);
    generation_release_exchange(x->generation);
    deferred_cancel(&x->again);
    if (worker->free_exchange_count >= POOL_MAX || worker->core.is_draining) {
        exchange_destroy(x);
        return;
    }
    /* The timer stays in the heap, cleared: the next request will most likely set it again. */
    timer_clear(&x->timer);
    arena_reset(&x->arena);
    list_push_front(&worker->free_exchanges, &x->pool_node);
    worker->free_exchange_count++;
}

struct front_exchange *exchange_open(struct link *link, struct generation *generation,
                                     const struct front_ops *ops, void *owner)
{
    struct worker *worker = worker_of(link->core);
    struct exchange *x = take_from_pool(worker);
    struct arena arena = x->arena;
    struct timer timer = x->timer;
    uint64_t now_us = loop_now_us(worker->core.loop);

    worker->exchange_count++;
    /* Everything but what the pool keeps starts from zero. */
    memset(x, 0, sizeof(*x));
    x->arena = arena;
    x->timer = timer;
    x->front = (struct front_exchange){.ops = ops,
                                       .behind = &exchange_ops,
                                       .owner = owner,
                                       .link = link,
                                       .arena = &x->arena,
                                       .request = &x->request,
                                       .response = &x->response,
                                       .id = x->id,
                                       .started_us = now_us,
                                       .head_us = now_us};
    list_push_back(&worker->exchanges, &x->pool_node);
    deferred_init(&x->again, exchange_again);
    x->worker = worker;
    x->link = link;
    x->generation = generation_hold_exchange(generation);
    x->settings = link->settings;
    x->listener = link->listener;
    x->connected = x->site = link->site;
    call_init(&x->call, &exchange_call_ops, &worker->client, link->caller, &x->arena);
    x->call.whose =
        (struct state_owner){.core = &worker->core, .session = link->id, .exchange = x->id};
    core_request_id(&worker->core, x->id);
    x->request_id = span_make(x->id, REQUEST_ID_LEN);
    link->is_logged = true; /* from here on its requests are what is logged */
    return &x->front;
}

void exchange_enter(struct exchange *x, enum exchange_state state)
{
    static const char *const words[] = {"start",   "phases", "discard", "forward",
                                        "respond", "rest",   "tunnel",  "done"};

    if (state_log_is_on()) {
        state_log(
            &(struct state_owner){.core = x->link->core, .session = x->link->id, .exchange = x->id},
            "exchange", words[x->front.state], words[state]);
    }
    x->front.state = state;
}

/* Nothing is asked for it any more. */
static void release(struct exchange *x, enum lease_how how)
{
    if (x->phases != NULL) {
        phases_cancel(x->phases);
    }
    if (x->cache != NULL) {
        exchange_cache_leave(x);
    }
    exchange_mirror_leave(x);
    call_release(&x->call, how);
}

void exchange_finish(struct exchange *x, bool is_broken)
{
    if (x->front.state == EXCHANGE_DONE) {
        return;
    }
    release(x, is_broken ? exchange_how_broken(x) : LEASE_OK);
    exchange_enter(x, EXCHANGE_DONE);
    exchange_log(x);
    exchange_note_offence(x);
    x->front.h2_code = x->call.h2_code;
    x->front.ops->done(&x->front, is_broken);
    give_back(x);
}

void exchange_abandon(struct exchange *x, const char *reason)
{
    if (x->front.state == EXCHANGE_DONE) {
        return;
    }
    /* Who has the whole response may go. */
    if (x->front.trouble.reason == NULL && reason != NULL && x->front.state != EXCHANGE_REST) {
        x->front.trouble.reason = reason;
    }
    exchange_stop_tunnel(x);
    release(x, LEASE_CLIENT_LEFT);
    exchange_enter(x, EXCHANGE_DONE);
    exchange_log(x);
    exchange_note_offence(x);
    give_back(x);
}

/* ---- routing ---- */

void exchange_refuse(struct exchange *x, unsigned status, bool closes, const char *reason,
                     const char *detail, const char *mend)
{
    x->front.trouble = (struct trouble){reason, detail, mend};
    x->front.closes |= closes;
    if (x->front.state == EXCHANGE_REST) {
        exchange_finish(x, false); /* the client has its answer */
        return;
    }
    if (x->cache != NULL) {
        cache_keeper_land(&x->cache->keeper, CACHE_FLIGHT_NOTHING);
    }
    release(x, is_late(x) ? LEASE_CLIENT_LEFT : exchange_how_refused(status));
    if (x->front.has_started) {
        exchange_break(x);
        return;
    }
    if (x->cache != NULL && exchange_cache_excuses(x, status)) {
        return;
    }
    x->refused_status = status;
    if (x->front.state == EXCHANGE_DISCARD || status == 408 || status == 503 ||
        !exchange_answer_waits(x)) {
        exchange_answer_error(x, status);
    }
}

/* Which route serves the request, or false: it was answered. */
static bool find_route(struct exchange *x)
{
    struct edge_decision decision;

    if (x->link->has_lost_site) {
        exchange_refuse(x, 421, true, "site_has_changed",
                        "the configuration has changed since the TLS handshake: its site is gone, "
                        "or asks something else of clients",
                        "the client should open another connection");
        return false;
    }
    exchange_decide(x, x->request.path, &decision);
    x->path = decision.path;
    if (decision.site != NULL) {
        x->site = snapshot_site(x->generation->snapshot, decision.site);
    }
    if (decision.has_route) {
        x->route = &x->site->routes[decision.route];
        x->front.on_client_close = x->route->settings->on_client_close;
        x->front.send_ms = exchange_send_ms(x);
    }
    switch (decision.verdict) {
    case EDGE_ROUTE:
        return true;
    case EDGE_PREFLIGHT:
        exchange_answer_preflight(x);
        return false;
    case EDGE_REDIRECT:
        exchange_answer_redirect(x, decision.status, decision.location);
        return false;
    case EDGE_REFUSE:
        break;
    }
    if (decision.is_in_maintenance) {
        exchange_say_maintenance(x);
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

    x->is_early = link_is_early(x->link);
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

void exchange_begin(struct exchange *x)
{
    struct http_request *request = &x->request;

    exchange_take_in_hand(x);
    x->is_grpc = is_grpc(request);
    x->asked_fields = request->fields.count;
    if (exchange_lacks_memory(x) || exchange_is_banned(x) || !find_route(x) || is_too_early(x)) {
        return;
    }
    if (request->framing == HTTP_FRAMING_LENGTH && !check_body_limit(x, request->content_length)) {
        return;
    }
    if (x->route->settings->signs_in != NULL && !x->front.request_done) {
        exchange_collect(x);
        return;
    }
    if (x->route->phases.count == 0 || exchange_pass_phases(x)) {
        exchange_serve(x);
    }
}

void exchange_serve(struct exchange *x)
{
    struct http_request *request = &x->request;

    x->target = x->path;
    if (!exchange_rewrite(x)) {
        return;
    }
    if (exchange_is_for_file(x)) {
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
    exchange_choose_backend(x);
    if (x->backend->is_named_by_client && request->host.len == 0) {
        exchange_refuse(x, 400, false, "no_host",
                        "the backend's servers are asked for by the request's host in TLS, and it "
                        "has none",
                        "the client should say Host, or let server_name of the backend name one");
        return;
    }
    x->call.is_auth_bound = connection_auth_is_given(&request->fields);
    exchange_prepare_request(x);
    if (request->is_extended_connect && request->upgrade.ptr == NULL) {
        exchange_refuse(x, 501, false, "upgrade_not_allowed",
                        "the route does not let clients switch to this protocol",
                        "name the protocol in upgrade of the route");
        return;
    }
    if (x->call.asks_connect && span_ieq(request->upgrade, SPAN_OF("websocket")) &&
        !websocket_has_key(&x->request)) {
        exchange_refuse(x, 400, false, "bad_websocket_key",
                        "the request for WebSocket has no Sec-WebSocket-Key of 16 bytes in Base64 "
                        "(RFC 6455 section 4.1)",
                        "see what the client sends");
        return;
    }
    if (x->route->settings->early_hints.count != 0) {
        exchange_send_early_hints(x);
    }
    if (x->route->cache == NULL || !exchange_cache_serves(x)) {
        exchange_forward(x);
    }
}

/* ---- the request's body ---- */

bool exchange_takes_body(const struct exchange *x)
{
    switch (x->front.state) {
    case EXCHANGE_DISCARD:
        return true;
    case EXCHANGE_FORWARD:
    case EXCHANGE_RESPOND:
    case EXCHANGE_REST:
        return !exchange_is_stopped(x) && call_takes_body(&x->call);
    case EXCHANGE_START:
    case EXCHANGE_PHASES:
    case EXCHANGE_TUNNEL:
    case EXCHANGE_DONE:
        break;
    }
    return false;
}

void exchange_pass_body(struct exchange *x, struct span bytes)
{
    exchange_mirror_body(x, bytes);
    if (x->collected != NULL) {
        strbuf_add(x->collected, bytes);
    }
    if (call_is_open(&x->call)) {
        call_send_body(&x->call, bytes);
        exchange_progress(x);
    }
}

void exchange_request_body(struct exchange *x, struct span bytes)
{
    exchange_take_in_hand(x);
    x->request_bytes += bytes.len;
    if (!x->front.is_tunnel && x->route != NULL && !check_body_limit(x, x->request_bytes)) {
        return;
    }
    if (exchange_grpc_web_decodes(x)) {
        exchange_grpc_web_decode(x, bytes);
        return;
    }
    exchange_pass_body(x, bytes);
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
    bool is_open = x->front.state == EXCHANGE_FORWARD || x->front.state == EXCHANGE_RESPOND ||
                   x->front.state == EXCHANGE_REST;

    return is_open && x->mirror == NULL /* which wants to see it */ && !exchange_grpc_web_decodes(x)
               ? call_raw(&x->call)
               : NULL;
}

void exchange_request_moved(struct exchange *x, uint64_t bytes)
{
    x->request_bytes += bytes;
    call_moved(&x->call, bytes);
    exchange_progress(x);
}

void exchange_end_rest(struct exchange *x)
{
    if (x->front.state == EXCHANGE_REST && x->front.request_done && call_is_sent(&x->call)) {
        exchange_finish(x, false);
    }
}

void exchange_request_end(struct exchange *x, struct http_fields *trailers)
{
    exchange_take_in_hand(x);
    if (trailers != NULL) {
        http_trailers_mark(trailers, &x->request.fields);
        exchange_prepare_trailers(x, trailers);
    }
    x->front.request_done = true;
    if (!exchange_grpc_web_is_whole(x)) {
        return;
    }
    exchange_mirror_end(x, trailers);
    if (x->front.state == EXCHANGE_DISCARD) {
        if (x->collected != NULL && x->refused_status == 0) {
            exchange_collected(x);
            return;
        }
        exchange_answer_now(x);
        return;
    }
    call_send_end(&x->call, trailers);
    if (call_is_open(&x->call)) {
        exchange_progress(x);
    }
    if (x->front.is_response_over) {
        exchange_finish(x, false);
        return;
    }
    exchange_end_rest(x);
}

/* ---- the response ---- */

bool exchange_poll_response(struct exchange *x)
{
    return exchange_filters_take(x) && x->front.ops->poll(&x->front);
}

size_t exchange_response_room(const struct exchange *x)
{
    return x->front.ops->room != NULL ? x->front.ops->room(&x->front) : SIZE_MAX;
}

bool exchange_has_more(const struct exchange *x)
{
    return x->file != NULL || (x->cache != NULL && x->cache->is_sending) ||
           (x->front.state == EXCHANGE_RESPOND && call_has_more(&x->call));
}

void exchange_front_writable(struct exchange *x)
{
    if (x->file != NULL) {
        exchange_answer_file_go_on(x);
        return;
    }
    if (x->cache != NULL && x->cache->is_sending) {
        exchange_cache_go_on(x);
        return;
    }
    if (call_is_open(&x->call) && x->front.state != EXCHANGE_TUNNEL) {
        exchange_progress(x);
        call_resume(&x->call);
    }
}

void exchange_response_body(struct exchange *x, struct span bytes)
{
    exchange_take_in_hand(x);
    if (x->page.ptr != NULL) {
        exchange_progress(x);
        return;
    }
    if (x->filters != NULL) {
        exchange_filter_body(x, bytes);
        return;
    }
    exchange_response_moved(x, bytes.len);
    x->front.ops->body(&x->front, bytes);
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
    const struct call *call = &x->call;

    if (!call_is_open(call) || (x->front.request_done && call_is_sent(call)) ||
        x->front.is_tunnel) {
        return false;
    }
    return call_is_listening(call) && !exchange_is_held_back(x);
}

/* Why a client that was answered in order loses its connection. */
static void note_unread(struct exchange *x)
{
    if (x->front.trouble.reason != NULL || exchange_is_held_back(x) || x->front.is_tunnel ||
        reuse_rest_of(x->front.request_done, false, false, exchange_body_left(x)) !=
            REUSE_REST_LONG) {
        return;
    }
    if (call_is_open(&x->call)) {
        x->front.trouble = call_unread;
    } else {
        x->front.trouble =
            (struct trouble){"body_unread",
                             "the answer needs nothing of the request's body, whose rest "
                             "was not read",
                             NULL};
    }
}

void exchange_response_end(struct exchange *x, struct http_fields *trailers)
{
    exchange_take_in_hand(x);
    if (trailers != NULL) {
        http_trailers_mark(trailers, &x->response.fields);
        exchange_apply_trailer_rules(x, trailers, false);
        exchange_compress_trailers(x, trailers);
    }
    if (x->grpc_web != NULL) {
        trailers = exchange_grpc_web_trailers(x, trailers);
    }
    if (x->filters != NULL && !exchange_end_filters(x)) {
        return;
    }
    if (x->page.ptr != NULL) {
        struct span page = x->page;
        trailers = NULL;
        x->page = span_make(NULL, 0);
        if (x->is_page_sent) {
            exchange_response_body(x, page);
        }
    }
    if (x->front.is_tunnel && !x->front.request_done) {
        x->front.is_response_over = true; /* half of a tunnel: the other half goes on */
        x->front.ops->end(&x->front, trailers);
        exchange_progress(x);
        return;
    }
    if (!has_rest(x)) {
        x->front.ops->end(&x->front, trailers);
        note_unread(x);
        exchange_finish(x, false);
        return;
    }
    exchange_enter(x, EXCHANGE_REST);
    x->front.ops->end(&x->front, trailers);
    if (!x->front.request_done) {
        x->front.ops->resume(&x->front);
    }
}

/* ---- time ---- */

static struct idle_limit idle_of_server(const struct exchange *x)
{
    struct idle_settings settings = exchange_idle_settings(x);
    struct idle_facts facts = exchange_idle_facts(x);

    return idle_limit_of_server(&settings, &facts);
}

void exchange_progress(struct exchange *x)
{
    if ((x->backend == NULL && !x->front.is_tunnel) || x->front.state == EXCHANGE_TUNNEL) {
        return;
    }
    struct idle_settings settings = exchange_idle_settings(x);
    struct idle_facts facts = exchange_idle_facts(x);
    uint64_t ms = idle_ms_of_server(&settings, &facts);
    if (ms != 0 || x->front.is_tunnel) {
        timer_set_ms(x->worker->core.loop, &x->timer, ms);
    } else {
        timer_clear(&x->timer);
    }
}

/* While a server is sought. */
void exchange_await_deadline(struct exchange *x)
{
    uint64_t age_us = loop_now_us(x->worker->core.loop) - x->front.head_us;

    if (x->request_ms != 0 && x->front.state == EXCHANGE_FORWARD) {
        timer_set_ms(x->worker->core.loop, &x->timer,
                     x->request_ms * 1000 > age_us ? x->request_ms - age_us / 1000 : 0);
    }
}

static bool is_late(const struct exchange *x)
{
    return x->request_ms != 0 && !x->front.is_tunnel &&
           loop_now_us(x->worker->core.loop) >= x->front.head_us + x->request_ms * 1000;
}

/* Nothing moved on the server's side for as long as it may be silent, or the request's time is
 * over. */
static void on_timer(struct timer *timer)
{
    struct exchange *x = CONTAINER_OF(timer, struct exchange, timer);
    struct idle_limit limit;

    if (x->front.state == EXCHANGE_DISCARD) {
        exchange_answer_now(x);
        return;
    }
    if (x->front.state == EXCHANGE_DONE) {
        return;
    }
    if (x->cache != NULL && exchange_cache_on_timer(x)) {
        return;
    }
    if (!call_is_open(&x->call) && (x->front.state != EXCHANGE_FORWARD || !is_late(x))) {
        exchange_await_deadline(x);
        return;
    }
    limit = idle_of_server(x);
    if (x->front.is_tunnel) {
        x->front.trouble = (struct trouble){limit.reason, limit.detail, limit.mend};
        exchange_finish(x, true);
        return;
    }
    if (!x->front.request_done && exchange_is_stopped(x)) {
        exchange_refuse(
            x, 503, true, "memory_soft",
            "the rest of the request's body has waited for memory (memory.soft) as "
            "long as response_timeout says",
            "see what takes it in tidegate status; raise memory.soft, if there is more");
        return;
    }
    bool waits_for_client = (!x->front.request_done && exchange_takes_body(x)) ||
                            (x->front.has_started && x->front.ops->is_blocked(&x->front));
    if (waits_for_client && !is_late(x)) {
        exchange_progress(x); /* the front has deadlines of its own for its client */
        return;
    }
    exchange_refuse(x, limit.status, false, limit.reason, limit.detail, limit.mend);
}

/* A second try of a request beside the first: see client/call_internal.h. */
#include "client/call_internal.h"
#include "upstream/server_health.h"

enum hedge_state { HEDGE_WAITS, HEDGE_ASKS, HEDGE_AHEAD, HEDGE_BEATEN, HEDGE_FAILED, HEDGE_OVER };

/* In the first call's arena. */
struct call_hedge {
    enum hedge_state state;
    struct call *first;
    struct timer timer;
    struct deferred settling;
    struct call call; /* the second one */
    struct http_response response;
    /* What has come behind its head, in the same read: less than a receive buffer. */
    struct strbuf body;
    bool is_whole;
    bool has_trailers;
    struct http_fields trailers;
    /* How the first one's try failed meanwhile. */
    bool has_failure;
    bool may_again;
    struct retry_facts facts;
    unsigned status;
    struct trouble trouble;
};

static void enter(struct call_hedge *hedge, enum hedge_state state)
{
    static const char *const words[] = {"waits", "asks", "ahead", "beaten", "failed", "over"};

    if (state_log_is_on()) {
        state_log(&hedge->first->whose, "hedge", words[hedge->state], words[state]);
    }
    hedge->state = state;
}

static struct call_hedge *hedge_of(const struct call *second)
{
    return CONTAINER_OF(second, struct call_hedge, call);
}

static struct loop *loop_of(const struct call_hedge *hedge)
{
    return hedge->first->client->core->loop;
}

static bool is_under_way(const struct call_hedge *hedge)
{
    return hedge->state == HEDGE_ASKS || hedge->state == HEDGE_AHEAD ||
           hedge->state == HEDGE_BEATEN || hedge->state == HEDGE_FAILED;
}

/* ---- its end ---- */

/* For the log: those that have ended. */
static void keep_tries(struct call_hedge *hedge)
{
    const struct tries *tries = &hedge->call.tries;

    for (unsigned i = 0; i < tries_kept(tries); i++) {
        tries_add(&hedge->first->tries, &tries->items[i]);
    }
}

/* The second call is over, or in the first one's hands. */
static void finish(struct call_hedge *hedge)
{
    deferred_cancel(&hedge->settling);
    call_reset(&hedge->call);
    strbuf_free(&hedge->body);
    call_upstream(hedge->first)->hedges--;
    enter(hedge, HEDGE_OVER);
}

static const char outrun[] = "outrun";

static void let_go(struct call_hedge *hedge)
{
    struct call *second = &hedge->call;
    bool is_bad = second->head_us != 0 && server_status_is_bad(hedge->response.status);

    if (hedge->state != HEDGE_FAILED) {
        if (lease_server(&second->lease) != NULL) {
            call_end_try(second, is_bad ? NULL : outrun);
        }
        call_release(second, is_bad ? LEASE_OK : LEASE_CLIENT_LEFT);
    }
    keep_tries(hedge);
    finish(hedge);
}

/* ---- it is ahead ---- */

/* How long the first one has waited by now. */
static void note_pace(const struct call *first)
{
    struct hedge_pace *pace = call_upstream(first)->pace;
    uint64_t now_us = loop_now_us(first->client->core->loop);

    if (pace != NULL && first->connected_us != 0) {
        hedge_pace_note(pace, now_us - first->connected_us, now_us);
    }
}

static void leave_first_server(struct call *first)
{
    struct back *back = first->back;

    if (back == NULL) { /* it has failed */
        lease_reset(&first->lease);
        return;
    }
    call_end_try(first, outrun);
    call_end_lease(first, LEASE_CLIENT_LEFT);
    lease_reset(&first->lease);
    timer_clear(&first->late);
    first->back = NULL;
    back->ops->release(back, BACK_END_BROKEN);
}

static void move(struct call *first, struct call *second)
{
    first->lease = second->lease;
    lease_init(&second->lease);
    first->back = second->back;
    second->back = NULL;
    first->back->ops->move(first->back, first);
    *first->response = *second->response;
    first->connect_began_us = second->connect_began_us;
    first->connected_us = second->connected_us;
    first->asked_us = second->asked_us;
    first->head_us = second->head_us;
    first->try_began_us = second->try_began_us;
    first->has_open_try = true;
    call_release(second, LEASE_OK);
}

/* As if all of it had come to the first call. Each event may end that. */
static void pass_on(struct call *first, struct strbuf *body, bool is_whole,
                    struct http_fields *trailers)
{
    const struct back *back = first->back;

    call_pass_head(first);
    if (first->back == back && body->len != 0) {
        call_body(first, strbuf_span(body));
    }
    conn_flush_all(first->client->core->loop); /* what was queued lies in `body` */
    if (first->back != back) {
        return;
    }
    if (is_whole) {
        call_enter(first, CALL_ANSWERED);
        first->ops->end(first, trailers);
    } else {
        call_resume(first);
    }
}

static void take_over(struct call_hedge *hedge)
{
    struct call *first = hedge->first;
    struct strbuf body = hedge->body;
    struct http_fields trailers = hedge->trailers;

    strbuf_init(&hedge->body);
    note_pace(first);
    leave_first_server(first);
    keep_tries(hedge);
    move(first, &hedge->call);
    finish(hedge);
    pass_on(first, &body, hedge->is_whole, hedge->has_trailers ? &trailers : NULL);
    strbuf_free(&body);
}

static void settle(struct call_hedge *hedge)
{
    struct call *first = hedge->first;

    if (hedge->state == HEDGE_AHEAD) {
        take_over(hedge);
        return;
    }
    let_go(hedge);
    if (hedge->has_failure) {
        call_go_on(first, &hedge->facts, hedge->may_again, hedge->status, &hedge->trouble);
    }
}

static void on_settling(struct deferred *deferred)
{
    settle(CONTAINER_OF(deferred, struct call_hedge, settling));
}

static void settle_later(struct call_hedge *hedge, enum hedge_state state)
{
    enter(hedge, state);
    loop_defer(loop_of(hedge), &hedge->settling);
}

/* ---- the second call's events ---- */

/* An answer that says no more than that it could not is not preferred to one that may come. */
static void on_head(struct call *second)
{
    struct call_hedge *hedge = hedge_of(second);

    if (hedge->state == HEDGE_ASKS) {
        settle_later(hedge,
                     server_status_is_bad(hedge->response.status) ? HEDGE_BEATEN : HEDGE_AHEAD);
    }
}

static void on_body(struct call *second, struct span bytes)
{
    struct call_hedge *hedge = hedge_of(second);

    if (hedge->state == HEDGE_AHEAD) {
        strbuf_add(&hedge->body, bytes);
    }
}

static void on_end(struct call *second, struct http_fields *trailers)
{
    struct call_hedge *hedge = hedge_of(second);

    hedge->is_whole = true;
    hedge->has_trailers = trailers != NULL;
    if (trailers != NULL) {
        hedge->trailers = *trailers;
    }
}

static void on_failed(struct call *second, const struct call_failure *failure)
{
    (void)failure; /* it is in its tries */
    settle_later(hedge_of(second), HEDGE_FAILED);
}

static bool poll_response(struct call *second)
{
    return hedge_of(second)->state == HEDGE_ASKS;
}

static void describe_client(struct call *second, struct dial_client *client)
{
    struct call *first = hedge_of(second)->first;

    if (first->ops->describe_client != NULL) {
        first->ops->describe_client(first, client);
    }
}

static const struct call_ops ops = {
    .head = on_head,
    .body = on_body,
    .end = on_end,
    .failed = on_failed,
    .poll_response = poll_response,
    .describe_client = describe_client,
};

/* ---- the beginning ---- */

static bool only_reads(const struct call *call)
{
    return call->request->method == HTTP_GET || call->request->method == HTTP_HEAD;
}

/* To a connection that is its client's, or to a server that has its client's session. */
static bool is_bound(const struct call *call)
{
    const struct caller *caller = call->caller;

    return call->is_auth_bound || call->backend->balance == &balance_sticky ||
           (caller != NULL && (caller->is_bound || !list_is_empty(&caller->bound)));
}

static bool may_hedge(const struct call *call)
{
    const struct http_request *request = call->request;
    const struct upstream *upstream = call_upstream(call);

    return retry_may_hedge(&(struct hedge_facts){
        .only_reads = only_reads(call),
        .has_body = request->framing != HTTP_FRAMING_NONE,
        .wants_upgrade = request->upgrade.ptr != NULL || call->asks_connect,
        .is_bound = is_bound(call),
        .has_interim = call->has_interim,
        .has_budget = retry_budget_has(&upstream->retries),
        .has_other_server = call_has_untried(call) && server_queue_count(call->backend->queue) == 0,
        .under_way = upstream->hedges,
        .max = call->retries.hedge_max,
    });
}

static void ask(struct call_hedge *hedge)
{
    struct call *first = hedge->first;
    struct call *second = &hedge->call;

    enter(hedge, HEDGE_ASKS);
    call_upstream(first)->hedges++;
    retry_budget_spend(&call_upstream(first)->retries);
    call_init(second, &ops, first->client, first->caller, first->arena);
    second->retries = (struct call_retries){.is_once = true};
    second->whose = first->whose;
    second->request = first->request;
    second->response = &hedge->response;
    second->backend = first->backend;
    second->path = first->path;
    second->is_whole = true;
    second->wants_h1 = first->wants_h1;
    second->lease.key = first->lease.key;
    second->lease.priority = first->lease.priority;
    second->tried = first->tried;
    call_start(second);
    if (hedge->state != HEDGE_ASKS) {
        return;
    }
    if (second->turn.wait != NULL) { /* others wait for a server themselves */
        call_release(second, LEASE_UNUSED);
        finish(hedge);
        return;
    }
    first->tried = second->tried;
}

static void on_timer(struct timer *timer)
{
    struct call_hedge *hedge = CONTAINER_OF(timer, struct call_hedge, timer);
    const struct call *first = hedge->first;

    if (first->state == CALL_ASKED && first->back != NULL && may_hedge(first)) {
        ask(hedge);
    } else {
        enter(hedge, HEDGE_OVER);
    }
}

/* 0: nothing is known yet. */
static uint64_t wait_ms(struct call *call)
{
    struct upstream *upstream = call_upstream(call);
    uint64_t us;

    if (call->retries.hedge_per_mille == 0) {
        return call->retries.hedge_ms;
    }
    us = hedge_pace_quantile_us(upstream_pace(upstream), call->retries.hedge_per_mille,
                                loop_now_us(call->client->core->loop));
    return us == HEDGE_PACE_UNKNOWN ? 0 : us / 1000 + 1;
}

void hedge_watch(struct call *call)
{
    struct call_hedge *hedge = call->hedge;
    uint64_t ms;

    if (call->retries.hedge_max == 0 || (hedge != NULL && hedge->state != HEDGE_WAITS) ||
        !only_reads(call)) {
        return;
    }
    ms = wait_ms(call);
    if (ms == 0) {
        return;
    }
    if (hedge == NULL) {
        hedge = arena_calloc(call->arena, sizeof(*hedge));
        hedge->first = call;
        timer_init(&hedge->timer, on_timer);
        deferred_init(&hedge->settling, on_settling);
        call->hedge = hedge;
    }
    timer_set_ms(loop_of(hedge), &hedge->timer, ms);
}

/* ---- the first call's events ---- */

bool hedge_catch(struct call *call, const struct retry_facts *facts, bool may_again,
                 unsigned status, const struct trouble *trouble)
{
    struct call_hedge *hedge = call->hedge;

    if (hedge == NULL) {
        return false;
    }
    timer_clear(&hedge->timer);
    if (!is_under_way(hedge) || hedge->has_failure) {
        return false;
    }
    hedge->has_failure = true;
    hedge->facts = *facts;
    hedge->may_again = may_again;
    hedge->status = status;
    hedge->trouble = *trouble;
    if (trouble->detail != NULL) { /* it may go with the connection */
        hedge->trouble.detail = arena_cstr(call->arena, span_from_cstr(trouble->detail));
    }
    return true;
}

void hedge_note_head(struct call *call)
{
    struct call_hedge *hedge = call->hedge;

    if (call->retries.hedge_per_mille != 0 && only_reads(call)) {
        note_pace(call);
    }
    if (hedge == NULL) {
        return;
    }
    timer_destroy(loop_of(hedge), &hedge->timer);
    if (hedge->state == HEDGE_WAITS) {
        enter(hedge, HEDGE_OVER);
    } else if (hedge->state == HEDGE_ASKS || hedge->state == HEDGE_AHEAD) {
        settle_later(hedge, HEDGE_BEATEN);
    }
}

void hedge_end(struct call *call)
{
    struct call_hedge *hedge = call->hedge;

    if (hedge == NULL) {
        return;
    }
    timer_destroy(loop_of(hedge), &hedge->timer);
    if (is_under_way(hedge)) {
        let_go(hedge);
    } else if (hedge->state == HEDGE_WAITS) {
        enter(hedge, HEDGE_OVER);
    }
}

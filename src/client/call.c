#include "client/call.h"

#include "client/acquire.h"
#include "client/call_internal.h"
#include "upstream/server_health.h"

/* How often a request is sent again that servers declined without looking at it, or did not get.
 */
enum { REFUSALS_MAX = 3 };

static void try_is_late(struct call *call);

void call_enter(struct call *call, enum call_state state)
{
    static const char *const words[] = {"new", "seeking", "asked", "answering", "answered", "over"};

    CHECK(call->state != CALL_OVER);
    if (state_log_is_on()) {
        state_log(&call->whose, "call", words[call->state], words[state]);
    }
    ack_watch_stop(&call->acks);
    call->state = state;
}

const struct call_retries call_retries_usual = {
    .on = RETRY_ON_CONNECT | RETRY_ON_RESET | RETRY_ON_REFUSED_STREAM,
    .times = 1,
    .budget = 20,
};

static void on_late(struct timer *timer)
{
    try_is_late(CONTAINER_OF(timer, struct call, late));
}

static void on_again(struct deferred *deferred)
{
    struct call *call = CONTAINER_OF(deferred, struct call, again);

    call_writable(call);
}

/* Whether what is sent of the body may be of use again. HTTP/1 never declines a request unseen. */
static bool may_be_replayed(const struct call *call)
{
    const struct http_request *request = call->request;

    return call->replay_limit != 0 &&
           (call->backend->protocol != BACKEND_H1 ||
            ((call->retries.is_harmless ||
              http_method_is_idempotent(request->method, request->method_name)) &&
             (request->framing != HTTP_FRAMING_LENGTH ||
              request->content_length <= call->replay_limit)));
}

struct upstream *call_upstream(const struct call *call)
{
    return upstreams_find(&call->client->upstreams, call->backend);
}

static struct retry_budget *budget_of(const struct call *call)
{
    return &call_upstream(call)->retries;
}

void call_start(struct call *call)
{
    replay_init(&call->replay, &call->client->core->sums.replay,
                may_be_replayed(call) ? call->replay_limit : 0);
    if (call->caller != NULL) {
        call->caller->is_bound |= call->is_auth_bound;
    }
    retry_budget_earn(budget_of(call), call->retries.budget);
    call->try_began_us = loop_now_us(call->client->core->loop);
    call_enter(call, CALL_SEEKING);
    acquire(call);
}

/* ---- the lease's end ---- */

static bool has_started(const struct call *call)
{
    return call->state == CALL_ANSWERING || call->state == CALL_ANSWERED;
}

/* How long the server took for the answer's head, from when it was sent the last of the request
 * before that: what a client takes to bring its body is not the server's. */
static uint64_t server_time_us(const struct call *call)
{
    uint64_t since_us = call->asked_us > call->connected_us ? call->asked_us : call->connected_us;

    return call->head_us - since_us;
}

/* With what was seen of the server; status 0: no answer. */
static void end_lease_with(struct call *call, enum lease_how how, unsigned status)
{
    const struct lease_seen seen = {
        .status = status,
        .latency_us = has_started(call) ? server_time_us(call) : 0,
        .now_us = loop_now_us(call->client->core->loop),
    };

    lease_end(&call->lease, how, &seen);
}

void call_end_lease(struct call *call, enum lease_how how)
{
    end_lease_with(call, how, has_started(call) ? call->response->status : 0);
}

/* A server that closes a connection that was at rest, or declines a request unseen, does what it
 * may. */
static enum lease_how how_of_loss(bool is_served, const struct retry_facts *facts)
{
    if (is_served) {
        return LEASE_OK;
    }
    if (facts->stage == RETRY_DECLINED || (facts->was_at_rest && facts->stage != RETRY_ANSWERING)) {
        return LEASE_UNUSED;
    }
    return LEASE_SERVER_FAILED;
}

/* Whether the owner asked if it may send the body, and may yet leave it out. */
static bool is_held_back(const struct call *call)
{
    return call->request->expects_continue && !call->was_continued && call->body_bytes == 0;
}

void call_release(struct call *call, enum lease_how how)
{
    struct back *back = call->back;
    bool in_order = how == LEASE_OK;

    if (call->state == CALL_NEW || call->state == CALL_OVER) {
        return;
    }
    hedge_end(call);
    replay_drop(&call->replay);
    deferred_cancel(&call->again);
    timer_destroy(call->client->core->loop, &call->late);
    if (acquire_cancel(call) || back == NULL) {
        call_enter(call, CALL_OVER);
        return;
    }
    call->back = NULL;
    call_end_lease(call, how);
    call_enter(call, CALL_OVER);
    back->ops->release(back, in_order && call->is_whole ? BACK_END_IN_ORDER
                             : is_held_back(call)       ? BACK_END_HELD_BACK
                                                        : BACK_END_BROKEN);
}

/* What the trouble says may go with the connection. */
static void fail(struct call *call, bool is_unseen, unsigned status, const struct trouble *trouble)
{
    const char *detail =
        trouble->detail != NULL ? arena_cstr(call->arena, span_from_cstr(trouble->detail)) : NULL;

    hedge_end(call);
    replay_drop(&call->replay);
    timer_destroy(call->client->core->loop, &call->late);
    call_enter(call, CALL_OVER);
    call->ops->failed(call,
                      &(struct call_failure){.status = status,
                                             .is_unseen = is_unseen,
                                             .trouble = {trouble->reason, detail, trouble->mend}});
}

static unsigned status_of(enum dial_result result)
{
    switch (result) {
    case DIAL_TIMEOUT:
        return 504;
    case DIAL_NO_SERVER:
    case DIAL_FULL:
        return 503;
    case DIAL_OK:
    case DIAL_REFUSED:
    case DIAL_TLS:
        break;
    }
    return 502;
}

static void no_connection(struct call *call, enum dial_result result, const struct trouble *trouble)
{
    fail(call, false, status_of(result), trouble);
}

void call_end_try(struct call *call, const char *outcome)
{
    const struct server *server = lease_server(&call->lease);

    call->has_open_try = false;
    tries_add(&call->tries, &(struct server_try){
                                .server = server != NULL ? server->text : "",
                                .outcome = outcome,
                                .status = outcome == NULL ? call->response->status : 0,
                                .us = loop_now_us(call->client->core->loop) - call->try_began_us,
                            });
}

static void unreachable(struct call *call, enum lease_how how, enum dial_result result,
                        const struct trouble *trouble)
{
    call_end_try(call, trouble->reason);
    call_end_lease(call, how);
    if ((call->retries.on & RETRY_ON_CONNECT) == 0 || !acquire_next(call)) {
        no_connection(call, result, trouble);
    }
}

static void unfit(struct call *call, unsigned status, const struct trouble *trouble)
{
    call_end_lease(call, LEASE_UNUSED);
    fail(call, false, status, trouble);
}

/* ---- the request ---- */

/* The head, and what has come of the body already: a request that is sent again, or one whose end
 * came while there was no connection yet. */
static void send_request(struct call *call)
{
    struct back *back = call->back;
    struct span body = strbuf_span(&call->replay.body);
    const struct http_fields *trailers =
        call->replay.trailers.count != 0 ? &call->replay.trailers : NULL;

    back->ops->send_head(back, call, call->is_whole && body.len == 0 && trailers == NULL);
    if (body.len != 0) {
        back->ops->send_body(back, body);
        conn_flush_all(call->client->core->loop); /* more may be added, elsewhere */
    }
    if (call->is_whole && call->request->framing != HTTP_FRAMING_NONE) {
        back->ops->send_end(back, trailers);
    }
}

/* ---- a server that is not there any more ---- */

static bool is_sent(const struct ack_watch *watch)
{
    const struct call *call = CONTAINER_OF(watch, struct call, acks);

    return call->is_whole && call_is_sent(call);
}

/* The back tells of the connection's end by itself. */
static void server_is_lost(struct ack_watch *watch)
{
    struct call *call = CONTAINER_OF(watch, struct call, acks);

    server_note_unreachable(upstream_set_ref(call->lease.set, call->lease.member),
                            "it acknowledges nothing on a connection that stood",
                            loop_now_us(call->client->core->loop));
    client_doubt(call->client, lease_entry(&call->lease));
}

static const struct ack_watch_ops ack_ops = {.is_sent = is_sent, .lost = server_is_lost};

/* Its request is on its way: as a whole, or what there is of it. */
static void watch_acks(struct call *call)
{
    uint64_t limit_ms = call->backend->ack_timeout_ms;

    if (limit_ms != 0 && call->state == CALL_ASKED && call->back != NULL) {
        ack_watch_start(&call->client->acks, &call->acks, call->back->on->conn, limit_ms);
    }
}

/* A server has all of the request before its time begins, as with response_timeout: how long a
 * client takes to bring it is not the server's fault. */
static void time_try(struct call *call)
{
    if (call->retries.per_try_ms != 0 && call->state == CALL_ASKED && call->is_whole) {
        timer_set_ms(call->client->core->loop, &call->late, call->retries.per_try_ms);
    }
}

static void attach(struct call *call, struct back *back)
{
    call_enter(call, CALL_ASKED);
    call->connected_us = loop_now_us(call->client->core->loop);
    if (call->try_began_us == 0) {
        call->try_began_us = call->connected_us; /* one that was at rest */
    }
    call->has_open_try = true;
    call->back = back;
    if (call->ops->connected != NULL) {
        call->ops->connected(call);
    }
    time_try(call);
    send_request(call);
    watch_acks(call);
    if (call->back != NULL && call->retries.hedge_max != 0) {
        hedge_watch(call);
    }
    if (call->back != NULL && !call->is_whole) {
        call_writable(call);
    }
}

bool call_takes_body(const struct call *call)
{
    return call->back != NULL && call->back->ops->takes_body(call->back);
}

static void note_asked(struct call *call)
{
    if (call->head_us == 0) {
        call->asked_us = loop_now_us(call->client->core->loop);
    }
}

void call_send_body(struct call *call, struct span bytes)
{
    if (call->back == NULL) {
        return;
    }
    call->body_bytes += bytes.len;
    note_asked(call);
    replay_add(&call->replay, bytes);
    call->back->ops->send_body(call->back, bytes);
}

void call_send_end(struct call *call, const struct http_fields *trailers)
{
    if (trailers != NULL) {
        call->replay.trailers = *trailers;
    }
    call->is_whole = true;
    note_asked(call);
    if (call->back != NULL) {
        time_try(call);
        call->back->ops->send_end(call->back, trailers);
    }
}

struct conn *call_raw(const struct call *call)
{
    return call->back != NULL ? call->back->ops->raw(call->back) : NULL;
}

void call_moved(struct call *call, uint64_t bytes)
{
    call->body_bytes += bytes;
    note_asked(call);
    replay_drop(&call->replay); /* they were never in our memory */
}

bool call_is_sent(const struct call *call)
{
    return call->back->ops->is_sent(call->back);
}

bool call_is_listening(const struct call *call)
{
    return call->back->ops->is_listening(call->back);
}

/* ---- the response ---- */

void call_reject(struct call *call, const struct trouble *trouble)
{
    call->back->ops->reject(call->back, trouble);
}

void call_spare(struct call *call)
{
    call->is_spared = true;
}

void call_resume(struct call *call)
{
    if (call->back != NULL) {
        call->back->ops->resume(call->back);
    }
}

bool call_has_more(const struct call *call)
{
    return call->back != NULL && call->back->ops->has_more(call->back);
}

struct conn *call_take_over(struct call *call, struct span *rest)
{
    return call->back->ops->take_over(call->back, rest);
}

void call_go_raw(struct call *call)
{
    call->is_raw = true;
    call->is_whole = false; /* from here on the owner may send as it likes */
    call->back->ops->go_raw(call->back);
    loop_defer(call->client->core->loop, &call->again);
}

static void interim(struct call *call)
{
    call->was_continued |= call->response->status == 100;
    call->has_interim = true;
    if (call->ops->interim != NULL) {
        call->ops->interim(call);
    }
}

/* ---- again ---- */

static struct retry_policy policy_of(const struct call *call)
{
    return (struct retry_policy){.on = call->retries.on,
                                 .is_harmless = call->retries.is_harmless,
                                 .is_once = call->retries.is_once,
                                 .losses_max = call->retries.times,
                                 .refusals_max = REFUSALS_MAX,
                                 .may_use_h1 = call->backend->protocol == BACKEND_AUTO};
}

static struct retry_state retry_state_of(const struct call *call)
{
    return (struct retry_state){
        .has_started = has_started(call),
        .has_body_in_hand = call->body_bytes == 0 || !call->replay.is_off,
        .is_idempotent =
            http_method_is_idempotent(call->request->method, call->request->method_name),
        .losses = call->losses,
        .refusals = call->refusals,
        .has_budget = retry_budget_has(budget_of(call)),
    };
}

/* Without anything being done. */
static bool would_send_again(const struct call *call, const struct retry_facts *facts)
{
    struct retry_policy policy = policy_of(call);
    struct retry_state state = retry_state_of(call);

    return retry_decide(&policy, &state, facts) != RETRY_NO;
}

static bool may_repeat(const struct call *call)
{
    const struct retry_facts lost = {.stage = RETRY_SENT, .was_at_rest = true};
    struct retry_policy policy = policy_of(call);
    struct retry_state state = retry_state_of(call);

    /* A body that will not fit, or that goes straight from socket to socket. */
    if (call->replay.is_off && call->request->framing != HTTP_FRAMING_NONE) {
        state.has_body_in_hand = false;
    }
    return retry_decide(&policy, &state, &lost) != RETRY_NO;
}

bool call_has_untried(const struct call *call)
{
    return lease_has_untried(call_upstream(call), &call->tried);
}

/* Where to: what was tried counts for as long as another server is left. */
static bool may_send_again(struct call *call, const struct retry_facts *facts)
{
    struct retry_policy policy = policy_of(call);
    struct retry_state state = retry_state_of(call);
    enum retry_answer answer = retry_decide(&policy, &state, facts);

    if (answer == RETRY_NO) {
        return false;
    }
    call->wants_new = answer == RETRY_ON_NEW_CONNECTION || answer == RETRY_ON_OTHER_SERVER;
    call->wants_h1 |= answer == RETRY_OVER_H1;
    if (retry_costs(facts)) {
        call->losses++;
        retry_budget_spend(budget_of(call));
    } else {
        call->refusals++;
    }
    if (answer == RETRY_ON_NEW_CONNECTION || !call_has_untried(call)) {
        memset(&call->tried, 0, sizeof(call->tried));
    }
    return true;
}

void call_go_on(struct call *call, const struct retry_facts *facts, bool may_again, unsigned status,
                const struct trouble *trouble)
{
    struct retry_policy policy = policy_of(call);

    call->back = NULL;
    deferred_cancel(&call->again);
    timer_clear(&call->late);
    call->h2_code = facts->h2_code;
    if (hedge_catch(call, facts, may_again, status, trouble)) {
        call_enter(call, CALL_SEEKING);
        return;
    }
    if (may_again && may_send_again(call, facts)) {
        call_enter(call, CALL_SEEKING);
        acquire(call);
        return;
    }
    fail(call, retry_is_unseen(&policy, facts), status, trouble);
}

/* What we made of it ourselves (refuse_status) is told as a failure of the back. */
static void take_failure(struct call *call, const struct retry_facts *facts, unsigned status,
                         const struct trouble *trouble)
{
    bool is_served = call->state == CALL_ANSWERED && !call->is_raw;
    const struct retry_facts refused = {.stage = RETRY_STATUS, .status = call->refused_status};

    if (call->refused_status != 0) {
        call->refused_status = 0;
        end_lease_with(call, LEASE_OK, refused.status);
        call_end_try(call, NULL);
        call_go_on(call, &refused, true, status, trouble);
        return;
    }
    call_end_lease(call, call->is_spared ? LEASE_CLIENT_LEFT : how_of_loss(is_served, facts));
    if (!is_served) {
        call_end_try(call, trouble->reason);
    }
    call_go_on(call, facts, !is_served, status, trouble);
}

/* True: the answer's status is one for which another server is asked; it is not passed on. */
static bool refuse_status(struct call *call)
{
    static const struct trouble again = {"sent_again",
                                         "the answer's status is one for which "
                                         "another server is asked (retries.for)",
                                         "see the server's log"};
    const struct retry_facts facts = {.stage = RETRY_STATUS, .status = call->response->status};

    if (!would_send_again(call, &facts) || !call_has_untried(call)) {
        return false;
    }
    call->refused_status = facts.status;
    call->back->ops->reject(call->back, &again);
    return true;
}

/* An answer that comes before all of the request tells nothing of how loaded the server is. */
static void take_head(struct call *call)
{
    if (refuse_status(call)) {
        return;
    }
    if (call->retries.hedge_max != 0) {
        hedge_note_head(call);
    }
    call->head_us = loop_now_us(call->client->core->loop);
    if (call->lease.has_place) {
        lease_answered(&call->lease, &(struct lease_seen){
                                         .status = call->response->status,
                                         .latency_us = call->is_whole ? server_time_us(call) : 0,
                                         .now_us = call->head_us,
                                     });
    }
    call_pass_head(call);
}

void call_pass_head(struct call *call)
{
    timer_clear(&call->late);
    replay_drop(&call->replay);
    call_enter(call, CALL_ANSWERING);
    if (call->ops->head != NULL) {
        call->ops->head(call);
    }
}

static void take_end(struct call *call, struct http_fields *trailers)
{
    call_enter(call, CALL_ANSWERED);
    call->ops->end(call, trailers);
}

static void try_is_late(struct call *call)
{
    static const struct trouble late = {"response_timeout",
                                        "the server did not answer within the time of one try",
                                        "see why the server is slow, or raise retries.per_try"};
    const struct retry_facts facts = {.stage = RETRY_LATE};
    struct back *back = call->back;

    if (call->state != CALL_ASKED || back == NULL || !would_send_again(call, &facts) ||
        !call_has_untried(call)) {
        return; /* it has what the request has as a whole */
    }
    call_end_lease(call, LEASE_SERVER_FAILED);
    call_end_try(call, late.reason);
    back->ops->release(back, BACK_END_BROKEN);
    call_go_on(call, &facts, true, 504, &late);
}

static const struct call_up up = {
    .attach = attach,
    .no_connection = no_connection,
    .unreachable = unreachable,
    .unfit = unfit,
    .seek_again = acquire_shared,
    .interim = interim,
    .head = take_head,
    .end = take_end,
    .failed = take_failure,
    .may_repeat = may_repeat,
};

void call_init(struct call *call, const struct call_ops *ops, struct client *client,
               struct caller *caller, struct arena *arena)
{
    call->up = &up;
    call->ops = ops;
    call->client = client;
    call->whose.core = client->core;
    call->caller = caller;
    call->arena = call->tries.arena = arena;
    lease_init(&call->lease);
    call->lease.is_of_request = true;
    deferred_init(&call->again, on_again);
    timer_init(&call->late, on_late);
    ack_watch_init(&call->acks, &ack_ops);
    call->retries = call_retries_usual;
}

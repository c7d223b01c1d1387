#include "client/back_fcgi.h"

#include <stdlib.h>

#include "client/back_fcgi_internal.h"
#include "client/dial.h"
#include "client/fcgi_params.h"

/* Bodies of unknown length that a worker's requests keep in all. */
#define HELD_SUM_MAX (UINT64_C(64) << 20)

static const struct back_ops ops;

static struct back_fcgi *fcgi_of(const struct back *base)
{
    return CONTAINER_OF((struct back *)(uintptr_t)base, struct back_fcgi, base);
}

struct back *back_fcgi_base(struct back_fcgi *back)
{
    return &back->base;
}

void back_fcgi_enter(struct back_fcgi *back, enum back_fcgi_state state)
{
    static const char *const words[] = {"idle", "collect", "head",  "body",
                                        "done", "ending",  "closed"};

    if (state_log_is_on()) {
        struct state_owner owner = call_whose(back->call, back->client->core, 0);
        state_log(&owner, "fcgi back", words[back->state], words[state]);
    }
    back->state = state;
}

/* ---- life ---- */

static void drop_body(struct back_fcgi *back)
{
    back->client->core->sums.fcgi_bodies -= back->body.len;
    strbuf_free(&back->body);
}

static void on_free(struct deferred *deferred)
{
    struct back_fcgi *back = CONTAINER_OF(deferred, struct back_fcgi, freeing);

    upstream_set_release(back->set);
    free(back);
}

void back_fcgi_close(struct back_fcgi *back, void (*close_conn)(struct conn *))
{
    struct loop *loop = back->client->core->loop;

    if (back->state == BACK_FCGI_CLOSED) {
        return;
    }
    back_fcgi_tell_said(back);
    back_fcgi_enter(back, BACK_FCGI_CLOSED);
    if (!list_is_empty(&back->parked)) {
        pool_remove_parked(back_fcgi_entry(back), &back->parked);
    }
    back->call = NULL;
    drop_body(back);
    strbuf_free(&back->head);
    close_conn(back->conn);
    conn_free(back->conn);
    timer_destroy(loop, &back->timer);
    deferred_cancel(&back->again);
    list_remove(&back->of_client.node);
    loop_defer(loop, &back->freeing);
}

static void on_timer(struct timer *timer)
{
    struct back_fcgi *back = CONTAINER_OF(timer, struct back_fcgi, timer);

    if (!list_is_empty(&back->parked)) {
        back_fcgi_close(back, conn_close_in_order);
    } else if (back->state == BACK_FCGI_ENDING) {
        back_fcgi_close(back, conn_abort); /* it takes nothing any more */
    }
}

static void close_at_rest(struct client_conn *conn)
{
    back_fcgi_close(CONTAINER_OF(conn, struct back_fcgi, of_client), conn_close_in_order);
}

static void leave(struct client_conn *conn)
{
    struct back_fcgi *back = CONTAINER_OF(conn, struct back_fcgi, of_client);

    if (!list_is_empty(&back->parked)) {
        back_fcgi_close(back, conn_close_in_order);
    }
}

static bool may_park(struct back_fcgi *back)
{
    return back->state == BACK_FCGI_DONE && back->keeps && !back->has_leftover &&
           fcgi_is_at_end(&back->reader) && conn_pending(back->conn) == 0 &&
           !conn_write_failed(back->conn) && !back->conn->has_hangup &&
           !back->client->core->is_draining && back_fcgi_entry(back)->terms.idle_timeout_ms != 0 &&
           back_fcgi_entry(back)->present != 0 &&
           dial_is_current(upstream_set_ref(back->set, back->server), back->conn) &&
           !conn_has_unread(back->conn);
}

/* The script is not to go on for nobody. */
static void abort_request(struct back_fcgi *back)
{
    bool is_asked = back->state == BACK_FCGI_HEAD || back->state == BACK_FCGI_BODY;

    if (!is_asked || conn_write_failed(back->conn)) {
        back_fcgi_close(back, conn_abort);
        return;
    }
    fcgi_header(conn_reserve(back->conn, FCGI_ABORT_BYTES), FCGI_ABORT_REQUEST, 0);
    conn_commit(back->conn, FCGI_ABORT_BYTES);
    conn_flush(back->conn);
    back_fcgi_enter(back, BACK_FCGI_ENDING);
    if (conn_pending(back->conn) == 0 || conn_write_failed(back->conn)) {
        back_fcgi_close(back, conn_close);
        return;
    }
    timer_set_ms(back->client->core->loop, &back->timer, back->client->settings.send_ms);
}

static void op_release(struct back *base, enum back_end end)
{
    struct back_fcgi *back = fcgi_of(base);

    back->call = NULL;
    back_fcgi_tell_said(back);
    if (end == BACK_END_IN_ORDER && may_park(back) &&
        pool_park(back_fcgi_entry(back), &back->parked)) {
        back_fcgi_enter(back, BACK_FCGI_IDLE);
        timer_set_ms(back->client->core->loop, &back->timer,
                     back_fcgi_entry(back)->terms.idle_timeout_ms);
    } else if (back->state == BACK_FCGI_DONE && end != BACK_END_BROKEN) {
        back_fcgi_close(back, conn_close_in_order);
    } else {
        abort_request(back);
    }
}

static void fail_over_limit(struct back_fcgi *back)
{
    back->call->is_spared = true; /* the server has seen nothing of it */
    back_fcgi_fail_as(
        back, RETRY_ANSWERING, 411,
        &(struct trouble){"length_required",
                          "the request does not say how long its body is, which scripts must "
                          "know beforehand, and it is longer than what is kept to find out",
                          "let the client send Content-Length, or raise body_buffer of the "
                          "backend"});
}

/* ---- the request ---- */

static void queue_record(struct back_fcgi *back, enum fcgi_type type, struct span content)
{
    fcgi_header(conn_reserve(back->conn, FCGI_HEADER_BYTES), type, content.len);
    conn_commit(back->conn, FCGI_HEADER_BYTES);
    if (content.len != 0) {
        conn_queue(back->conn, content);
    }
}

static void queue_stream(struct back_fcgi *back, enum fcgi_type type, struct span bytes)
{
    while (bytes.len != 0) {
        struct span piece = span_cut(bytes, FCGI_CONTENT_MAX);

        queue_record(back, type, piece);
        bytes = span_skip(bytes, piece.len);
    }
}

/* Once: the end of a request without a body may be told twice. */
static void queue_end(struct back_fcgi *back)
{
    if (!back->has_sent_end) {
        back->has_sent_end = true;
        queue_record(back, FCGI_STDIN, span_make(NULL, 0));
    }
}

static void send_params(struct back_fcgi *back, uint64_t content_length, bool has_body)
{
    struct strbuf params;

    back_fcgi_enter(back, BACK_FCGI_HEAD);
    back->out_at_start = back->conn->bytes_out;
    fcgi_begin(conn_reserve(back->conn, FCGI_BEGIN_BYTES), back->keeps);
    conn_commit(back->conn, FCGI_BEGIN_BYTES);
    strbuf_init(&params);
    fcgi_params_write(back->call, content_length, has_body, &params);
    queue_stream(back, FCGI_PARAMS, strbuf_span(&params));
    queue_record(back, FCGI_PARAMS, span_make(NULL, 0));
    conn_memory_flush(conn_memory(back->conn)); /* what was queued lies in `params` */
    strbuf_free(&params);
}

static void op_send_head(struct back *base, struct call *call, bool is_end)
{
    struct back_fcgi *back = fcgi_of(base);
    const struct http_request *request = call->request;
    bool has_body = request->framing != HTTP_FRAMING_NONE;

    back->call = call;
    back->reader = (struct fcgi_reader){0};
    back->scanned = 0;
    back->has_leftover = false;
    back->has_answered = false;
    back->is_over_limit = false;
    back->has_sent_end = false;
    back->out_at_start = back->conn->bytes_out;
    back->keeps = back_fcgi_entry(back)->terms.idle_connections != 0 &&
                  back_fcgi_backend(back)->proxy_protocol == BACKEND_PROXY_OFF;
    back->asks_for_body = request->expects_continue && !call->is_whole;
    if (back->asks_for_body) {
        loop_defer(back->client->core->loop, &back->again);
    }
    if (has_body && !request->has_content_length && !is_end) {
        back_fcgi_enter(back, BACK_FCGI_COLLECT);
        return;
    }
    send_params(back, request->has_content_length ? request->content_length : 0, has_body);
    if (!has_body) {
        queue_end(back);
    }
}

static bool op_takes_body(const struct back *base)
{
    struct back_fcgi *back = fcgi_of(base);

    if (back->state == BACK_FCGI_COLLECT) {
        return !back->is_over_limit;
    }
    conn_flush(back->conn);
    return conn_pending(back->conn) == 0;
}

static void collect(struct back_fcgi *back, struct span bytes)
{
    uint64_t *sum = &back->client->core->sums.fcgi_bodies;

    if (back->is_over_limit) {
        return;
    }
    if (back->body.len + bytes.len > back_fcgi_backend(back)->body_buffer ||
        *sum + bytes.len > HELD_SUM_MAX) {
        back->is_over_limit = true; /* told from the loop: the owner is in the midst of sending */
        loop_defer(back->client->core->loop, &back->again);
        return;
    }
    *sum += bytes.len;
    strbuf_add(&back->body, bytes);
}

static void op_send_body(struct back *base, struct span bytes)
{
    struct back_fcgi *back = fcgi_of(base);

    if (back->state == BACK_FCGI_COLLECT) {
        collect(back, bytes);
    } else {
        queue_stream(back, FCGI_STDIN, bytes);
    }
}

/* Trailers have no place in CGI. */
static void op_send_end(struct back *base, const struct http_fields *trailers)
{
    struct back_fcgi *back = fcgi_of(base);

    (void)trailers;
    if (back->is_over_limit) {
        return;
    }
    if (back->state == BACK_FCGI_COLLECT) {
        send_params(back, back->body.len, true);
        queue_stream(back, FCGI_STDIN, strbuf_span(&back->body));
        conn_memory_flush(conn_memory(back->conn)); /* what was queued lies in `body` */
        drop_body(back);
    }
    queue_end(back);
}

/* A 100 (Continue): CGI has none, and the client may wait for it. */
static void ask_for_body(struct back_fcgi *back)
{
    struct call *call = back->call;

    back->asks_for_body = false;
    if (!call->is_whole && back->state != BACK_FCGI_BODY) {
        *call->response = (struct http_response){
            .version = HTTP_1_1, .status = 100, .reason = SPAN_OF("Continue"), .keep_alive = true};
        call_interim(call);
    }
}

static void on_again(struct deferred *deferred)
{
    struct back_fcgi *back = CONTAINER_OF(deferred, struct back_fcgi, again);

    if (back->call != NULL && back->is_over_limit) {
        fail_over_limit(back);
        return;
    }
    if (back->call != NULL && back->asks_for_body) {
        ask_for_body(back);
    }
    back_fcgi_pump(back);
}

static void on_readable(struct conn *conn)
{
    struct back_fcgi *back = conn->owner;

    if (back->state == BACK_FCGI_ENDING && conn->is_reset) {
        back_fcgi_close(back, conn_abort);
        return;
    }
    back_fcgi_pump(back);
}

static void on_writable(struct conn *conn)
{
    struct back_fcgi *back = conn->owner;

    if (back->state == BACK_FCGI_ENDING) {
        if (conn_pending(conn) == 0 || conn_write_failed(conn)) {
            back_fcgi_close(back, conn_write_failed(conn) ? conn_abort : conn_close);
        }
        return;
    }
    if (conn_write_failed(conn)) {
        /* The server may have said why before it stopped listening. */
        if (back->state == BACK_FCGI_DONE) {
            back_fcgi_fail_lost(back);
        } else {
            back_fcgi_pump(back);
        }
        return;
    }
    if (back->call != NULL) {
        call_writable(back->call);
    }
}

static const struct conn_handler handler = {
    .on_readable = on_readable,
    .on_writable = on_writable,
};

struct back_fcgi *back_fcgi_create(struct client *client, struct upstream_set *set, size_t server,
                                   struct conn *conn)
{
    struct back_fcgi *back = xcalloc(1, sizeof(*back));

    back->base.ops = &ops;
    back->base.on = &back->of_client;
    back->client = client;
    back->set = upstream_set_hold(set);
    back->server = server;
    back->conn = conn;
    conn->handler = &handler;
    conn->owner = back;
    list_init(&back->parked);
    back->of_client.entry = back_fcgi_entry(back);
    back->of_client.close_at_rest = close_at_rest;
    back->of_client.leave = leave;
    back->of_client.conn = conn;
    list_push_back(&client->conns, &back->of_client.node);
    strbuf_init(&back->body);
    strbuf_init(&back->head);
    strbuf_init(&back->said);
    timer_init(&back->timer, on_timer);
    deferred_init(&back->again, on_again);
    deferred_init(&back->freeing, on_free);
    return back;
}

static bool is_fresh(struct list *node, const void *arg)
{
    struct call *call = (struct call *)(uintptr_t)arg;
    struct back_fcgi *back = LIST_ENTRY(node, struct back_fcgi, parked);

    return call_may_use(call, lease_server(&call->lease), back->conn) &&
           conn_is_quiet(back->conn, !call_may_repeat(call));
}

struct back_fcgi *back_fcgi_unpark(struct call *call)
{
    struct list *node = pool_unpark(lease_entry(&call->lease), is_fresh, call);
    struct back_fcgi *back;

    if (node == NULL) {
        return NULL;
    }
    back = LIST_ENTRY(node, struct back_fcgi, parked);
    if (back->set != call->lease.set) { /* made for another configuration, or other servers */
        upstream_set_release(back->set);
        back->set = upstream_set_hold(call->lease.set);
    }
    back->server = call->lease.member;
    back->is_reused = true;
    timer_clear(&back->timer);
    return back;
}

static void op_resume(struct back *base)
{
    back_fcgi_pump(fcgi_of(base));
}

static bool op_has_more(const struct back *base)
{
    return conn_can_read(fcgi_of(base)->conn);
}

static void op_move(struct back *base, struct call *to)
{
    fcgi_of(base)->call = to;
}

static void op_reject(struct back *base, const struct trouble *trouble)
{
    back_fcgi_fail(fcgi_of(base), trouble->reason, trouble->detail, trouble->mend);
}

/* A script that has ended takes no more. */
static bool op_is_listening(const struct back *base)
{
    (void)base;
    return false;
}

static bool op_is_sent(const struct back *base)
{
    return fcgi_of(base)->state != BACK_FCGI_COLLECT && op_takes_body(base);
}

static struct conn *op_raw(struct back *base)
{
    (void)base;
    return NULL;
}

static struct conn *op_take_over(struct back *base, struct span *rest)
{
    (void)base;
    *rest = span_make(NULL, 0);
    return NULL;
}

static void op_go_raw(struct back *base)
{
    (void)base;
    CHECK(false); /* there is no 101 */
}

static const struct back_ops ops = {
    .send_head = op_send_head,
    .takes_body = op_takes_body,
    .send_body = op_send_body,
    .send_end = op_send_end,
    .is_listening = op_is_listening,
    .is_sent = op_is_sent,
    .resume = op_resume,
    .has_more = op_has_more,
    .reject = op_reject,
    .move = op_move,
    .release = op_release,
    .raw = op_raw,
    .take_over = op_take_over,
    .go_raw = op_go_raw,
};

#include "gateway/mirror.h"

#include <stdlib.h>

#include "client/call.h"
#include "gateway/generation.h"
#include "gateway/request_copy.h"

enum mirror_state { MIRROR_IS_FILLING, MIRROR_IS_SENT, MIRROR_IS_ASKING, MIRROR_IS_OVER };

struct mirror {
    enum mirror_state state;
    struct list node; /* in worker->mirrors, once it is sent */
    struct worker *worker;
    struct generation *generation; /* counted */
    const struct route_mirror *route;
    struct upstream *upstream;
    struct arena arena;
    struct http_request request;
    struct http_fields trailers;
    struct http_response response;
    struct strbuf body;
    struct span path;
    uint64_t key;
    struct call call; /* ASKING, OVER */
    struct timer timer;
    struct deferred turn; /* its call begins, or it ends */
    enum lease_how how;
};

static struct mirror *mirror_of(struct call *call)
{
    return CONTAINER_OF(call, struct mirror, call);
}

static void destroy(struct mirror *m)
{
    struct loop *loop = m->worker->core.loop;
    struct generation *generation = m->generation;

    list_remove(&m->node);
    deferred_cancel(&m->turn);
    timer_destroy(loop, &m->timer);
    if (m->state >= MIRROR_IS_ASKING) {
        call_release(&m->call, m->how);
        call_reset(&m->call);
        conn_flush_all(loop); /* what the outbox holds by reference may lie here */
    }
    m->upstream->mirrors--;
    strbuf_free(&m->body);
    arena_destroy(&m->arena);
    generation_release_exchange(generation);
    free(m);
}

/* ---- the call ---- */

static void finish(struct mirror *m, enum lease_how how)
{
    if (m->state == MIRROR_IS_ASKING) {
        m->state = MIRROR_IS_OVER;
        m->how = how;
        if (how != LEASE_OK) {
            mirror_counts_add(m->route->counts, MIRROR_FAILED);
        }
        loop_defer(m->worker->core.loop, &m->turn);
    }
}

static void on_timer(struct timer *timer)
{
    finish(CONTAINER_OF(timer, struct mirror, timer), LEASE_SERVER_FAILED);
}

static void on_end(struct call *call, struct http_fields *trailers)
{
    (void)trailers;
    finish(mirror_of(call), LEASE_OK);
}

static void on_failed(struct call *call, const struct call_failure *failure)
{
    (void)failure;
    finish(mirror_of(call), LEASE_CLIENT_LEFT);
}

static void on_writable(struct call *call)
{
    struct mirror *m = mirror_of(call);

    if (call->is_whole) {
        return;
    }
    if (m->body.len != 0) {
        call_send_body(call, strbuf_span(&m->body));
    }
    call_send_end(call, m->trailers.count != 0 ? &m->trailers : NULL);
}

static const struct call_ops ops = {
    .end = on_end,
    .failed = on_failed,
    .writable = on_writable,
};

static void ask(struct mirror *m)
{
    struct call *call = &m->call;

    m->state = MIRROR_IS_ASKING;
    mirror_counts_add(m->route->counts, MIRROR_SENT);
    call_init(call, &ops, &m->worker->client, NULL, &m->arena);
    call->request = &m->request;
    call->response = &m->response;
    call->backend = m->route->backend;
    call->path = m->path;
    call->is_whole = m->request.framing == HTTP_FRAMING_NONE;
    call->replay_limit = m->body.len;
    call->lease.key = m->key;
    call->lease.priority = PRIORITY_LOW;
    timer_set_ms(m->worker->core.loop, &m->timer, m->route->settings->timeout_ms);
    call_start(call);
}

static void on_turn(struct deferred *deferred)
{
    struct mirror *m = CONTAINER_OF(deferred, struct mirror, turn);

    if (m->state == MIRROR_IS_SENT) {
        ask(m);
    } else {
        destroy(m);
    }
}

/* ---- for its exchange ---- */

struct mirror *mirror_create(const struct mirror_ask *ask)
{
    struct mirror *m = xcalloc(1, sizeof(*m));

    m->worker = ask->worker;
    m->generation = generation_hold_exchange(ask->generation);
    m->route = ask->route;
    m->upstream = upstreams_find(&m->worker->client.upstreams, m->route->backend);
    m->upstream->mirrors++;
    m->key = ask->key;
    m->how = LEASE_CLIENT_LEFT;
    list_init(&m->node);
    arena_init(&m->arena, 4096);
    strbuf_init(&m->body);
    deferred_init(&m->turn, on_turn);
    timer_init(&m->timer, on_timer);
    request_copy(&m->request, ask->request, &m->arena, NULL);
    m->path = arena_copy(&m->arena, ask->path);
    return m;
}

bool mirror_add(struct mirror *m, struct span bytes)
{
    if (bytes.len > m->route->settings->body_limit - m->body.len) {
        mirror_counts_add(m->route->counts, MIRROR_LARGE);
        destroy(m);
        return false;
    }
    strbuf_add(&m->body, bytes);
    return true;
}

uint64_t mirror_bytes(const struct mirror *m)
{
    return m->body.len;
}

void mirror_send(struct mirror *m, const struct http_fields *trailers)
{
    if (m->worker->core.is_draining) {
        mirror_drop(m);
        return;
    }
    if (trailers != NULL) {
        request_copy_fields(&m->trailers, trailers, &m->arena, NULL);
    }
    m->state = MIRROR_IS_SENT;
    list_push_back(&m->worker->mirrors, &m->node);
    loop_defer(m->worker->core.loop, &m->turn);
}

void mirror_drop(struct mirror *m)
{
    mirror_counts_add(m->route->counts, MIRROR_DROPPED);
    destroy(m);
}

void mirror_end_all(struct worker *worker)
{
    while (!list_is_empty(&worker->mirrors)) {
        struct mirror *m = LIST_ENTRY(worker->mirrors.next, struct mirror, node);
        if (m->state != MIRROR_IS_OVER) {
            mirror_counts_add(m->route->counts,
                              m->state == MIRROR_IS_SENT ? MIRROR_DROPPED : MIRROR_FAILED);
        }
        destroy(m);
    }
}

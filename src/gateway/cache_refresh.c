#include "gateway/cache_refresh.h"

#include <stdlib.h>

#include "gateway/generation.h"
#include "gateway/request_copy.h"

/* As a whole: nobody waits for it. */
#define REFRESH_MS 30000

#define BIT(id) (UINT64_C(1) << (id))
#define OF_CLIENTS                                                                                 \
    (BIT(FIELD_LOCATION) | BIT(FIELD_CONTENT_LOCATION) | BIT(FIELD_REFRESH) | BIT(FIELD_SET_COOKIE))

struct cache_refresh {
    struct list node; /* in worker->refreshes */
    struct worker *worker;
    struct generation *generation; /* counted */
    struct arena arena;
    struct http_request request;
    struct http_response response;
    struct cache_keeper keeper;
    struct call call;
    struct timer timer;
    struct deferred ending; /* an event may come while a library is parsing */
    enum cache_keeper_head head;
    enum lease_how how;
    bool is_over;
};

static struct cache_refresh *refresh_of(struct call *call)
{
    return CONTAINER_OF(call, struct cache_refresh, call);
}

static void destroy(struct cache_refresh *r)
{
    struct generation *generation = r->generation;

    list_remove(&r->node);
    deferred_cancel(&r->ending);
    timer_destroy(r->worker->core.loop, &r->timer);
    call_release(&r->call, r->how);
    call_reset(&r->call);
    cache_keeper_reset(&r->keeper);
    conn_flush_all(r->worker->core.loop);
    arena_destroy(&r->arena);
    generation_release_exchange(generation);
    free(r);
}

static void on_ending(struct deferred *deferred)
{
    destroy(CONTAINER_OF(deferred, struct cache_refresh, ending));
}

static void finish(struct cache_refresh *r, enum lease_how how)
{
    if (!r->is_over) {
        r->is_over = true;
        r->how = how;
        loop_defer(r->worker->core.loop, &r->ending);
    }
}

static void on_timer(struct timer *timer)
{
    finish(CONTAINER_OF(timer, struct cache_refresh, timer), LEASE_SERVER_FAILED);
}

static uint64_t now_of(const struct cache_refresh *r)
{
    return loop_now_us(r->worker->core.loop);
}

static void on_head(struct call *call)
{
    struct cache_refresh *r = refresh_of(call);

    /* What has URLs or cookies in it is stored as a client is told of them, and here is none. */
    if ((r->response.fields.present & OF_CLIENTS) != 0) {
        finish(r, LEASE_CLIENT_LEFT);
    }
    if (!r->is_over) {
        r->head = cache_keeper_head(&r->keeper, &r->response, now_of(r));
        if (r->head == CACHE_KEEPER_EXCUSE) {
            finish(r, LEASE_CLIENT_LEFT);
        }
    }
}

static void on_body(struct call *call, struct span bytes)
{
    struct cache_refresh *r = refresh_of(call);

    if (r->is_over) {
        return;
    }
    cache_keeper_body(&r->keeper, bytes);
    if (!r->keeper.is_keeping) {
        finish(r, LEASE_CLIENT_LEFT); /* nobody wants the rest */
    }
}

static void on_end(struct call *call, struct http_fields *trailers)
{
    struct cache_refresh *r = refresh_of(call);

    if (r->is_over) {
        return;
    }
    if (r->head == CACHE_KEEPER_VALIDATED) {
        cache_entry_release(cache_keeper_freshen(&r->keeper, now_of(r)));
    } else {
        cache_keeper_end(&r->keeper, trailers != NULL && trailers->count != 0, now_of(r));
    }
    finish(r, LEASE_OK);
}

static void on_failed(struct call *call, const struct call_failure *failure)
{
    (void)failure;
    finish(refresh_of(call), LEASE_CLIENT_LEFT);
}

static void on_writable(struct call *call)
{
    if (!call->is_whole) {
        call_send_end(call, NULL);
    }
}

static bool poll_response(struct call *call)
{
    return !refresh_of(call)->is_over;
}

static const struct call_ops ops = {
    .head = on_head,
    .body = on_body,
    .end = on_end,
    .failed = on_failed,
    .writable = on_writable,
    .poll_response = poll_response,
};

/* ---- the request, without its client ---- */

static struct span copy(struct cache_refresh *r, struct span text)
{
    return text.ptr != NULL ? arena_copy(&r->arena, text) : text;
}

/* Conditions and ranges were that client's. */
static bool is_of_client(const struct http_field *field)
{
    switch (field->id) {
    case FIELD_IF_NONE_MATCH:
    case FIELD_IF_MODIFIED_SINCE:
    case FIELD_IF_RANGE:
    case FIELD_RANGE:
        return true;
    default:
        return false;
    }
}

static void copy_request(struct cache_refresh *r, const struct http_request *from)
{
    request_copy(&r->request, from, &r->arena, is_of_client);
    r->request.method = HTTP_GET;
    r->request.method_name = SPAN_OF("GET");
}

void cache_refresh_start(const struct cache_refresh_ask *ask)
{
    struct cache_refresh *r = xcalloc(1, sizeof(*r));
    const struct cache_key *key = &ask->keeper->key;

    r->worker = ask->worker;
    r->generation = generation_hold_exchange(ask->generation);
    r->how = LEASE_CLIENT_LEFT;
    arena_init(&r->arena, 4096);
    deferred_init(&r->ending, on_ending);
    timer_init(&r->timer, on_timer);
    list_push_back(&r->worker->refreshes, &r->node);
    copy_request(r, ask->request);
    r->keeper = *ask->keeper;
    r->keeper.arena = &r->arena;
    r->keeper.key = (struct cache_key){copy(r, key->url), copy(r, key->rest)};
    r->keeper.may_keep = true;
    cache_keeper_ask(&r->keeper, &r->request, now_of(r));
    call_init(&r->call, &ops, &r->worker->client, NULL, &r->arena);
    r->call.request = &r->request;
    r->call.response = &r->response;
    r->call.backend = ask->backend;
    r->call.path = copy(r, ask->path);
    r->call.is_whole = true;
    r->call.lease.priority = PRIORITY_LOW; /* nobody waits for it */
    if (ask->retries != NULL) {
        r->call.retries = *ask->retries;
    }
    timer_set_ms(r->worker->core.loop, &r->timer, REFRESH_MS);
    call_start(&r->call);
}

void cache_refresh_end_all(struct worker *worker)
{
    while (!list_is_empty(&worker->refreshes)) {
        destroy(LIST_ENTRY(worker->refreshes.next, struct cache_refresh, node));
    }
}

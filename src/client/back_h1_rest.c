/* Connections to servers that rest between two requests: in the worker's pool, or for the one
 * client that is authenticated on them; and which of them may be used again. */
#include "client/back_h1_internal.h"
#include "client/dial.h"
#include "http/reuse.h"

/* Connections that rest for one client connection, being authenticated for it alone. */
#define BOUND_MAX 4

static void on_caller_end(struct caller_bound *bound)
{
    back_h1_destroy(CONTAINER_OF(bound, struct back_h1, bound));
}

void back_h1_rest_init(struct back_h1 *back)
{
    list_init(&back->parked);
    list_init(&back->bound.node);
    back->bound.end = on_caller_end;
}

static struct back_h1 *wake(struct back_h1 *back)
{
    back->is_reused = true;
    timer_clear(&back->timer);
    return back;
}

/* What has come on a resting connection is for its event to deal with, which closes it unless it
 * was nothing but TLS's own. Where a request could not be sent again, its socket is asked as well:
 * an end that has come just now costs a system call here, and a failed request there. */
static bool is_fresh(struct list *node, const void *arg)
{
    struct call *call = (struct call *)(uintptr_t)arg;
    struct back_h1 *back = LIST_ENTRY(node, struct back_h1, parked);

    return call_may_use(call, lease_server(&call->lease), back->conn) &&
           conn_is_quiet(back->conn, !call_may_repeat(call));
}

struct back_h1 *back_h1_unpark(struct call *call)
{
    struct list *node = pool_unpark(lease_entry(&call->lease), is_fresh, call);
    struct back_h1 *back;

    if (node == NULL) {
        return NULL;
    }
    back = LIST_ENTRY(node, struct back_h1, parked);
    /* It may have been made for another backend, of another configuration even, or when that had
     * other servers. */
    if (back->set != call->lease.set) {
        upstream_set_release(back->set);
        back->set = upstream_set_hold(call->lease.set);
    }
    back->server = call->lease.member;
    return wake(back);
}

struct back_h1 *back_h1_take_bound(struct call *call)
{
    struct upstream *upstream = upstreams_find(&call->client->upstreams, call->backend);

    LIST_FOR_EACH(node, &call->caller->bound)
    {
        struct caller_bound *bound = LIST_ENTRY(node, struct caller_bound, node);
        if (bound->end != on_caller_end) {
            continue;
        }
        struct back_h1 *back = CONTAINER_OF(bound, struct back_h1, bound);
        if (back->set->upstream == upstream && back_h1_entry(back)->present != 0 &&
            call_may_use(call, &back->set->servers->servers[back->server], back->conn) &&
            conn_is_quiet(back->conn, !call_may_repeat(call))) {
            list_remove(node);
            lease_take(&call->lease, back->set, back->server);
            return wake(back);
        }
    }
    return NULL;
}

void back_h1_bind(struct back_h1 *back)
{
    back->is_auth_bound = true;
    client_tell_bound(back_h1_backend(back));
}

/* For the next request of the same client connection, the oldest one making room. */
static void keep_for(struct back_h1 *back, struct caller *caller)
{
    unsigned count = 0;

    LIST_FOR_EACH(node, &caller->bound)
    {
        struct caller_bound *bound = LIST_ENTRY(node, struct caller_bound, node);
        if (bound->end == on_caller_end && ++count >= BOUND_MAX) {
            list_remove(node);
            bound->end(bound);
        }
    }
    list_push_front(&caller->bound, &back->bound.node);
}

/* Only asked of one whose request went out whole. */
static bool may_park(struct back_h1 *back)
{
    struct reuse_facts facts = {.is_server = true, .peer_keeps = back->keep_alive};

    if (back->state != BACK_DONE || !facts.peer_keeps) {
        return false;
    }
    facts.we_close = conn_pending(back->conn) != 0 || conn_write_failed(back->conn) ||
                     back->conn->has_hangup ||
                     back_h1_backend(back)->proxy_protocol != BACKEND_PROXY_OFF ||
                     back->client->core->is_draining || back->rest_ms == 0 ||
                     back_h1_entry(back)->present == 0 ||
                     !dial_is_current(upstream_set_ref(back->set, back->server), back->conn);
    facts.has_unread = back->has_leftover || back->saved_len != 0 ||
                       (!facts.we_close && conn_has_unread(back->conn));
    return reuse_after(&facts) == REUSE_GOES_ON;
}

/* True: it rests now, for whom it may serve. */
bool back_h1_park(struct back_h1 *back, struct caller *caller)
{
    if (!may_park(back)) {
        return false;
    }
    if (!back->is_auth_bound) {
        return pool_park(back_h1_entry(back), &back->parked);
    }
    if (caller == NULL || caller->is_gone || back_h1_backend(back)->idle_connections == 0) {
        return false;
    }
    keep_for(back, caller);
    return true;
}

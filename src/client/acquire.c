#include "client/acquire.h"

#include <stdlib.h>
#include <string.h>

#include "client/back_fcgi.h"
#include "client/back_h1.h"
#include "client/back_h2.h"
#include "tls/tls_conn.h"
#include "upstream/server_health.h"

/* A connection in the making to one server, whose protocol is known once it is there (ALPN), and
 * those that wait for it. */
struct attempt {
    struct client *client;
    struct back_h2_use use;
    struct list node; /* in its pool_entry's dials */
    struct call_line waiting;
    struct dial dial;
    struct lease lease;       /* the dial's own; each call has another */
    struct lease_tried tried; /* LEASE_TRIED_ALL: this dial is for one server */
    struct deferred freeing;
};

static void seek(struct call *call);

/* ---- a connection for one call ---- */

/* That one server cannot be reached is no answer while others will have room. */
static void on_dialed(struct dial *dial, enum dial_result result)
{
    struct call *call = dial->owner;

    call->dial = NULL;
    if (result != DIAL_OK && dial->others_are_full) {
        seek(call);
    } else if (result == DIAL_OK && call->backend->protocol == BACKEND_FASTCGI) {
        call_attach(call, back_fcgi_base(back_fcgi_create(call->client, call->lease.set,
                                                          call->lease.member, dial_take(dial))));
    } else if (result == DIAL_OK) {
        call_attach(call, back_h1_base(back_h1_create(call->client, call->lease.set,
                                                      call->lease.member, dial_take(dial))));
    } else {
        call_no_connection(call, result, &dial->trouble);
    }
    free(dial);
}

static void dial_h1(struct call *call)
{
    static struct lease_tried everyone = {.set = LEASE_TRIED_ALL}; /* nobody writes to it */
    bool stays = (call->retries.on & RETRY_ON_CONNECT) == 0 && lease_is_held(&call->lease);
    struct dial_client who = {0};

    if (call->backend->proxy_protocol != BACKEND_PROXY_OFF && call->ops->describe_client != NULL) {
        call->ops->describe_client(call, &who);
    }
    call->dial = xcalloc(1, sizeof(*call->dial));
    dial_start(call->dial, call->client, &who, call->backend, DIAL_OFFER_H1,
               stays ? &everyone : &call->tried, &call->tries, call_client_name(call), &call->lease,
               call, on_dialed);
}

/* ---- one that several may wait for ---- */

static void on_free(struct deferred *deferred)
{
    struct attempt *attempt = CONTAINER_OF(deferred, struct attempt, freeing);

    lease_reset(&attempt->lease);
    upstream_set_release(attempt->use.set);
    free(attempt);
}

static struct pool_entry *entry_of(const struct attempt *attempt)
{
    return attempt->use.set->entries[attempt->use.server];
}

static struct server_ref ref_of(const struct attempt *attempt)
{
    return upstream_set_ref(attempt->use.set, attempt->use.server);
}

/* It is over; nobody joins it any more. */
static void attempt_end(struct attempt *attempt)
{
    list_remove(&attempt->node);
    attempt->waiting.on_empty = NULL;
    loop_defer(attempt->client->core->loop, &attempt->freeing);
}

static void on_nobody_waits(struct call_line *line)
{
    struct attempt *attempt = CONTAINER_OF(line, struct attempt, waiting);

    dial_cancel(&attempt->dial);
    attempt_end(attempt);
}

/* The connection is the first one's; the others find their own, now that it is known what the
 * server speaks. */
static void start_h1(struct attempt *attempt)
{
    struct conn *conn = dial_take(&attempt->dial);
    struct call *call = call_line_pop(&attempt->waiting);

    entry_of(attempt)->speaks_h1 = true;
    server_note_reached(ref_of(attempt), loop_now_us(attempt->client->core->loop));
    call_attach(call, back_h1_base(back_h1_create(attempt->client, attempt->use.set,
                                                  attempt->use.server, conn)));
    while ((call = call_line_pop(&attempt->waiting)) != NULL) {
        acquire_shared(call);
    }
}

static void start_h2(struct attempt *attempt)
{
    entry_of(attempt)->speaks_h1 = false;
    back_h2_start(attempt->client, &attempt->use, dial_take(&attempt->dial), &attempt->waiting);
}

static void refuse_h1(struct attempt *attempt)
{
    static const struct trouble no_h2 = {
        "no_h2", "the server does not speak HTTP/2 inside TLS (ALPN)",
        "enable HTTP/2 on the server, or say 'protocol: auto' or 'protocol: h1' in the backend"};
    struct conn *conn = dial_take(&attempt->dial);

    conn_close_in_order(conn);
    conn_free(conn);
    if (attempt->dial.client_name == NULL) { /* else it may be so for that name alone */
        server_note_unreachable(ref_of(attempt), no_h2.detail,
                                loop_now_us(attempt->client->core->loop));
    }
    call_line_fail(&attempt->waiting, false, DIAL_TLS, &no_h2);
}

static void on_attempt_over(struct dial *dial, enum dial_result result)
{
    struct attempt *attempt = dial->owner;
    enum backend_protocol protocol = dial->upstream->backend->protocol;

    attempt_end(attempt);
    if (result != DIAL_OK) {
        call_line_fail(&attempt->waiting, true, result, &dial->trouble); /* by its own lease */
        return;
    }
    lease_end(&attempt->lease, LEASE_UNUSED, NULL);
    if (protocol == BACKEND_H2C || span_eq(tls_conn_alpn(dial->conn), SPAN_OF("h2"))) {
        start_h2(attempt);
    } else if (protocol == BACKEND_AUTO) {
        start_h1(attempt);
    } else {
        refuse_h1(attempt);
    }
}

static void attempt_start(struct call *call, bool is_solo)
{
    struct attempt *attempt = xcalloc(1, sizeof(*attempt));

    attempt->client = call->client;
    attempt->use = (struct back_h2_use){
        .set = upstream_set_hold(call->lease.set),
        .server = call->lease.member,
        .owner = call->caller != NULL && call->caller->is_bound ? call->caller : NULL,
        .is_solo = is_solo,
    };
    lease_init(&attempt->lease);
    attempt->tried.set = LEASE_TRIED_ALL;
    deferred_init(&attempt->freeing, on_free);
    list_push_back(&entry_of(attempt)->dials, &attempt->node);
    call_line_init(&attempt->waiting, on_nobody_waits);
    call_line_add(&attempt->waiting, call);
    lease_take(&attempt->lease, attempt->use.set, attempt->use.server);
    dial_start(&attempt->dial, call->client, NULL, call->backend, DIAL_OFFER_ANY, &attempt->tried,
               NULL, call_client_name(call), &attempt->lease, attempt, on_attempt_over);
}

static bool has_name_of(const struct attempt *attempt, struct call *call)
{
    const char *name = attempt->dial.client_name;
    const char *wanted = call_client_name(call);

    return name == NULL || wanted == NULL ? name == wanted : strcmp(name, wanted) == 0;
}

static bool attempt_join(struct call *call)
{
    struct pool_entry *entry = lease_entry(&call->lease);

    LIST_FOR_EACH(node, &entry->dials)
    {
        struct attempt *attempt = LIST_ENTRY(node, struct attempt, node);
        if (back_h2_may_share(&attempt->use, call) && has_name_of(attempt, call) &&
            attempt->waiting.count < back_h2_waiters_max(entry)) {
            call_line_add(&attempt->waiting, call);
            return true;
        }
    }
    return false;
}

void acquire_shared(struct call *call)
{
    bool may_be_h1 = call->backend->protocol == BACKEND_AUTO && !call->wants_new;
    struct back_h1 *parked = may_be_h1 ? back_h1_unpark(call) : NULL;
    bool is_solo;

    if (parked != NULL) {
        call_attach(call, back_h1_base(parked));
        return;
    }
    is_solo = back_h2_is_odd(call);
    if (is_solo || (!back_h2_join(call) && !attempt_join(call))) {
        attempt_start(call, is_solo);
    }
}

/* ---- which ---- */

/* Where the server has the choice: only HTTP/1.1 has Upgrade, and connections that are one client's
 * by their authentication. A server that is known to speak HTTP/2 alone never sees the former. */
static bool needs_h1(const struct call *call)
{
    switch (call->backend->protocol) {
    case BACKEND_H1:
    case BACKEND_FASTCGI: /* which carries one request, too */
        return true;
    case BACKEND_AUTO:
        return call->request->upgrade.ptr != NULL || call->is_auth_bound || call->wants_h1;
    case BACKEND_H2:
    case BACKEND_H2C:
        break;
    }
    return false;
}

/* One that rests; NULL: none. Whose they are is told by the protocol, which every endpoint has. */
static struct back *unpark(struct call *call)
{
    if (call->backend->protocol == BACKEND_FASTCGI) {
        struct back_fcgi *back = back_fcgi_unpark(call);
        return back != NULL ? back_fcgi_base(back) : NULL;
    }
    struct back_h1 *back = back_h1_unpark(call);
    return back != NULL ? back_h1_base(back) : NULL;
}

static void acquire_h1(struct call *call)
{
    struct back *back = NULL;

    if (lease_is_held(&call->lease) && !call->wants_new) {
        back = unpark(call);
    }
    if (back == NULL) {
        dial_h1(call);
        return;
    }
    call_attach(call, back);
}

static void go_on(struct call *call, enum turn_result result)
{
    if (result == TURN_REFUSED) {
        call_no_connection(call, DIAL_FULL, turn_trouble(&call->turn));
    } else if (needs_h1(call)) {
        acquire_h1(call);
    } else if (result == TURN_HAS_SERVER) {
        acquire_shared(call);
    } else {
        char text[256];
        const struct trouble trouble = dial_no_server(
            upstreams_find(&call->client->upstreams, call->backend), text, sizeof(text));
        call_no_connection(call, DIAL_NO_SERVER, &trouble);
    }
}

static void on_turn(struct turn *turn, enum turn_result result)
{
    go_on(turn->owner, result);
}

static enum turn_result take_turn(struct call *call)
{
    return turn_take(&call->turn, call->client,
                     upstreams_find(&call->client->upstreams, call->backend), &call->lease,
                     &call->tried, call, on_turn);
}

/* A server that was not tried; where all of them are full, after a wait. */
static void seek(struct call *call)
{
    enum turn_result result = take_turn(call);

    if (result != TURN_WAITS) {
        go_on(call, result);
    }
}

void acquire(struct call *call)
{
    struct back_h1 *back = NULL;

    call->connect_began_us = call->try_began_us = loop_now_us(call->client->core->loop);
    if (!call->wants_new && call->caller != NULL && !list_is_empty(&call->caller->bound)) {
        back = back_h1_take_bound(call);
    }
    if (back != NULL) {
        call_attach(call, back_h1_base(back));
        return;
    }
    seek(call);
}

bool acquire_next(struct call *call)
{
    enum turn_result result;

    call->try_began_us = loop_now_us(call->client->core->loop);
    result = take_turn(call);
    if (result == TURN_NO_SERVER) {
        return false;
    }
    if (result != TURN_WAITS) {
        go_on(call, result);
    }
    return true;
}

bool acquire_cancel(struct call *call)
{
    if (turn_cancel(&call->turn)) {
        return true;
    }
    if (call->dial != NULL) {
        dial_cancel(call->dial);
        free(call->dial);
        call->dial = NULL;
        return true;
    }
    if (call->line != NULL) {
        call_line_remove(call);
        lease_end(&call->lease, LEASE_UNUSED, NULL);
        return true;
    }
    return false;
}

#include "gateway/acquire.h"

#include <stdlib.h>

#include "gateway/back_h1.h"
#include "gateway/back_h2.h"

static void on_dialed(struct dial *dial, enum dial_result result)
{
    struct call *call = dial->owner;
    struct back_h1 *back = call->connecting;

    call->connecting = NULL;
    call->dial = NULL;
    if (result == DIAL_OK) {
        call->server = dial->server;
        free(dial);
        back_h1_connected(back, call->server);
        call_attach(call, back_h1_base(back));
        return;
    }
    call_no_connection(call, result, &dial->trouble);
    free(dial);
    back_h1_destroy(back);
}

static void dial_h1(struct call *call, size_t server)
{
    struct dial_client who = {0};

    if (call->backend->proxy_protocol != BACKEND_PROXY_OFF) {
        call->ops->describe_client(call, &who);
    }
    call->connecting = back_h1_create(call->client, call->backend);
    call->dial = xcalloc(1, sizeof(*call->dial));
    dial_start(call->dial, call->client, &who, call->backend, back_h1_conn(call->connecting),
               &call->tried, server, call, on_dialed);
}

/* Where the server has the choice: only HTTP/1.1 has Upgrade, and connections that are one client's
 * by their authentication. A server that is known to speak HTTP/2 alone never sees the former. */
static bool needs_h1(const struct call *call)
{
    switch (call->backend->protocol) {
    case BACKEND_H1:
        return true;
    case BACKEND_AUTO:
        return call->request->upgrade.ptr != NULL || call->is_auth_bound || call->wants_h1;
    case BACKEND_H2:
    case BACKEND_H2C:
        break;
    }
    return false;
}

static size_t pick(struct call *call)
{
    return upstream_pick(client_upstream(call->client, call->backend), &call->tried,
                         loop_now_us(call->client->core->loop));
}

static void acquire_h1(struct call *call, size_t server)
{
    struct back_h1 *back = NULL;

    if (server != BALANCE_NONE && !call->wants_new) {
        call->server = server;
        back = back_h1_unpark(call);
    }
    if (back == NULL) {
        dial_h1(call, server);
        return;
    }
    call_attach(call, back_h1_base(back));
}

/* HTTP/2, perhaps: a stream on a connection that is there, or that others wait for too. */
static void acquire_shared(struct call *call, size_t server)
{
    static const struct trouble no_server = {
        "no_server", "no server of the backend has a known address",
        "see the messages about names that could not be resolved"};

    if (server == BALANCE_NONE) {
        call_no_connection(call, DIAL_NO_SERVER, &no_server);
        return;
    }
    call->server = server;
    back_h2_acquire(call);
}

void acquire(struct call *call)
{
    struct back_h1 *back = NULL;
    size_t server;

    call->connect_began_us = loop_now_us(call->client->core->loop);
    if (!call->wants_new && call->caller != NULL && !list_is_empty(&call->caller->bound)) {
        back = back_h1_take_bound(call);
    }
    if (back != NULL) {
        call_attach(call, back_h1_base(back));
        return;
    }
    server = pick(call);
    if (needs_h1(call)) {
        acquire_h1(call, server);
    } else {
        acquire_shared(call, server);
    }
}

bool acquire_next(struct call *call)
{
    size_t next = pick(call);

    if (next == BALANCE_NONE) {
        return false;
    }
    call->server = next;
    back_h2_acquire(call);
    return true;
}

bool acquire_cancel(struct call *call)
{
    if (call->dial != NULL) {
        dial_cancel(call->dial);
        free(call->dial);
        call->dial = NULL;
        back_h1_destroy(call->connecting);
        call->connecting = NULL;
        return true;
    }
    if (call->awaited != NULL) {
        back_h2_forget(call);
        upstream_done(client_upstream(call->client, call->backend), call->server, true);
        return true;
    }
    return false;
}

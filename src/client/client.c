#include "client/client.h"

#include <stdlib.h>

#include "base/log.h"

void client_init(struct client *client, struct backend *const *backends, size_t count)
{
    list_init(&client->conns);
    ack_watches_init(&client->acks, client->core->loop);
    resolver_init(&client->names, client->core->loop, NULL);
    upstreams_init(&client->upstreams);
    for (size_t i = 0; i < count; i++) {
        upstreams_add(&client->upstreams, backends[i]);
    }
}

void client_follow(struct client *client)
{
    upstreams_follow(&client->upstreams);
    LIST_FOR_EACH(node, &client->conns)
    {
        struct client_conn *conn = LIST_ENTRY(node, struct client_conn, node);
        if (conn->entry->present == 0) {
            conn->leave(conn);
        }
    }
}

void client_doubt(struct client *client, const struct pool_entry *entry)
{
    LIST_FOR_EACH(node, &client->conns)
    {
        struct client_conn *conn = LIST_ENTRY(node, struct client_conn, node);
        if (conn->entry == entry) {
            conn_probe(conn->conn);
            conn->leave(conn);
        }
    }
}

void client_close_all(struct client *client)
{
    LIST_FOR_EACH(node, &client->conns)
    {
        struct client_conn *conn = LIST_ENTRY(node, struct client_conn, node);
        conn->close_at_rest(conn);
    }
}

void client_free(struct client *client, struct backend *const *backends, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        upstreams_remove(&client->upstreams, backends[i]);
    }
    upstreams_free(&client->upstreams);
    ack_watches_free(&client->acks);
    resolver_free(&client->names);
}

void client_tell_failure(struct client *client, const struct server_failure *failure)
{
    if (client->on_server_failure != NULL) {
        client->on_server_failure(failure);
    }
}

void client_tell_bound(const struct backend *backend)
{
    struct backend *told = (struct backend *)(uintptr_t)backend;

    if (!atomic_load_explicit(&told->is_bound_told, memory_order_relaxed) &&
        !atomic_exchange(&told->is_bound_told, true)) {
        log_info("backend %s: NTLM or Negotiate authenticates connections instead of requests: a "
                 "connection on which it is spoken is kept for that one client",
                 backend->name);
    }
}

bool client_loss_trouble(struct client *client, const struct conn *conn,
                         const struct upstream_set *set, size_t server, struct tls_trouble *out)
{
    static const struct trouble lost = {
        "server_lost", "the server acknowledges nothing any more that is sent to it",
        "see whether the server, or the network to it, has stopped; ack_timeout of the backend "
        "says how long that is waited for"};

    if (conn->is_lost) {
        out->trouble = lost;
        return true;
    }
    if (!tls_trouble_of(conn, out)) {
        return false;
    }
    client_tell_failure(client,
                        &(struct server_failure){.who = out->by_peer ? "backend" : "gateway",
                                                 .reason = out->trouble.reason,
                                                 .detail = out->trouble.detail,
                                                 .mend = out->trouble.mend,
                                                 .backend = upstream_set_backend(set),
                                                 .server = upstream_set_server(set, server)->text});
    return true;
}

void caller_init(struct caller *caller)
{
    *caller = (struct caller){0};
    list_init(&caller->bound);
}

void caller_end(struct caller *caller)
{
    caller->is_gone = true;
    LIST_FOR_EACH(node, &caller->bound)
    {
        struct caller_bound *bound = LIST_ENTRY(node, struct caller_bound, node);
        list_remove(node);
        bound->end(bound);
    }
}

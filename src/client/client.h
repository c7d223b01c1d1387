/* What the side of the servers has for each worker: its connections and its view of the backends.
 * Embedded in the worker; one thread only.
 *
 * What a client connection has to do with them is a struct caller, embedded in its session. */
#ifndef TIDEGATE_CLIENT_CLIENT_H
#define TIDEGATE_CLIENT_CLIENT_H

#include "base/list.h"
#include "client/ack_watch.h"
#include "core/core.h"
#include "dns/resolver.h"
#include "http/h1_parse.h"
#include "http/h2_fields.h"
#include "tls/tls_trouble.h"
#include "upstream/upstream.h"

/* A server, or a connection to one, has failed. Texts are valid during the call. */
struct server_failure {
    const char *who; /* refused: "gateway", "backend" or "network" */
    const char *reason;
    const char *detail;
    const char *mend;
    const struct backend *backend;
    const char *server; /* its text */
};

/* A connection to a server, as its client knows it: embedded in the back that has it. */
struct client_conn {
    struct list node;               /* in client->conns */
    const struct pool_entry *entry; /* of its server */
    struct conn *conn;
    void (*close_at_rest)(struct client_conn *conn); /* no call is on it */
    void (*leave)(struct client_conn *conn);         /* closes as soon as no call is on it */
};

struct client_settings {
    struct h1_limits h1; /* of a response's head */
    struct h2_limits h2;
    size_t request_head; /* bytes that a client's may have */
    uint64_t response_window;
    uint64_t response_windows;
    uint64_t held;
    uint64_t send_ms;
};

struct client {
    struct core *core;
    struct client_settings settings;
    struct upstreams upstreams;
    struct list conns; /* struct client_conn: to servers, those at rest too */
    struct ack_watches acks;
    struct resolver names; /* of what is fetched; those of backends are looked up elsewhere */
    void (*on_server_failure)(const struct server_failure *failure); /* NULL: nobody asks */
};

/* core, settings and on_server_failure are set. */
void client_init(struct client *client, struct backend *const *backends, size_t count);
/* The servers of backends may have changed: goes over to those that there are, and closes what
 * rests at others. */
void client_follow(struct client *client);
/* A connection to that server is lost (conn->is_lost): what rests at it is closed, and nothing new
 * comes on the others, which are asked whether they are lost, too. */
void client_doubt(struct client *client, const struct pool_entry *entry);
/* No call is left: closes what rests. */
void client_close_all(struct client *client);
/* After that, and a turn of the loop. */
void client_free(struct client *client, struct backend *const *backends, size_t count);

void client_tell_failure(struct client *client, const struct server_failure *failure);
/* Says once in the log that connections to this backend are kept for single clients. */
void client_tell_bound(const struct backend *backend);

/* Whether more is known of why a connection to the server was lost than that it ended. What TLS
 * says is told of, then (on_server_failure). */
bool client_loss_trouble(struct client *client, const struct conn *conn,
                         const struct upstream_set *set, size_t server,
                         struct tls_trouble *out) MUST_CHECK;

/* ---- client connections ---- */

/* Something that belongs to one client connection and ends with it: embedded in a connection to a
 * server on which that client, and nobody else, is authenticated. */
struct caller_bound {
    struct list node; /* in caller->bound */
    void (*end)(struct caller_bound *bound);
};

struct caller {
    struct list bound;   /* struct caller_bound, newest first */
    uint64_t h2_windows; /* what servers may send for it above the first windows of streams */
    bool is_bound; /* its requests were authenticated by connection: see http/connection_auth.h */
    bool is_gone;
};

void caller_init(struct caller *caller);
/* Ends all that is bound to it. */
void caller_end(struct caller *caller);

#endif

/* The back over HTTP/2: connections to servers that carry the requests of many clients at once.
 *
 *   PREFACE --the server's SETTINGS allow streams--> OPEN --idle, GOAWAY, lost--> CLOSED
 *
 * A connection belongs to one worker, backend and server. It is closed when it has been idle for
 * the backend's idle_timeout. */
#ifndef TIDEGATE_CLIENT_BACK_H2_H
#define TIDEGATE_CLIENT_BACK_H2_H

#include "client/back.h"

/* What a connection is made for. */
struct back_h2_use {
    struct upstream_set *set;
    size_t server;        /* of that set */
    struct caller *owner; /* who is authenticated on it: of that client connection alone; or NULL */
    bool is_solo;         /* for one request with a head like none that the server has answered */
};

/* Takes over the connection, which is open, and those that wait for it. */
void back_h2_start(struct client *client, const struct back_h2_use *use, struct conn *conn,
                   struct call_line *waiting);
/* Whether the call, which holds a lease, has got a stream on a connection that is
 * there, or waits for one that will say in a moment how many it takes. */
bool back_h2_join(struct call *call) MUST_CHECK;
/* Whether others may use what is made so. */
bool back_h2_may_share(const struct back_h2_use *use, const struct call *call);
/* How many may wait for one connection to the server. */
unsigned back_h2_waiters_max(const struct pool_entry *entry);
/* Whether the call's head is like none that the server is known to take. */
bool back_h2_is_odd(const struct call *call);

#endif

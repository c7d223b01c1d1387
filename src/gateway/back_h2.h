/* The back over HTTP/2: connections to servers that carry the requests of many clients at once.
 *
 *   DIALING --TLS, ALPN h2--> PREFACE --the server's SETTINGS--> OPEN --idle, GOAWAY, lost-->
 * CLOSED
 *      `--ALPN http/1.1 (protocol: auto)--> a back_h1 for the first that waits
 *
 * A call that needs a server gets a stream on an open connection with room; else it waits,
 * with others, for one that is being made; else it has one made. A connection belongs to one
 * worker, backend and server. It is closed when it has been idle for the backend's idle_timeout. */
#ifndef TIDEGATE_GATEWAY_BACK_H2_H
#define TIDEGATE_GATEWAY_BACK_H2_H

#include "gateway/back.h"

struct back_h2_conn;

/* For a backend whose protocol is not h1. A lease on call->server is held. Ends, at once or later,
 * with call_attach, call_unreachable or call_unfit; until then call->awaited may be set. */
void back_h2_acquire(struct call *call);
/* The call, which waits (call->awaited), does not any more. */
void back_h2_forget(struct call *call);
/* No call is left. */
void back_h2_close_all(struct client *client);

#endif

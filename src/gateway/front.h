/* The client's side of a session once it speaks HTTP, of whatever version. Embedded as the first
 * member of a front_h1 or front_h2. What a front does for an exchange is front_ops
 * (gateway/exchange.h). */
#ifndef TIDEGATE_GATEWAY_FRONT_H
#define TIDEGATE_GATEWAY_FRONT_H

#include "base/span.h"

struct front;

struct front_type {
    const char *name;
    /* Begins with bytes that were read already (copied where needed); may close the session. */
    void (*start)(struct front *front, struct span bytes);
    /* The session's timer has run out. */
    void (*on_timer)(struct front *front);
    /* Shutting down: closes when idle, else after what is under way. */
    void (*drain)(struct front *front);
    /* It is in worker->idle_sessions, and makes room for another client. */
    void (*evict)(struct front *front);
    /* The session is closing: abandons its exchanges. Its memory goes at the end of the turn. */
    void (*destroy)(struct front *front);
};

struct front {
    const struct front_type *type;
};

#endif

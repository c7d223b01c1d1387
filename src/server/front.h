/* The client's side once it speaks HTTP, of whatever version. Embedded as the first
 * member of a front_h1 or front_h2. What a front does for an exchange is front_ops
 * (server/front_exchange.h). */
#ifndef TIDEGATE_SERVER_FRONT_H
#define TIDEGATE_SERVER_FRONT_H

#include "base/span.h"

struct front;

struct front_type {
    const char *name;
    /* Begins with bytes that were read already (copied where needed); may end it. */
    void (*start)(struct front *front, struct span bytes);
    /* Shutting down: closes when idle, else after what is under way. */
    void (*drain)(struct front *front);
    /* Its link is idle, and makes room for another client. */
    void (*evict)(struct front *front);
    /* The link's owner closes it: abandons its exchanges. Its memory goes at the end of the turn.
     */
    void (*destroy)(struct front *front);
};

struct front {
    const struct front_type *type;
};

#endif

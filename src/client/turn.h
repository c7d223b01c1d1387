/* A server for a request or a tunnel, as the balancing chooses; where all are full, after a place
 * in the backend's line (upstream/server_queue.h), in turn with all others that wait there
 * (lease->priority first).
 *
 * Embedded in whoever asks, who ends it with turn_cancel. One thread only. */
#ifndef TIDEGATE_CLIENT_TURN_H
#define TIDEGATE_CLIENT_TURN_H

#include "base/trouble.h"
#include "client/client.h"
#include "io/loop.h"
#include "upstream/lease.h"
#include "upstream/server_queue.h"

/* How often the first in the line looks whether a server has come back, besides when one is told to
 * have a place again. */
#define TURN_LOOK_MS 100

enum turn_result {
    TURN_HAS_SERVER, /* the lease is held */
    TURN_NO_SERVER,  /* none is left that was not tried */
    TURN_REFUSED,    /* all are full, and so is the line, or it took too long: see turn_trouble */
    TURN_WAITS       /* on_done follows */
};

enum turn_refusal {
    TURN_FULL, /* the line was */
    TURN_LATE,
    TURN_PUSHED_OUT /* of the line, for one of a higher priority */
};

struct turn {
    struct client *client;
    struct upstream *upstream;
    struct lease *lease;       /* the owner's */
    struct lease_tried *tried; /* the owner's */
    struct server_wait *wait;  /* NULL: does not wait */
    struct timer timer;
    uint64_t began_us;
    enum turn_refusal refusal; /* after TURN_REFUSED */
    void *owner;
    void (*on_done)(struct turn *turn, enum turn_result result);
};

/* For any number of times after each other; what is TURN_WAITS ends in on_done or turn_cancel. */
enum turn_result turn_take(struct turn *turn, struct client *client, struct upstream *upstream,
                           struct lease *lease, struct lease_tried *tried, void *owner,
                           void (*on_done)(struct turn *, enum turn_result)) MUST_CHECK;
/* It waits no more. False: it did not. May be called twice, and before turn_take where all is zero.
 */
bool turn_cancel(struct turn *turn);
/* After TURN_REFUSED. */
const struct trouble *turn_trouble(const struct turn *turn);

#endif

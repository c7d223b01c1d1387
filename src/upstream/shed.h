/* Who goes first where a backend cannot take all: the one place that decides it, for the limit of
 * concurrency (upstream/concurrency.h) and for the line in front of it (upstream/server_queue.h).
 * Pure. */
#ifndef TIDEGATE_UPSTREAM_SHED_H
#define TIDEGATE_UPSTREAM_SHED_H

#include <stddef.h>
#include <stdint.h>

#include "settings/choices.h"

/* How much of a limit each priority may fill, where a higher one is about. */
struct shed_shares {
    unsigned percent[PRIORITY_LEVELS];
};

/* How many requests may be in use with one more of this priority; at least one. `highest`: of the
 * requests that came lately, which may be this one's own: nothing is kept free for nobody. */
uint32_t shed_room(const struct shed_shares *shares, uint32_t limit, enum priority priority,
                   enum priority highest);

enum shed_verdict {
    SHED_WAITS,
    SHED_PUSHES_OUT, /* the last one of `*victim` leaves the line for it */
    SHED_REFUSED
};

/* Whether a request may wait in a line of that size, in which so many of each priority do. */
enum shed_verdict shed_decide(enum priority priority, const size_t waiting[PRIORITY_LEVELS],
                              size_t size, enum priority *victim);

#endif

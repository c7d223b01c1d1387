/* For policies: how many times slower than the others of its group a member answers. It says so
 * only where that is plain: several times, and over some requests, whose latencies count by their
 * logarithms, so that a few odd ones say nothing. What is not confirmed fades, so that one that was
 * slow is tried again. Pure. */
#ifndef TIDEGATE_UPSTREAM_BALANCE_PACE_H
#define TIDEGATE_UPSTREAM_BALANCE_PACE_H

#include "upstream/balance.h"

/* Of one that is no slower than the others; twice as slow is twice that. */
#define BALANCE_PACE_USUAL 16U

struct balance_pace {
    uint64_t at_us;    /* of the latest sample */
    uint32_t log;      /* the smoothed logarithm of its latencies, to the base of 2, times 65536 */
    uint32_t samples;  /* as far as they are counted */
    uint32_t slowness; /* from BALANCE_PACE_USUAL on */
};

void balance_pace_init(struct balance_pace *pace);
/* A request has ended. `all`: that of the whole group, to which it belongs, too. */
void balance_pace_note(struct balance_pace *own, struct balance_pace *all,
                       const struct balance_outcome *outcome);
/* The time goes by. */
void balance_pace_look(struct balance_pace *own, const struct balance_pace *all, uint64_t now_us);

#endif

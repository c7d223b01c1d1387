/* How long requests to a backend take at present, as one worker has seen it: by that it is decided
 * when one has waited so long that another server is asked, too (client/call_hedge.c). Pure; the
 * time is told. What is older than two windows counts no more. */
#ifndef TIDEGATE_UPSTREAM_HEDGE_PACE_H
#define TIDEGATE_UPSTREAM_HEDGE_PACE_H

#include "upstream/latency.h"

/* Of each of the two windows. */
#define HEDGE_PACE_WINDOW_US (UINT64_C(10) * 1000 * 1000)
/* Fewer say nothing of a quantile. */
#define HEDGE_PACE_SAMPLES_MIN 50
/* It is not known. */
#define HEDGE_PACE_UNKNOWN UINT64_MAX
/* How often it is looked at again. */
#define HEDGE_PACE_LOOK_US (UINT64_C(100) * 1000)

struct hedge_pace {
    struct latency windows[2]; /* the present one, and the one before, in turn */
    unsigned counts[2];
    unsigned present;
    uint64_t began_us; /* the present one; 0: there was none */
    /* What was found last. */
    unsigned per_mille;
    uint64_t looked_us;
    uint64_t found_us;
};

/* A request took so long to the head of its answer; one that another server was faster with, as
 * long as it had waited by then, so that the quantile does not sink with each that is cut off. */
void hedge_pace_note(struct hedge_pace *pace, uint64_t us, uint64_t now_us);
/* So many of a thousand take no longer; or HEDGE_PACE_UNKNOWN. */
uint64_t hedge_pace_quantile_us(struct hedge_pace *pace, unsigned per_mille, uint64_t now_us);

#endif

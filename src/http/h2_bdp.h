/* How much a pipe holds: the product of its bandwidth and delay, measured as gRPC does it. While
 * data flows a PING goes out; what arrives until its answer does is what the peer can have on the
 * way. Where that is near half of the window (which is given back by halves), the window is what
 * limits it, and becomes twice as large.
 *
 * So a window grows by what really flowed within one round trip, and never for a peer that is slow,
 * near, or held up by a slow reader. How often is asked adapts: at each half of a window, and a
 * quarter more rarely each time that nothing grew, so that it does not stay in step with a sender
 * that pauses between two windows. Pure; one for each connection. */
#ifndef TIDEGATE_HTTP_H2_BDP_H
#define TIDEGATE_HTTP_H2_BDP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

/* Between two questions, at most. */
#define H2_BDP_RARE_BYTES (64 * 1024 * 1024)

struct h2_bdp {
    uint32_t window;     /* that a stream of the connection should have */
    uint32_t max;        /* and may have at most */
    uint64_t sample;     /* bytes since the question */
    uint64_t since;      /* bytes since the last answer */
    uint64_t rare_bytes; /* how many are let pass before the next question */
    bool is_asked;
};

void h2_bdp_init(struct h2_bdp *bdp, uint32_t window, uint32_t max);
/* Data came. True: a PING is to be sent now, whose answer is told with h2_bdp_answer. */
bool h2_bdp_data(struct h2_bdp *bdp, uint64_t bytes) MUST_CHECK;
void h2_bdp_answer(struct h2_bdp *bdp);

/* One stream's window: it grows towards what the pipe holds, but no more at a time than its reader
 * has shown to take. */
struct h2_window {
    uint32_t size;
    uint32_t soon;    /* what it has as soon as its reader has taken a quarter of the first one */
    uint64_t taken;   /* by its reader, in all */
    uint64_t waiting; /* has come, and the reader does not take it */
};

/* By how much it grows now; `left`: of the sums that it counts in. 0: not. */
uint32_t h2_window_growth(const struct h2_window *window, uint32_t pipe, uint64_t left) MUST_CHECK;

#endif

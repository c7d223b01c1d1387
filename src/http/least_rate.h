/* Whether a peer that takes its bytes takes enough of them: one who takes a byte now and then holds
 * what it costs for ever (slow read). While something waits for it, it has to take so many bytes a
 * second, on average over a period.
 *
 * Pure: the caller tells the time and what was taken. */
#ifndef TIDEGATE_HTTP_LEAST_RATE_H
#define TIDEGATE_HTTP_LEAST_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

struct least_rate {
    uint64_t since_us; /* when the period began; 0: nothing waits */
    uint64_t bytes;    /* taken since */
};

/* Something waits from now on, or still does. */
static inline void least_rate_wait(struct least_rate *rate, uint64_t now_us)
{
    if (rate->since_us == 0) {
        rate->since_us = now_us != 0 ? now_us : 1;
        rate->bytes = 0;
    }
}

static inline void least_rate_take(struct least_rate *rate, uint64_t bytes)
{
    rate->bytes += bytes;
}

/* Nothing waits any more. */
static inline void least_rate_idle(struct least_rate *rate)
{
    rate->since_us = 0;
}

/* True: a whole period has passed in which less than its share was taken. One in which enough was
 * taken is followed by the next. A `per_second` of 0 asks for a byte a period. */
bool least_rate_is_missed(struct least_rate *rate, uint64_t now_us, uint64_t period_ms,
                          uint64_t per_second) MUST_CHECK;

#endif

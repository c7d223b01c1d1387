/* A log-linear histogram of latencies: eight steps to each power of two, so that a quantile is true
 * within a sixteenth, from 32 us to 19 hours. One thread counts in one; sums are made of those of
 * several, which they may go on counting in meanwhile. */
#ifndef TIDEGATE_UPSTREAM_LATENCY_H
#define TIDEGATE_UPSTREAM_LATENCY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define LATENCY_STEPS 232

struct latency {
    _Atomic uint32_t counts[LATENCY_STEPS];
};

struct latency_sum {
    uint64_t counts[LATENCY_STEPS];
};

/* By the histogram's own thread. */
void latency_count(struct latency *latency, uint64_t us);
void latency_add(struct latency_sum *sum, const struct latency *latency);
void latency_add_sum(struct latency_sum *sum, const struct latency_sum *other);
/* What was counted before. */
void latency_subtract(struct latency_sum *sum, const struct latency_sum *before);
uint64_t latency_total(const struct latency_sum *sum);
/* Below which so many of a thousand are; 0: there are none. */
uint64_t latency_quantile_us(const struct latency_sum *sum, unsigned per_mille);

#endif

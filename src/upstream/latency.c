#include "upstream/latency.h"

/* The lowest step, and all below 8 of it are as wide: 32 us. */
#define UNIT_BITS 5
#define STEP_BITS 3
#define STEPS_OF_TWO (1U << STEP_BITS)

static size_t step_of(uint64_t us)
{
    uint64_t units = us >> UNIT_BITS;
    unsigned power;
    size_t step;

    if (units < STEPS_OF_TWO) {
        return (size_t)units;
    }
    power = 63 - (unsigned)__builtin_clzll(units);
    step = ((size_t)(power - STEP_BITS + 1) << STEP_BITS) +
           (size_t)((units >> (power - STEP_BITS)) & (STEPS_OF_TWO - 1));
    return step < LATENCY_STEPS ? step : LATENCY_STEPS - 1;
}

/* The middle of the step. */
static uint64_t us_of(size_t step)
{
    unsigned shift = step < STEPS_OF_TWO ? 0 : (unsigned)(step >> STEP_BITS) - 1;
    uint64_t units = step < STEPS_OF_TWO
                         ? step
                         : (uint64_t)(STEPS_OF_TWO + (step & (STEPS_OF_TWO - 1))) << shift;

    return (units << UNIT_BITS) + (UINT64_C(1) << (UNIT_BITS - 1) << shift);
}

void latency_count(struct latency *latency, uint64_t us)
{
    _Atomic uint32_t *count = &latency->counts[step_of(us)];

    /* Nobody else writes. */
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

void latency_add(struct latency_sum *sum, const struct latency *latency)
{
    for (size_t i = 0; i < LATENCY_STEPS; i++) {
        sum->counts[i] += atomic_load_explicit(&latency->counts[i], memory_order_relaxed);
    }
}

void latency_add_sum(struct latency_sum *sum, const struct latency_sum *other)
{
    for (size_t i = 0; i < LATENCY_STEPS; i++) {
        sum->counts[i] += other->counts[i];
    }
}

void latency_subtract(struct latency_sum *sum, const struct latency_sum *before)
{
    for (size_t i = 0; i < LATENCY_STEPS; i++) {
        sum->counts[i] -= before->counts[i];
    }
}

uint64_t latency_total(const struct latency_sum *sum)
{
    uint64_t total = 0;

    for (size_t i = 0; i < LATENCY_STEPS; i++) {
        total += sum->counts[i];
    }
    return total;
}

uint64_t latency_quantile_us(const struct latency_sum *sum, unsigned per_mille)
{
    uint64_t total = latency_total(sum);
    uint64_t below = 0;

    if (total == 0) {
        return 0;
    }
    for (size_t i = 0; i < LATENCY_STEPS; i++) {
        below += sum->counts[i];
        if (below * 1000 >= total * per_mille && below != 0) {
            return us_of(i);
        }
    }
    return us_of(LATENCY_STEPS - 1);
}

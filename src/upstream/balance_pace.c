#include "upstream/balance_pace.h"

/* A logarithm of 1, so fine that a 64th of a small difference is not nothing. */
#define ONE_BITS 16
#define ONE (1 << ONE_BITS)
/* After this long without a sample a member counts as half as slow. */
#define HALF_LIFE_US (UINT64_C(7) * 1000 * 1000)
/* A sample counts a 16th of what is known of a member, and less of what is known of all. */
#define OWN_SAMPLES 16U
#define ALL_SAMPLES 64U
/* Fewer say nothing. */
#define SAMPLES_MIN 8U
/* One that is four times slower is slow; one that was, until it is as fast as the others but for
 * half. */
#define BECOMES_SLOW (2 * ONE)
#define STAYS_SLOW (ONE / 2)
/* No more than 64 times. */
#define SLOWEST (6 * ONE)

/* Between two powers by a straight line. */
static uint32_t log_of(uint64_t value)
{
    unsigned power;

    value |= 1;
    power = 63 - (unsigned)__builtin_clzll(value);
    value = power >= ONE_BITS ? value >> (power - ONE_BITS) : value << (ONE_BITS - power);
    return power * ONE + (uint32_t)(value % ONE);
}

/* BALANCE_PACE_USUAL times 2^(excess / ONE). */
static uint32_t times_of(int64_t excess)
{
    return (uint32_t)((ONE + excess % ONE) << (excess / ONE)) / (ONE / BALANCE_PACE_USUAL);
}

static void mix(struct balance_pace *pace, uint32_t log, uint64_t age_us, uint32_t samples)
{
    int64_t distance = (int64_t)log - (int64_t)pace->log;
    int64_t by_time;

    if (pace->samples < samples) {
        pace->samples++;
    }
    age_us = age_us < HALF_LIFE_US ? age_us : HALF_LIFE_US;
    by_time = distance * (int64_t)age_us / (int64_t)HALF_LIFE_US;
    distance /= (int64_t)pace->samples;
    /* Better news after a silence counts at once: one that is slow is hardly asked. */
    pace->log =
        (uint32_t)((int64_t)pace->log + (by_time < distance && by_time < 0 ? by_time : distance));
}

void balance_pace_init(struct balance_pace *pace)
{
    *pace = (struct balance_pace){.slowness = BALANCE_PACE_USUAL};
}

void balance_pace_look(struct balance_pace *own, const struct balance_pace *all, uint64_t now_us)
{
    uint64_t age_us = now_us > own->at_us ? now_us - own->at_us : 0;
    uint64_t faded = age_us / (HALF_LIFE_US / ONE);
    int64_t excess = (int64_t)own->log - (int64_t)all->log - (int64_t)faded;
    int64_t limit = own->slowness > BALANCE_PACE_USUAL ? STAYS_SLOW : BECOMES_SLOW;

    excess = excess < SLOWEST ? excess : SLOWEST;
    own->slowness =
        own->samples >= SAMPLES_MIN && excess >= limit ? times_of(excess) : BALANCE_PACE_USUAL;
}

void balance_pace_note(struct balance_pace *own, struct balance_pace *all,
                       const struct balance_outcome *outcome)
{
    uint64_t latency_us = balance_latency_of(outcome);
    uint64_t now_us = outcome->seen.now_us;
    uint32_t log = log_of(latency_us);

    if (latency_us == 0) {
        return;
    }
    mix(own, log, now_us > own->at_us ? now_us - own->at_us : 0, OWN_SAMPLES);
    mix(all, log, 0, ALL_SAMPLES);
    own->at_us = now_us;
    balance_pace_look(own, all, now_us);
}

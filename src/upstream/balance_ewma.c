#include <stdlib.h>

#include "upstream/backend.h"
#include "upstream/balance_draws.h"

/* After this long what was seen counts half. */
#define HALF_LIFE_US (UINT64_C(7) * 1000 * 1000)
/* Of one that has never answered and has been asked already: others wait for what comes of it. */
#define UNKNOWN_US BALANCE_LATENCY_MAX_US

struct seen {
    uint64_t latency_us; /* 0: nothing was seen */
    uint64_t at_us;
};

struct ewma {
    struct balance base;
    const struct balance_member *members;
    size_t count;
    struct balance_draws draws;
    struct seen seen[]; /* by member */
};

static struct balance *create(const struct backend *backend, const struct balance_member *members,
                              size_t count)
{
    struct ewma *self = xcalloc(1, sizeof(*self) + count * sizeof(self->seen[0]));

    (void)backend;
    self->base.type = &balance_ewma;
    self->members = members;
    self->count = count;
    balance_draws_init(&self->draws, members, count);
    return &self->base;
}

static uint64_t age(const struct seen *seen, uint64_t now_us)
{
    return now_us > seen->at_us ? now_us - seen->at_us : 0;
}

/* value * 2^(-age / HALF_LIFE_US); between two powers by a straight line. */
static uint64_t fade(uint64_t value, uint64_t age_us)
{
    uint64_t halvings = age_us / HALF_LIFE_US;

    if (halvings >= 32) {
        return 0;
    }
    value >>= halvings;
    return value - value / 2 * (age_us % HALF_LIFE_US) / HALF_LIFE_US;
}

/* What it would cost to ask it: its latency, which is forgotten by and by so that a slow one is
 * looked at again, for each that waits already and for this one. */
static uint64_t cost(const struct ewma *self, size_t member, uint64_t now_us)
{
    const struct seen *seen = &self->seen[member];
    uint64_t load = balance_load(&self->members[member]);
    uint64_t latency_us;

    if (seen->latency_us == 0) {
        latency_us = load == 0 ? 0 : UNKNOWN_US;
    } else {
        latency_us = fade(seen->latency_us, age(seen, now_us)) + 1;
    }
    return latency_us * (load + 1);
}

static size_t pick(struct balance *base, const struct balance_ask *ask)
{
    struct ewma *self = CONTAINER_OF(base, struct ewma, base);
    size_t two[2];
    uint64_t costs[2];

    balance_draw_two(&self->draws, ask, two);
    for (unsigned i = 0; i < 2; i++) {
        costs[i] = cost(self, two[i], ask->now_us);
    }
    return (double)costs[0] * self->members[two[1]].weight <=
                   (double)costs[1] * self->members[two[0]].weight
               ? two[0]
               : two[1];
}

/* A peak counts at once; what is better, by how long ago the last one was. */
static void done(struct balance *base, size_t member, const struct balance_outcome *outcome)
{
    struct ewma *self = CONTAINER_OF(base, struct ewma, base);
    struct seen *seen = &self->seen[member];
    uint64_t latency_us = balance_latency_of(outcome);

    if (latency_us == 0) {
        return;
    }
    if (latency_us >= seen->latency_us) {
        seen->latency_us = latency_us;
    } else {
        seen->latency_us =
            latency_us + fade(seen->latency_us - latency_us, age(seen, outcome->seen.now_us));
    }
    seen->at_us = outcome->seen.now_us;
}

/* Who stays keeps what is known of it. */
static void take_over(struct balance *base, const struct balance *old_base, const size_t *from)
{
    struct ewma *self = CONTAINER_OF(base, struct ewma, base);
    const struct ewma *old = CONTAINER_OF(old_base, struct ewma, base);

    for (size_t i = 0; i < self->count; i++) {
        if (from[i] != BALANCE_NONE) {
            self->seen[i] = old->seen[from[i]];
        }
    }
}

static void destroy(struct balance *base)
{
    struct ewma *self = CONTAINER_OF(base, struct ewma, base);

    balance_draws_free(&self->draws);
    free(self);
}

const struct balance_type balance_ewma = {
    .name = "ewma",
    .is_random = true,
    .create = create,
    .take_over = take_over,
    .pick = pick,
    .done = done,
    .destroy = destroy,
};

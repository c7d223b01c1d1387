#include <stdlib.h>

#include "upstream/backend.h"
#include "upstream/balance.h"

struct least_requests {
    struct balance base;
    const struct balance_member *members;
    size_t count;
    int credits[]; /* by member: see balance_take_turn */
};

static struct balance *create(const struct backend *backend, const struct balance_member *members,
                              size_t count)
{
    struct least_requests *self = xcalloc(1, sizeof(*self) + count * sizeof(self->credits[0]));

    (void)backend;
    self->base.type = &balance_least_requests;
    self->members = members;
    self->count = count;
    return &self->base;
}

/* a's load for its weight less than b's, or no more, without a division. */
static int compare(const struct balance_member *a, const struct balance_member *b)
{
    uint64_t left = balance_load(a) * b->weight;
    uint64_t right = balance_load(b) * a->weight;

    return left < right ? -1 : left > right;
}

static size_t find_least(const struct least_requests *self, const struct balance_set *choices)
{
    size_t best = BALANCE_NONE;

    for (size_t i = 0; i < self->count; i++) {
        if (balance_set_has(choices, i) &&
            (best == BALANCE_NONE || compare(&self->members[i], &self->members[best]) < 0)) {
            best = i;
        }
    }
    return best;
}

/* Where little is going on all are equal, mostly without any load: these take turns. */
static size_t pick(struct balance *base, const struct balance_ask *ask)
{
    struct least_requests *self = CONTAINER_OF(base, struct least_requests, base);
    size_t least = find_least(self, ask->choices);
    struct balance_set equals = {0};

    for (size_t i = least; i < self->count; i++) {
        if (balance_set_has(ask->choices, i) &&
            compare(&self->members[i], &self->members[least]) == 0) {
            balance_set_add(&equals, i);
        }
    }
    return balance_take_turn(self->members, self->count, &equals, self->credits);
}

/* Who stays keeps what is known of it. */
static void take_over(struct balance *base, const struct balance *old_base, const size_t *from)
{
    struct least_requests *self = CONTAINER_OF(base, struct least_requests, base);
    const struct least_requests *old = CONTAINER_OF(old_base, struct least_requests, base);

    for (size_t i = 0; i < self->count; i++) {
        if (from[i] != BALANCE_NONE) {
            self->credits[i] = old->credits[from[i]];
        }
    }
}

static void destroy(struct balance *base)
{
    free(CONTAINER_OF(base, struct least_requests, base));
}

const struct balance_type balance_least_requests = {
    .name = "least_requests",
    .create = create,
    .take_over = take_over,
    .pick = pick,
    .destroy = destroy,
};

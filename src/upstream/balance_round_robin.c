#include <stdlib.h>

#include "upstream/balance.h"

struct round_robin {
    struct balance base;
    const struct balance_member *members;
    size_t count;
    int credits[]; /* by member */
};

static struct balance *create(const struct backend *backend, const struct balance_member *members,
                              size_t count)
{
    struct round_robin *self = xcalloc(1, sizeof(*self) + count * sizeof(self->credits[0]));

    (void)backend;
    self->base.type = &balance_round_robin;
    self->members = members;
    self->count = count;
    return &self->base;
}

static size_t pick(struct balance *base, const struct balance_ask *ask)
{
    struct round_robin *self = CONTAINER_OF(base, struct round_robin, base);

    return balance_take_turn(self->members, self->count, ask->choices, self->credits);
}

/* Whoever stays keeps its place in the turn, so that a set that often changes does not begin with
 * its first member each time. */
static void take_over(struct balance *base, const struct balance *old_base, const size_t *from)
{
    struct round_robin *self = CONTAINER_OF(base, struct round_robin, base);
    const struct round_robin *old = CONTAINER_OF(old_base, struct round_robin, base);

    for (size_t i = 0; i < self->count; i++) {
        self->credits[i] = from[i] != BALANCE_NONE ? old->credits[from[i]] : 0;
    }
}

static void destroy(struct balance *base)
{
    free(CONTAINER_OF(base, struct round_robin, base));
}

const struct balance_type balance_round_robin = {
    .name = "round_robin",
    .create = create,
    .take_over = take_over,
    .pick = pick,
    .destroy = destroy,
};

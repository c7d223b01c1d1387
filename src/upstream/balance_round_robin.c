#include <stdlib.h>

#include "upstream/balance.h"

struct round_robin {
    struct balance base;
    const struct balance_member *members;
    size_t count;
    bool is_even;  /* all weights are the same */
    size_t next;   /* whose turn it is while all are choices and even: nobody need be asked */
    int credits[]; /* by member; else */
};

static struct balance *create(const struct backend *backend, const struct balance_member *members,
                              size_t count)
{
    struct round_robin *self = xcalloc(1, sizeof(*self) + count * sizeof(self->credits[0]));

    (void)backend;
    self->base.type = &balance_round_robin;
    self->members = members;
    self->count = count;
    self->is_even = count != 0;
    for (size_t i = 1; i < count; i++) {
        self->is_even &= members[i].weight == members[0].weight;
    }
    return &self->base;
}

static size_t pick(struct balance *base, const struct balance_ask *ask)
{
    struct round_robin *self = CONTAINER_OF(base, struct round_robin, base);

    if (self->is_even && ask->choices->count == self->count) {
        size_t turn = self->next;
        self->next = turn + 1 < self->count ? turn + 1 : 0;
        return turn;
    }
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
        if (from[i] != BALANCE_NONE && from[i] == old->next) {
            self->next = i;
        }
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

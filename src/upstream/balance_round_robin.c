#include <stdlib.h>

#include "upstream/balance_line.h"

struct round_robin {
    struct balance base;
    size_t count;
    bool is_even; /* all weights are the same */
    size_t next;  /* whose turn it is while all are choices and even: nobody need be asked */
    struct balance_line line; /* else */
};

static struct balance *create(const struct backend *backend, const struct balance_member *members,
                              size_t count)
{
    struct round_robin *self = xcalloc(1, sizeof(*self));

    (void)backend;
    self->base.type = &balance_round_robin;
    self->count = count;
    self->is_even = count != 0;
    for (size_t i = 1; i < count; i++) {
        self->is_even &= members[i].weight == members[0].weight;
    }
    balance_line_init(&self->line, members, count);
    return &self->base;
}

/* It is all one what is on them. */
static uint64_t load_of(const void *self, size_t member)
{
    (void)self;
    (void)member;
    return 0;
}

static size_t pick(struct balance *base, const struct balance_ask *ask)
{
    struct round_robin *self = CONTAINER_OF(base, struct round_robin, base);

    if (self->is_even && ask->choices->count == self->count) {
        size_t turn = self->next;
        self->next = turn + 1 < self->count ? turn + 1 : 0;
        return turn;
    }
    return balance_line_pick(&self->line, ask, load_of, self);
}

/* Whoever stays keeps its place in the turn, so that a set that often changes does not begin with
 * its first member each time. */
static void take_over(struct balance *base, const struct balance *old_base, const size_t *from)
{
    struct round_robin *self = CONTAINER_OF(base, struct round_robin, base);
    const struct round_robin *old = CONTAINER_OF(old_base, struct round_robin, base);

    balance_line_take_over(&self->line, &old->line, from);
    for (size_t i = 0; i < self->count; i++) {
        if (from[i] != BALANCE_NONE && from[i] == old->next) {
            self->next = i;
        }
    }
}

static void destroy(struct balance *base)
{
    struct round_robin *self = CONTAINER_OF(base, struct round_robin, base);

    balance_line_free(&self->line);
    free(self);
}

const struct balance_type balance_round_robin = {
    .name = "round_robin",
    .create = create,
    .take_over = take_over,
    .pick = pick,
    .destroy = destroy,
};

#include <stdlib.h>

#include "upstream/backend.h"
#include "upstream/balance_draws.h"

struct random_of_two {
    struct balance base;
    struct balance_draws draws;
};

static struct balance *create(const struct backend *backend, const struct balance_member *members,
                              size_t count)
{
    struct random_of_two *self = xcalloc(1, sizeof(*self));

    (void)backend;
    self->base.type = &balance_random_of_two;
    balance_draws_init(&self->draws, members, count);
    return &self->base;
}

/* Two choices make the fullest server's load doubly logarithmic (Mitzenmacher 2001); and who
 * chooses by facts that are old does not run to the same one as all others. */
static size_t pick(struct balance *base, const struct balance_ask *ask)
{
    struct random_of_two *self = CONTAINER_OF(base, struct random_of_two, base);

    return balance_emptier_of_two(&self->draws, ask);
}

static void destroy(struct balance *base)
{
    struct random_of_two *self = CONTAINER_OF(base, struct random_of_two, base);

    balance_draws_free(&self->draws);
    free(self);
}

const struct balance_type balance_random_of_two = {
    .name = "random_of_two",
    .is_random = true,
    .create = create,
    .pick = pick,
    .destroy = destroy,
};

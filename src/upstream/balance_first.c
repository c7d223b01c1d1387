#include <stdlib.h>

#include "upstream/backend.h"
#include "upstream/balance.h"

struct first {
    struct balance base;
    size_t count;
};

static struct balance *create(const struct backend *backend, const struct balance_member *members,
                              size_t count)
{
    struct first *self = xcalloc(1, sizeof(*self));

    (void)backend;
    (void)members;
    self->base.type = &balance_first;
    self->count = count;
    return &self->base;
}

static size_t pick(struct balance *base, const struct balance_ask *ask)
{
    const struct first *self = CONTAINER_OF(base, struct first, base);

    for (size_t i = 0; i < self->count; i += 64) {
        if (ask->choices->bits[i / 64] != 0) {
            return i + (size_t)__builtin_ctzll(ask->choices->bits[i / 64]);
        }
    }
    return BALANCE_NONE;
}

static void destroy(struct balance *base)
{
    free(CONTAINER_OF(base, struct first, base));
}

const struct balance_type balance_first = {
    .name = "first",
    .create = create,
    .pick = pick,
    .destroy = destroy,
};

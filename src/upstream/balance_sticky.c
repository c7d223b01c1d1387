#include <stdlib.h>

#include "upstream/backend.h"
#include "upstream/balance.h"
#include "upstream/sticky.h"

struct home {
    uint64_t key;
    size_t member;
};

struct sticky {
    struct balance base;
    struct balance *others; /* chooses for those without a home */
    size_t count;
    struct home homes[]; /* by key */
};

static int compare(const void *a, const void *b)
{
    const struct home *left = a;
    const struct home *right = b;

    return left->key < right->key ? -1 : left->key > right->key;
}

static struct balance *create(const struct backend *backend, const struct balance_member *members,
                              size_t count)
{
    struct sticky *self = xcalloc(1, sizeof(*self) + count * sizeof(self->homes[0]));

    self->base.type = &balance_sticky;
    self->others = balance_least_requests.create(backend, members, count);
    self->count = count;
    for (size_t i = 0; i < count; i++) {
        char token[STICKY_TOKEN_LEN];
        sticky_token(backend->sticky_key, backend->name, members[i].name, token);
        self->homes[i] = (struct home){balance_key_of(span_make(token, sizeof(token))), i};
    }
    qsort(self->homes, count, sizeof(self->homes[0]), compare);
    return &self->base;
}

static size_t pick(struct balance *base, const struct balance_ask *ask)
{
    const struct sticky *self = CONTAINER_OF(base, struct sticky, base);
    const struct home asked = {.key = ask->key};
    const struct home *home = NULL;

    if (ask->key != 0) {
        home = bsearch(&asked, self->homes, self->count, sizeof(asked), compare);
    }
    if (home != NULL && balance_set_has(ask->choices, home->member)) {
        return home->member;
    }
    return self->others->type->pick(self->others, ask);
}

static void moved(struct balance *base, size_t member)
{
    const struct sticky *self = CONTAINER_OF(base, struct sticky, base);

    self->others->type->moved(self->others, member);
}

static void done(struct balance *base, size_t member, const struct balance_outcome *outcome)
{
    const struct sticky *self = CONTAINER_OF(base, struct sticky, base);

    self->others->type->done(self->others, member, outcome);
}

static void take_over(struct balance *base, const struct balance *old_base, const size_t *from)
{
    struct sticky *self = CONTAINER_OF(base, struct sticky, base);
    const struct sticky *old = CONTAINER_OF(old_base, struct sticky, base);

    balance_least_requests.take_over(self->others, old->others, from);
}

static void destroy(struct balance *base)
{
    struct sticky *self = CONTAINER_OF(base, struct sticky, base);

    self->others->type->destroy(self->others);
    free(self);
}

const struct balance_type balance_sticky = {
    .name = "sticky",
    .create = create,
    .take_over = take_over,
    .pick = pick,
    .moved = moved,
    .done = done,
    .destroy = destroy,
};

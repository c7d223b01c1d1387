#include <stdlib.h>

#include "upstream/balance_line.h"
#include "upstream/balance_pace.h"

struct least_requests {
    struct balance base;
    const struct balance_member *members;
    size_t count;
    size_t hand; /* the member that is looked at next, whether or not it is chosen */
    struct balance_line line;
    struct balance_pace all;     /* of all requests */
    struct balance_pace paces[]; /* by member */
};

static struct balance *create(const struct backend *backend, const struct balance_member *members,
                              size_t count)
{
    struct least_requests *self = xcalloc(1, sizeof(*self) + count * sizeof(self->paces[0]));

    (void)backend;
    self->base.type = &balance_least_requests;
    self->members = members;
    self->count = count;
    balance_line_init(&self->line, members, count);
    balance_pace_init(&self->all);
    for (size_t i = 0; i < count; i++) {
        balance_pace_init(&self->paces[i]);
    }
    return &self->base;
}

/* One that answers as the others do has its requests on it; one that is so many times slower has
 * each of them so many times, and the next one besides: nobody who asks it is helped by its having
 * nothing to do. */
static uint64_t load_of(const void *policy, size_t member)
{
    const struct least_requests *self = policy;
    uint64_t requests = balance_load(&self->members[member]);

    return (requests + 1) * self->paces[member].slowness - BALANCE_PACE_USUAL;
}

/* Where little is going on all are equal, mostly without any load: these take turns. Members are
 * used by others as well (servers that several backends have), and slowness fades: so with each
 * choice another one is looked at. */
static size_t pick(struct balance *base, const struct balance_ask *ask)
{
    struct least_requests *self = CONTAINER_OF(base, struct least_requests, base);

    self->hand = self->hand + 1 < self->count ? self->hand + 1 : 0;
    balance_pace_look(&self->paces[self->hand], &self->all, ask->now_us);
    balance_line_set(&self->line, self->hand, load_of(self, self->hand));
    return balance_line_pick(&self->line, ask, load_of, self);
}

static void moved(struct balance *base, size_t member)
{
    struct least_requests *self = CONTAINER_OF(base, struct least_requests, base);

    balance_line_set(&self->line, member, load_of(self, member));
}

static void done(struct balance *base, size_t member, const struct balance_outcome *outcome)
{
    struct least_requests *self = CONTAINER_OF(base, struct least_requests, base);

    balance_pace_note(&self->paces[member], &self->all, outcome);
    balance_line_set(&self->line, member, load_of(self, member));
}

/* Who stays keeps what is known of it. */
static void take_over(struct balance *base, const struct balance *old_base, const size_t *from)
{
    struct least_requests *self = CONTAINER_OF(base, struct least_requests, base);
    const struct least_requests *old = CONTAINER_OF(old_base, struct least_requests, base);

    balance_line_take_over(&self->line, &old->line, from);
    self->all = old->all;
    for (size_t i = 0; i < self->count; i++) {
        if (from[i] != BALANCE_NONE) {
            self->paces[i] = old->paces[from[i]];
        }
    }
}

static void destroy(struct balance *base)
{
    struct least_requests *self = CONTAINER_OF(base, struct least_requests, base);

    balance_line_free(&self->line);
    free(self);
}

const struct balance_type balance_least_requests = {
    .name = "least_requests",
    .create = create,
    .take_over = take_over,
    .pick = pick,
    .moved = moved,
    .done = done,
    .destroy = destroy,
};

#include <stdlib.h>

#include "base/hash.h"
#include "upstream/backend.h"
#include "upstream/balance_draws.h"

/* Places of the table: primes, so that each step reaches all places. A hundred or more of them to a
 * member keep shares and moved keys within a percent (section 5.3 of the paper). */
#define PLACES_SMALL 16381
#define PLACES_LARGE 65537
#define MEMBERS_SMALL 128

/* How often a key is thrown again whose member is no choice, before the next place is taken. */
#define THROWS_MAX 32

/* Of a load that is in no sum. */
#define UNCOUNTED UINT64_MAX

/* Of choices, what is on them and their weights. */
struct sums {
    uint64_t load;
    uint64_t weight;
};

struct hash {
    struct balance base;
    const struct balance_member *members;
    size_t count;
    struct balance_draws draws;
    unsigned bounded_load; /* percent of the mean; 0: no bound */
    /* Of the choices with that serial, what bounded_load goes by; 0: of none. */
    uint64_t serial;
    struct sums sums;
    uint64_t *loads; /* by member: what of it is in the sum */
    size_t hand;     /* the member that is looked at next, whether or not it is asked for */
    size_t place_count;
    uint16_t places[]; /* members */
};

/* ---- the table ---- */

/* A member's order of all places. */
struct walk {
    size_t at;
    size_t step;
    uint64_t credit;
};

static struct walk walk_of(const struct balance_member *member, size_t place_count)
{
    uint64_t hash = hash_text(span_from_cstr(member->name));

    return (struct walk){
        .at = (size_t)((uint32_t)hash % place_count),
        .step = (size_t)((hash >> 32) % (place_count - 1)) + 1,
    };
}

/* Takes the first place in the member's order that is free yet. */
static void take_place(struct hash *self, struct walk *walk, size_t member)
{
    while (self->places[walk->at] != UINT16_MAX) {
        walk->at = (walk->at + walk->step) % self->place_count;
    }
    self->places[walk->at] = (uint16_t)member;
}

/* The members take places by turns: one of mean weight one each time, others more or fewer. */
static void fill(struct hash *self)
{
    struct walk *walks = xcalloc(self->count, sizeof(*walks));
    size_t left = self->count != 0 ? self->place_count : 0;
    uint64_t total = 0;

    memset(self->places, 0xff, self->place_count * sizeof(self->places[0]));
    for (size_t i = 0; i < self->count; i++) {
        walks[i] = walk_of(&self->members[i], self->place_count);
        total += self->members[i].weight;
    }
    while (left > 0) {
        for (size_t i = 0; i < self->count; i++) {
            walks[i].credit += self->members[i].weight * self->count;
            for (; walks[i].credit >= total && left > 0; left--) {
                walks[i].credit -= total;
                take_place(self, &walks[i], i);
            }
        }
    }
    free(walks);
}

static struct balance *create(const struct backend *backend, const struct balance_member *members,
                              size_t count)
{
    size_t place_count = count <= MEMBERS_SMALL ? PLACES_SMALL : PLACES_LARGE;
    struct hash *self = xcalloc(1, sizeof(*self) + place_count * sizeof(self->places[0]));

    self->base.type = &balance_hash;
    self->members = members;
    self->count = count;
    balance_draws_init(&self->draws, members, count);
    self->bounded_load = backend->bounded_load;
    self->place_count = place_count;
    if (self->bounded_load != 0) {
        self->loads = xcalloc(count + 1, sizeof(self->loads[0]));
    }
    fill(self);
    return &self->base;
}

/* ---- the bound ---- */

static struct sums sum_up(const struct hash *self, const struct balance_set *choices)
{
    struct sums sums = {0};

    for (size_t i = 0; i < self->count; i++) {
        if (balance_set_has(choices, i)) {
            sums.load += balance_load(&self->members[i]);
            sums.weight += self->members[i].weight;
        }
    }
    return sums;
}

static void begin_sums(struct hash *self, const struct balance_ask *ask)
{
    self->serial = ask->choices_serial;
    self->sums = (struct sums){0};
    for (size_t i = 0; i < self->count; i++) {
        self->loads[i] = UNCOUNTED;
        if (balance_set_has(ask->choices, i)) {
            self->loads[i] = balance_load(&self->members[i]);
            self->sums.load += self->loads[i];
            self->sums.weight += self->members[i].weight;
        }
    }
}

static void moved(struct balance *base, size_t member)
{
    struct hash *self = CONTAINER_OF(base, struct hash, base);

    if (self->serial != 0 && self->loads[member] != UNCOUNTED) {
        self->sums.load -= self->loads[member];
        self->loads[member] = balance_load(&self->members[member]);
        self->sums.load += self->loads[member];
    }
}

/* Others use members, too, whose leases nobody tells of: so one more is looked at each time. */
static struct sums sums_of(struct hash *self, const struct balance_ask *ask)
{
    if (ask->choices_serial == 0) {
        return sum_up(self, ask->choices);
    }
    if (self->serial != ask->choices_serial) {
        begin_sums(self, ask);
    }
    self->hand = self->hand + 1 < self->count ? self->hand + 1 : 0;
    moved(&self->base, self->hand);
    return self->sums;
}

/* What a member may have on it, this one included, is so many percent of its share of all
 * (Mirrokni et al., Consistent Hashing with Bounded Loads); at least one. sums NULL: any. */
static bool is_above_bound(const struct hash *self, size_t member, const struct sums *sums)
{
    const struct balance_member *of = &self->members[member];
    uint64_t load = balance_load(of);

    return sums != NULL && load != 0 &&
           (load + 1) * sums->weight * 100 > (sums->load + 1) * of->weight * self->bounded_load;
}

/* ---- picks ---- */

/* The key's own member; where that is none of the choices, or has too much on it, the key is thrown
 * again and again. So the keys of one that is away spread over all, and those of the others stay
 * where they are. BALANCE_NONE: all have too much. */
static size_t find(const struct hash *self, const struct balance_ask *ask, const struct sums *sums)
{
    uint64_t hash = ask->key;
    size_t place = 0;

    for (unsigned throws = 0; throws < THROWS_MAX; throws++) {
        size_t member;
        hash = hash_mix(hash + UINT64_C(0x9e3779b97f4a7c15));
        place = (size_t)(hash % self->place_count);
        member = self->places[place];
        if (balance_set_has(ask->choices, member) && !is_above_bound(self, member, sums)) {
            return member;
        }
    }
    for (size_t i = 0; i < self->place_count; i++) {
        size_t member = self->places[(place + i) % self->place_count];
        if (balance_set_has(ask->choices, member) && !is_above_bound(self, member, sums)) {
            return member;
        }
    }
    return BALANCE_NONE;
}

static size_t pick(struct balance *base, const struct balance_ask *ask)
{
    struct hash *self = CONTAINER_OF(base, struct hash, base);
    size_t member = BALANCE_NONE;
    struct sums sums;

    if (ask->key == 0) { /* it has no place of its own */
        return balance_emptier_of_two(&self->draws, ask);
    }
    if (self->bounded_load != 0) {
        sums = sums_of(self, ask);
        member = find(self, ask, &sums);
    }
    return member != BALANCE_NONE ? member : find(self, ask, NULL);
}

static void destroy(struct balance *base)
{
    struct hash *self = CONTAINER_OF(base, struct hash, base);

    balance_draws_free(&self->draws);
    free(self->loads);
    free(self);
}

const struct balance_type balance_hash = {
    .name = "hash",
    .is_random = true,
    .create = create,
    .pick = pick,
    .moved = moved,
    .destroy = destroy,
};

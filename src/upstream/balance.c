#include "upstream/balance.h"

static const struct balance_type *const types[] = {
    [BALANCE_ROUND_ROBIN] = &balance_round_robin,
    [BALANCE_LEAST_REQUESTS] = &balance_least_requests,
    [BALANCE_RANDOM_OF_TWO] = &balance_random_of_two,
    [BALANCE_EWMA] = &balance_ewma,
    [BALANCE_FIRST] = &balance_first,
    [BALANCE_SOURCE] = &balance_hash, /* whose key is the client's address */
    [BALANCE_HASH] = &balance_hash,
    [BALANCE_STICKY] = &balance_sticky,
};

const struct balance_type *balance_type_of(enum balance_kind kind)
{
    CHECK((size_t)kind < ARRAY_LEN(types));
    return types[kind];
}

/* ---- draws ---- */

unsigned balance_weight_max(const struct balance_member *members, size_t count)
{
    unsigned max = 1;

    for (size_t i = 0; i < count; i++) {
        max = members[i].weight > max ? members[i].weight : max;
    }
    return max;
}

/* Of `below`, by the upper half of the product: no division, and no bias worth the name. */
static uint64_t scale(uint32_t random, uint64_t below)
{
    return ((uint64_t)random * below) >> 32;
}

static uint64_t next(uint64_t *random)
{
    *random += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(*random);
}

/* All weights are looked at. */
static size_t draw_slowly(const struct balance_member *members, size_t count,
                          const struct balance_set *choices, uint32_t random)
{
    uint64_t total = 0;
    uint64_t at;
    size_t last = BALANCE_NONE;

    for (size_t i = 0; i < count; i++) {
        total += balance_set_has(choices, i) ? members[i].weight : 0;
    }
    at = scale(random, total);
    for (size_t i = 0; i < count; i++) {
        if (!balance_set_has(choices, i)) {
            continue;
        }
        last = i;
        if (at < members[i].weight) {
            break;
        }
        at -= members[i].weight;
    }
    return last;
}

/* With most of the members there and their weights alike, the first throws hit. */
static size_t draw(const struct balance_member *members, size_t count, unsigned weight_max,
                   const struct balance_set *choices, uint64_t *random)
{
    for (unsigned throws = 0; throws < 16; throws++) {
        uint64_t z = next(random);
        size_t i = (size_t)scale((uint32_t)(z >> 32), count);

        if (balance_set_has(choices, i) && scale((uint32_t)z, weight_max) < members[i].weight) {
            return i;
        }
    }
    return draw_slowly(members, count, choices, (uint32_t)(next(random) >> 32));
}

void balance_draw_two(const struct balance_member *members, size_t count, unsigned weight_max,
                      const struct balance_ask *ask, size_t two[2])
{
    uint64_t random = ask->random;
    struct balance_set others;

    two[0] = draw(members, count, weight_max, ask->choices, &random);
    two[1] = two[0];
    for (unsigned throws = 0; two[1] == two[0] && throws < 4; throws++) {
        two[1] = draw(members, count, weight_max, ask->choices, &random);
    }
    if (two[1] == two[0] && ask->choices->count > 1) { /* it has nearly all of the weight */
        others = *ask->choices;
        others.bits[two[0] / 64] &= ~(UINT64_C(1) << (two[0] % 64));
        two[1] = draw(members, count, weight_max, &others, &random);
    }
}

size_t balance_emptier_of_two(const struct balance_member *members, size_t count,
                              unsigned weight_max, const struct balance_ask *ask)
{
    const struct balance_member *a;
    const struct balance_member *b;
    size_t two[2];

    balance_draw_two(members, count, weight_max, ask, two);
    a = &members[two[0]];
    b = &members[two[1]];
    return balance_load(a) * b->weight <= balance_load(b) * a->weight ? two[0] : two[1];
}

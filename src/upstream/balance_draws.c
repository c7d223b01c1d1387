#include "upstream/balance_draws.h"

#include <stdlib.h>

/* Of all that a place of the table stands for. */
#define WHOLE (UINT64_C(1) << 32)

void balance_draws_init(struct balance_draws *draws, const struct balance_member *members,
                        size_t count)
{
    *draws = (struct balance_draws){.members = members, .count = count, .weight_max = 1};
    for (size_t i = 0; i < count; i++) {
        draws->weight_max =
            members[i].weight > draws->weight_max ? members[i].weight : draws->weight_max;
    }
    draws->places = xcalloc(count + 1, sizeof(draws->places[0]));
}

void balance_draws_free(struct balance_draws *draws)
{
    free(draws->places);
}

/* ---- by the table ---- */

/* The choices and the sum of their weights. */
static uint64_t collect(struct balance_draws *draws, const struct balance_set *choices)
{
    uint64_t total = 0;

    draws->place_count = 0;
    for (size_t i = 0; i < draws->count; i++) {
        if (balance_set_has(choices, i)) {
            draws->places[draws->place_count++].own = (uint16_t)i;
            total += draws->members[i].weight;
        }
    }
    return total;
}

/* Each place stands for as much as the others: for one member below its share, and the rest of it
 * for one above, which has that much less to be placed (Vose 1991). */
static void fill(struct balance_draws *draws, uint64_t total)
{
    size_t n = draws->place_count;
    uint64_t *left = xcalloc(n + 1, sizeof(left[0]));
    uint16_t *waiting = xcalloc(n + 1, sizeof(waiting[0])); /* small ones from the front on, large
                                                               ones from the back */
    size_t small = 0;
    size_t large = n;

    for (size_t i = 0; i < n; i++) {
        left[i] = draws->members[draws->places[i].own].weight * n * WHOLE / total;
        waiting[left[i] < WHOLE ? small++ : --large] = (uint16_t)i;
    }
    while (small > 0 && large < n) {
        uint16_t one = waiting[--small];
        uint16_t other = waiting[large];
        draws->places[one].below = (uint32_t)left[one];
        draws->places[one].other = draws->places[other].own;
        left[other] -= WHOLE - left[one];
        if (left[other] < WHOLE) {
            large++;
            waiting[small++] = other;
        }
    }
    /* What is left is a whole place each, but for what was rounded. */
    for (size_t i = 0; i < n; i++) {
        bool waits = (i < small || i >= large);
        if (waits) {
            struct balance_draw_place *place = &draws->places[waiting[i]];
            place->below = UINT32_MAX;
            place->other = place->own;
        }
    }
    free(waiting);
    free(left);
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
static size_t draw_among(const struct balance_draws *draws, const struct balance_set *choices,
                         uint64_t *random)
{
    const struct balance_member *members = draws->members;

    for (unsigned throws = 0; throws < 16; throws++) {
        uint64_t z = next(random);
        size_t i = (size_t)scale((uint32_t)(z >> 32), draws->count);

        if (balance_set_has(choices, i) &&
            scale((uint32_t)z, draws->weight_max) < members[i].weight) {
            return i;
        }
    }
    return draw_slowly(members, draws->count, choices, (uint32_t)(next(random) >> 32));
}

static size_t draw_by_table(const struct balance_draws *draws, uint64_t *random)
{
    uint64_t z = next(random);
    const struct balance_draw_place *place =
        &draws->places[scale((uint32_t)(z >> 32), draws->place_count)];

    return (uint32_t)z < place->below ? place->own : place->other;
}

/* ---- two of them ---- */

static size_t draw(struct balance_draws *draws, const struct balance_ask *ask, uint64_t *random)
{
    if (ask->choices_serial == 0) {
        return draw_among(draws, ask->choices, random);
    }
    if (draws->serial != ask->choices_serial) {
        fill(draws, collect(draws, ask->choices));
        draws->serial = ask->choices_serial;
    }
    return draw_by_table(draws, random);
}

void balance_draw_two(struct balance_draws *draws, const struct balance_ask *ask, size_t two[2])
{
    uint64_t random = ask->random;
    struct balance_set others;

    two[0] = draw(draws, ask, &random);
    two[1] = two[0];
    for (unsigned throws = 0; two[1] == two[0] && throws < 4; throws++) {
        two[1] = draw(draws, ask, &random);
    }
    if (two[1] == two[0] && ask->choices->count > 1) { /* it has nearly all of the weight */
        others = *ask->choices;
        others.bits[two[0] / 64] &= ~(UINT64_C(1) << (two[0] % 64));
        two[1] = draw_among(draws, &others, &random);
    }
}

size_t balance_emptier_of_two(struct balance_draws *draws, const struct balance_ask *ask)
{
    const struct balance_member *a;
    const struct balance_member *b;
    size_t two[2];

    balance_draw_two(draws, ask, two);
    a = &draws->members[two[0]];
    b = &draws->members[two[1]];
    return balance_load(a) * b->weight <= balance_load(b) * a->weight ? two[0] : two[1];
}

/* For policies: members drawn at random, each as often as its weight says. Where the choices are
 * those of many requests (balance_ask.choices_serial), by a table that is made once for them: a
 * draw is one look then, whatever the weights. Else by throws, and a look at all where those miss.
 */
#ifndef TIDEGATE_UPSTREAM_BALANCE_DRAWS_H
#define TIDEGATE_UPSTREAM_BALANCE_DRAWS_H

#include "upstream/balance.h"

struct balance_draw_place {
    uint32_t below; /* numbers below this one are `own`, all others `other` */
    uint16_t own;
    uint16_t other;
};

struct balance_draws {
    const struct balance_member *members;
    size_t count;
    unsigned weight_max;
    uint64_t serial; /* of the choices that the table is of; 0: none */
    size_t place_count;
    struct balance_draw_place *places;
};

void balance_draws_init(struct balance_draws *draws, const struct balance_member *members,
                        size_t count);
void balance_draws_free(struct balance_draws *draws);

/* Two of the choices. They are two where there are as many. */
void balance_draw_two(struct balance_draws *draws, const struct balance_ask *ask, size_t two[2]);
/* Of two so drawn the one with less on it for its weight; the first where that is the same, so that
 * idle ones are chosen as often as their weights say. */
size_t balance_emptier_of_two(struct balance_draws *draws, const struct balance_ask *ask);

#endif

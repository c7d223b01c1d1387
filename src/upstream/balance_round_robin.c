#include "upstream/balance.h"

/* Each pick gives every eligible server its weight in credit, takes the richest, and charges it all
 * that was given out: the credits sum to zero, and equal weights simply take turns. */
static size_t pick(struct balance_server *servers, size_t count)
{
    size_t best = BALANCE_NONE;
    int given = 0;

    for (size_t i = 0; i < count; i++) {
        if (!servers[i].may_be_chosen) {
            continue;
        }
        servers[i].credit += (int)servers[i].weight;
        given += (int)servers[i].weight;
        if (best == BALANCE_NONE || servers[i].credit > servers[best].credit) {
            best = i;
        }
    }
    if (best != BALANCE_NONE) {
        servers[best].credit -= given;
    }
    return best;
}

const struct balance_policy balance_round_robin = {.name = "round_robin", .pick = pick};

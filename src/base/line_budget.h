/* How many lines of one kind are written in a second, where a fault could make thousands of them.
 * One thread at a time. */
#ifndef TIDEGATE_BASE_LINE_BUDGET_H
#define TIDEGATE_BASE_LINE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

/* Zero-initialised. */
struct line_budget {
    uint64_t second;
    unsigned lines; /* of that second */
    uint64_t left_out;
};

/* Whether one more may be written at that time; else it is left out. */
static inline bool line_budget_take(struct line_budget *budget, unsigned per_second,
                                    uint64_t now_us)
{
    if (budget->second != now_us / 1000000) {
        budget->second = now_us / 1000000;
        budget->lines = 0;
    }
    if (budget->lines >= per_second) {
        budget->left_out++;
        return false;
    }
    budget->lines++;
    return true;
}

/* How many were left out since this was asked last. */
static inline uint64_t line_budget_left_out(struct line_budget *budget)
{
    uint64_t left_out = budget->left_out;

    budget->left_out = 0;
    return left_out;
}

#endif

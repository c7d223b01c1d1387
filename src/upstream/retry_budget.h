/* How many requests to a backend may be sent again, as one worker sees it, so that an outage is not
 * multiplied: each request brings a share of a retry, and some may come at once. Zero-initialised:
 * full. One thread only. */
#ifndef TIDEGATE_UPSTREAM_RETRY_BUDGET_H
#define TIDEGATE_UPSTREAM_RETRY_BUDGET_H

#include <stdbool.h>

/* That may come at once. */
#define RETRY_BUDGET_MAX 10

struct retry_budget {
    unsigned spent; /* in hundredths of a retry */
};

static inline bool retry_budget_has(const struct retry_budget *budget)
{
    return budget->spent <= (RETRY_BUDGET_MAX - 1) * 100;
}
/* A request comes; percent: how many retries a hundred of them may bring. */
static inline void retry_budget_earn(struct retry_budget *budget, unsigned percent)
{
    budget->spent -= percent < budget->spent ? percent : budget->spent;
}
/* Only where it has some. */
static inline void retry_budget_spend(struct retry_budget *budget)
{
    budget->spent += 100;
}

#endif

#include "upstream/outlier.h"

bool outlier_fails(const struct outliers_settings *terms, struct outlier_mark own,
                   struct outlier_mark all)
{
    struct outlier_mark others = {all.requests - own.requests, all.bad - own.bad};

    return terms->errors != 0 && own.bad != 0 && own.requests >= terms->requests &&
           own.bad * 100 >= terms->errors * own.requests && others.requests >= terms->requests &&
           2 * others.bad * own.requests <= own.bad * others.requests;
}

static uint64_t median_us(const struct outliers_settings *terms, const struct latency_sum *sum)
{
    return latency_total(sum) >= terms->requests ? latency_quantile_us(sum, 500) : 0;
}

struct outlier_pace outlier_pace_of(const struct outliers_settings *terms,
                                    const struct latency_sum *own, const struct latency_sum *all)
{
    struct latency_sum others = *all;

    latency_subtract(&others, own);
    return (struct outlier_pace){median_us(terms, own), median_us(terms, &others)};
}

bool outlier_is_slow(const struct outliers_settings *terms, const struct outlier_pace *pace)
{
    return terms->slow != 0 && pace->own_us >= OUTLIER_SLOW_US_MIN && pace->others_us != 0 &&
           pace->own_us >= terms->slow * pace->others_us;
}

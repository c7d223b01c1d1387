/* Whether what was seen of a server in a window puts it out, compared with the others of its group
 * (the directive `outliers`). Pure. */
#ifndef TIDEGATE_UPSTREAM_OUTLIER_H
#define TIDEGATE_UPSTREAM_OUTLIER_H

#include <stdbool.h>

#include "settings/settings.h"
#include "upstream/latency.h"

/* One whose half of requests takes less is not slow, however fast the others are. */
#define OUTLIER_SLOW_US_MIN (UINT64_C(5) * 1000)

/* What the requests to a server, or to all, came to. */
struct outlier_mark {
    uint64_t requests;
    uint64_t bad;
};

/* Its requests fail so often as `errors` says, and those of the others half as often at most. */
bool outlier_fails(const struct outliers_settings *terms, struct outlier_mark own,
                   struct outlier_mark all);

/* The medians of a server and of all others together; 0: too few requests. */
struct outlier_pace {
    uint64_t own_us;
    uint64_t others_us;
};
/* `all`: its own latencies, too. */
struct outlier_pace outlier_pace_of(const struct outliers_settings *terms,
                                    const struct latency_sum *own, const struct latency_sum *all);
/* Its median is so many times that of the others as `slow` says. */
bool outlier_is_slow(const struct outliers_settings *terms, const struct outlier_pace *pace);

#endif

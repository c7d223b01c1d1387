/* How often something came lately, for many keys in bounded memory: what rates and bans are counted
 * in, shared by all workers.
 *
 * A key has 16 bytes: its hash, and either when its bucket will be full again (a token bucket, as
 * GCRA keeps it: one time says it all), or what came in this window and the one before (a sliding
 * window). They lie in sets of seven, by their hash; a set has a lock of its own, which is held for
 * some comparisons. Where a set is full, the key that has used the least of its allowance makes
 * room: who asks much is not forgotten for those who ask once, however many these are. What has
 * used nothing (any more) is as good as one that is not there.
 *
 * By the monotonic clock. A table lives as long as somebody has it: it has a name, by which a new
 * configuration gets the one that the configuration before has. */
#ifndef TIDEGATE_ACCESS_RATE_TABLE_H
#define TIDEGATE_ACCESS_RATE_TABLE_H

#include <stdint.h>

#include "base/span.h"
#include "settings/choices.h"

/* What a window can count. */
#define RATE_WINDOW_MAX ((UINT64_C(1) << 20) - 1)

struct rate_terms {
    enum rate_kind kind;
    uint64_t requests; /* in `per_us`; at least 1 */
    uint64_t per_us;
    uint64_t burst;   /* of RATE_BUCKET: at once; at least 1 */
    uint64_t wait_us; /* of RATE_BUCKET: who is early by so much may come then */
};

struct rate_verdict {
    bool passes;
    uint64_t wait_us;  /* it passes: after that; it does not: so long until one would */
    uint64_t left;     /* further ones that would pass now */
    uint64_t reset_us; /* until all of the allowance is back */
};

struct rate_table;

/* Of the same name and size: the one that somebody has, or a new one. One reference. */
struct rate_table *rate_table_get(const char *name, uint64_t keys) MUST_CHECK;
void rate_table_release(struct rate_table *table); /* NULL is allowed */

/* One more of the key, counted where it passes. From any thread. */
struct rate_verdict rate_table_take(struct rate_table *table, struct span key,
                                    const struct rate_terms *terms, uint64_t now_us) MUST_CHECK;
/* Forgets it. */
void rate_table_forget(struct rate_table *table, struct span key);

#endif

/* The phases of `rates`: how many requests of a key may come in a time, and be in hand at once.
 * What they count is shared by all workers, and outlives the configuration (rate_table,
 * hold_table). */
#ifndef TIDEGATE_ACCESS_PHASE_RATE_H
#define TIDEGATE_ACCESS_PHASE_RATE_H

#include "access/access_condition.h"
#include "access/hold_table.h"
#include "access/rate_table.h"
#include "access/rule_counts.h"
#include "edge/template.h"
#include "policy/phase.h"

enum rate_by {
    RATE_BY_ADDRESS, /* of IPv6: its /64 */
    RATE_BY_EXACT_ADDRESS,
    RATE_BY_TEXT
};

/* Lives as long as the snapshot. */
struct rate_limit {
    const struct rate_settings *settings;
    enum rate_by by;
    struct template text;         /* of RATE_BY_TEXT */
    bool asks_identity;           /* so it comes behind `auth` */
    const struct condition *only; /* NULL: all requests */
    struct rate_terms terms;
    struct rate_table *table; /* NULL: no rate */
    struct hold_table *holds; /* NULL: no limit of those at once */
    struct rule_count *count; /* of those that were over it */
};

/* What RateLimit and RateLimit-Policy say of a rate; the one that was asked last is the first. */
struct rate_note {
    const struct rate_note *next;
    const struct rate_limit *limit;
    uint64_t left;
    uint64_t reset_us;
};

struct rate_limit *rate_limit_build(const struct rate_settings *settings,
                                    struct access_sources *sources, struct arena *arena) MUST_CHECK;
void rate_limit_close(struct rate_limit *limit);

/* Their settings are a struct rate_limit; the first where it has a table, the second where it has
 * `holds`. */
extern const struct phase_type rate_phase;
extern const struct phase_type at_once_phase;

/* Adds both fields (draft-ietf-httpapi-ratelimit-headers-10), of all notes. */
void rate_notes_add_fields(const struct rate_note *notes, struct arena *arena,
                           struct http_fields *fields);

#endif

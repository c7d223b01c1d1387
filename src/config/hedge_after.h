/* After how long another server is asked, too: "p95" of how long requests take, or a time. */
#ifndef TIDEGATE_CONFIG_HEDGE_AFTER_H
#define TIDEGATE_CONFIG_HEDGE_AFTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "config/complaint.h"

#define HEDGE_AFTER_MS_MAX 60000

/* One of the two: a quantile from p50 to p99.9 in thousandths, or 1 ms to a minute; the other is 0.
 * False: it is neither. */
bool hedge_after_parse(struct span text, unsigned *per_mille, uint64_t *ms) MUST_CHECK;
/* For the table of directives. */
bool rule_hedge_after(struct span text, struct complaint *complaint) MUST_CHECK;

#endif

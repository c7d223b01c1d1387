/* Rules for the texts of `access` that the directive tables name: see text_rules.h. */
#ifndef TIDEGATE_CONFIG_ACCESS_WORDS_H
#define TIDEGATE_CONFIG_ACCESS_WORDS_H

#include "base/span.h"
#include "config/complaint.h"

/* A user, a group, a scope: as a value of a field (match_rules.h). */
bool rule_access_name(struct span text, struct complaint *complaint) MUST_CHECK;
/* A claim's path, and what it must be (edge/claim_match.h). */
bool rule_claim_value(struct span name, struct span value, struct complaint *complaint) MUST_CHECK;
/* "DE", or "unknown". */
bool rule_country(struct span text, struct complaint *complaint) MUST_CHECK;
/* "08:00"; as an end, "24:00", too. */
bool rule_time_of_day(struct span text, struct complaint *complaint) MUST_CHECK;
bool rule_time_of_day_end(struct span text, struct complaint *complaint) MUST_CHECK;
/* "mon", "mon-fri". */
bool rule_days(struct span text, struct complaint *complaint) MUST_CHECK;

#endif

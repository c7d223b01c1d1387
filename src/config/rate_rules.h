/* Rules for the texts of rates that the directive tables name: see text_rules.h. */
#ifndef TIDEGATE_CONFIG_RATE_RULES_H
#define TIDEGATE_CONFIG_RATE_RULES_H

#include "base/span.h"
#include "config/complaint.h"

/* "address", "exact_address", "all", or a text with variables. */
bool rule_rate_by(struct span text, struct complaint *complaint) MUST_CHECK;
/* "404", "4xx", "bad_request", "handshake". */
bool rule_ban_of(struct span text, struct complaint *complaint) MUST_CHECK;

#endif

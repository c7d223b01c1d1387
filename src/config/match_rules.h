/* Rules for the texts of conditions that the directive tables name: see text_rules.h. */
#ifndef TIDEGATE_CONFIG_MATCH_RULES_H
#define TIDEGATE_CONFIG_MATCH_RULES_H

#include "base/pattern.h"
#include "config/complaint.h"

/* A regular expression, as base/pattern.h compiles it. */
bool rule_regex(struct span text, struct complaint *complaint) MUST_CHECK;
/* A host of a site: a name, an address, a wildcard, "*", or "re:" and an expression. */
bool rule_host(struct span text, struct complaint *complaint) MUST_CHECK;
/* A text to compare with: see struct text_match (edge/condition.h). */
bool rule_match_value(struct span text, struct complaint *complaint) MUST_CHECK;
/* What a field, a parameter or a cookie must be: see struct text_match (edge/condition.h). */
bool rule_match_header(struct span name, struct span value, struct complaint *complaint) MUST_CHECK;
bool rule_match_query(struct span name, struct span value, struct complaint *complaint) MUST_CHECK;
bool rule_match_cookie(struct span name, struct span value, struct complaint *complaint) MUST_CHECK;

#endif

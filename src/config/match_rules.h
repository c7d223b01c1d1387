/* Rules for the texts of conditions that the directive tables name: see text_rules.h. */
#ifndef TIDEGATE_CONFIG_MATCH_RULES_H
#define TIDEGATE_CONFIG_MATCH_RULES_H

#include "base/pattern.h"
#include "config/complaint.h"

/* A regular expression, as base/pattern.h compiles it. */
bool rule_regex(struct span text, struct complaint *complaint) MUST_CHECK;

#endif

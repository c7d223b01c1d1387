/* Rules for what the configuration says of files (edge/file_rules.h). As those of text_rules.h. */
#ifndef TIDEGATE_CONFIG_FILE_VALUES_H
#define TIDEGATE_CONFIG_FILE_VALUES_H

#include <stdbool.h>

#include "base/span.h"
#include "config/complaint.h"

/* A pattern of names, and a value of Cache-Control. */
bool rule_file_cache_control(struct span pattern, struct span value,
                             struct complaint *complaint) MUST_CHECK;
/* The ending of a name, or "*", and a value of Content-Type. */
bool rule_file_type(struct span ending, struct span type, struct complaint *complaint) MUST_CHECK;
bool rule_charset(struct span text, struct complaint *complaint) MUST_CHECK;

#endif

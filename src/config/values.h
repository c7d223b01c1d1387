/* Single values: text to bool, number, size, duration or word, within the bounds of a directive;
 * and back to text, for messages and the manual. */
#ifndef TIDEGATE_CONFIG_VALUES_H
#define TIDEGATE_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "config/complaint.h"
#include "config/directives.h"

bool value_bool(const struct directive *directive, struct span text, bool *value,
                struct complaint *complaint) MUST_CHECK;
/* DIRECTIVE_INTEGER, DIRECTIVE_SIZE (bytes) and DIRECTIVE_DURATION (milliseconds). */
bool value_number(const struct directive *directive, struct span text, uint64_t *value,
                  struct complaint *complaint) MUST_CHECK;
/* The index in directive->words. */
bool value_word(const struct directive *directive, struct span text, size_t *index,
                struct complaint *complaint) MUST_CHECK;

struct value_text {
    char text[32];
};
/* As a file would write the number: "64k", "30s", "100". */
struct value_text value_format(const struct directive *directive, uint64_t value);

#endif

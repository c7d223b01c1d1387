/* An error to be read by a person: what is wrong, where, and how to mend it. Filled by functions
 * that return false; owns nothing. */
#ifndef TIDEGATE_BASE_ERROR_H
#define TIDEGATE_BASE_ERROR_H

#include <stdbool.h>

#include "base/check.h"

struct error {
    char text[1024];
};

/* Always returns false, so that `return error_set(...)` reads as it does. */
bool error_set(struct error *error, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same, followed by ": " and the text of errno's value `number`. */
bool error_set_errno(struct error *error, int number, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif

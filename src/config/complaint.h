/* What is wrong with one value and how to mend it, before it is known where in the file it is.
 * Filled by the functions that read single values. */
#ifndef TIDEGATE_CONFIG_COMPLAINT_H
#define TIDEGATE_CONFIG_COMPLAINT_H

#include <stdbool.h>

#include "base/check.h"
#include "base/span.h"

struct complaint {
    char text[512];
    char hint[512]; /* "": none */
    size_t offset;  /* of the byte that it is about, in the value */
};

/* Always returns false, so that `return complain(...)` reads as it does. */
bool complain(struct complaint *complaint, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool complain_hint(struct complaint *complaint, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A piece of the file for a message, in single quotes; long ones are cut. */
struct quote {
    char text[80];
};
struct quote quote(struct span s);
struct quote quote_cstr(const char *s);

#endif

/* What is different, in words. */
#ifndef TIDEGATE_CLI_DIFF_WORDS_H
#define TIDEGATE_CLI_DIFF_WORDS_H

#include <jansson.h>
#include <stdint.h>

#include "cli/diff_sides.h"

/* What runs, as the control socket tells it; NULL: two files are compared. */
struct diff_running {
    const json_t *status;       /* /status */
    const json_t *certificates; /* /certificates */
};

/* Prints on standard output. */
void diff_print(struct diff_sides *sides, const struct diff_running *running, int64_t now);

#endif

/* What is different, in words. */
#ifndef TIDEGATE_CLI_DIFF_WORDS_H
#define TIDEGATE_CLI_DIFF_WORDS_H

#include "cli/diff_changes.h"

/* Prints on standard output. running NULL: two files are compared. */
void diff_print(const struct diff_sides *sides, const struct diff_changes *changes,
                const struct diff_running *running);

#endif

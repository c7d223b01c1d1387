/* What is different, for programs: an object that docs/diff.md describes. */
#ifndef TIDEGATE_CLI_DIFF_JSON_H
#define TIDEGATE_CLI_DIFF_JSON_H

#include "cli/diff_changes.h"

/* The object, which is the caller's. running NULL: two files are compared. */
json_t *diff_json(const struct diff_sides *sides, const struct diff_changes *changes,
                  const struct diff_running *running);

#endif

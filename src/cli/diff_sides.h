/* The two configurations that `tidegate diff` compares: what runs and a file, or two files. */
#ifndef TIDEGATE_CLI_DIFF_SIDES_H
#define TIDEGATE_CLI_DIFF_SIDES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "config/config.h"

struct diff_sides {
    struct settings *before;
    struct settings *after;
    const char *folder; /* that relative paths of `before` are seen from; NULL: our own */
    /* Variables of `after` that what runs does not use: they are ours, where a reload would take
     * the gateway's. */
    struct string_list own_variables;
    struct arena arena;
};

/* `running` is the control socket's /configuration. False with an error, or with what is wrong with
 * the file in the report. */
bool diff_sides_running(struct diff_sides *sides, const json_t *running, const char *file,
                        struct config_report *report, struct error *error) MUST_CHECK;
/* `after` is read as if it were in the place of `before`, for paths in it are seen from there. */
bool diff_sides_files(struct diff_sides *sides, const char *before, const char *after,
                      struct config_report *report, struct error *error) MUST_CHECK;
void diff_sides_free(struct diff_sides *sides);

/* A path as it is named from everywhere: from the folder, without "." and "..". */
const char *diff_absolute(struct arena *arena, const char *folder, const char *path);

#endif

/* Where a configuration is read from: files, folders that `include` has patterns for, and variables
 * of the environment. All reading of a configuration goes through one of these, so that it can be
 * noted, or done where the files are not: from what another process read (settings_origin). */
#ifndef TIDEGATE_CONFIG_SOURCE_H
#define TIDEGATE_CONFIG_SOURCE_H

#include <stdbool.h>

#include "base/check.h"
#include "base/strbuf.h"
#include "settings/settings.h"

/* A larger file is refused: none that a person or a tool writes for us comes near. */
#define CONFIG_FILE_BYTES_MAX ((size_t)4 << 20)

/* Takes one name of a folder; the name lives during the call alone. */
typedef void config_name_taker(void *to, const char *name);

struct config_source {
    /* Adds the file's bytes, of a larger one at least CONFIG_FILE_BYTES_MAX + 1. False, with errno,
     * when it cannot be read. */
    bool (*read)(void *arg, const char *path, struct strbuf *text);
    /* Gives the names in the folder ("": the working directory), in any order. False, with errno,
     * when it cannot be read. */
    bool (*list)(void *arg, const char *folder, config_name_taker *take, void *to);
    /* A variable's value, which lives until the loading ends; NULL: it is not set. */
    const char *(*variable)(void *arg, const char *name);
    void *arg;
    /* From where relative paths in the first file are seen; NULL: from its own folder. */
    const char *folder;
};

/* The file system as base/file_opener.h shows it, and the environment of this process. */
extern const struct config_source config_source_disk;
/* What a configuration was read from before, which outlives the source: nothing is read again, and
 * what was not read then is not there (ENOENT). */
struct config_source config_source_again(const struct settings_origin *origin);

#endif

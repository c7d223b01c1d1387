/* What all parts of the settings are made of. */
#ifndef TIDEGATE_SETTINGS_PLACE_H
#define TIDEGATE_SETTINGS_PLACE_H

#include <stddef.h>

/* Where something was written: line and column count from 1, 0 when it is a default. `file` is an
 * index in settings_origin.files and among the sources of a config_report. */
struct place {
    int line;
    int column;
    unsigned file;
};

struct string_list {
    const char **items;
    size_t count;
};

#endif

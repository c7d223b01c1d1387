/* `split` of a route: several backends that share its requests. */
#ifndef TIDEGATE_SETTINGS_SPLIT_SETTINGS_H
#define TIDEGATE_SETTINGS_SPLIT_SETTINGS_H

#include "settings/settings.h"

struct split_part_settings {
    struct backend_settings *backend;
    unsigned weight; /* 0: nobody new */
    struct place place;
};

#endif

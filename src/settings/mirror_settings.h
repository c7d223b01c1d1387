/* `mirror` of a route: another backend that gets copies of its requests. */
#ifndef TIDEGATE_SETTINGS_MIRROR_SETTINGS_H
#define TIDEGATE_SETTINGS_MIRROR_SETTINGS_H

#include "settings/settings.h"

struct mirror_settings {
    struct backend_settings *backend;
    unsigned share;      /* percent of the requests */
    uint64_t body_limit; /* bytes; what is longer is not copied */
    unsigned max;        /* copies at once, of each worker and backend */
    uint64_t timeout_ms; /* of a copy, from its sending to the end of its answer */
    struct place place;
};

#endif

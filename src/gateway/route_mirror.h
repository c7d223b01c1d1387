/* `mirror` of a route, as a snapshot has it. */
#ifndef TIDEGATE_GATEWAY_ROUTE_MIRROR_H
#define TIDEGATE_GATEWAY_ROUTE_MIRROR_H

#include "gateway/mirror_counts.h"
#include "settings/mirror_settings.h"
#include "upstream/backend.h"

struct route_mirror {
    const struct mirror_settings *settings;
    const struct backend *backend;
    struct mirror_counts *counts;
};

#endif

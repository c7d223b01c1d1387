/* What a route has of the cache. Lives with the snapshot, and never changes. */
#ifndef TIDEGATE_GATEWAY_ROUTE_CACHE_H
#define TIDEGATE_GATEWAY_ROUTE_CACHE_H

#include "edge/template.h"
#include "settings/settings.h"

struct route_cache {
    const struct cache_settings *settings;
    struct span name;     /* of the route: entries are its own */
    struct template *key; /* of settings->key */
};

#endif

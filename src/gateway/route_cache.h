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

struct cache_store;
/* The store that was there goes on, whatever has changed: what is stored for routes that are no
 * more is not asked for, and goes in time. previous: NULL: there was none. One reference. */
struct cache_store *route_cache_store(struct cache_store *previous, uint64_t limit_bytes);
/* Of a route that has one; in the arena. */
const struct route_cache *route_cache_build(const struct route_settings *settings,
                                            struct arena *arena);

#endif

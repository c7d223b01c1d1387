/* What a snapshot has of `mirror`. */
#include "gateway/route_mirror.h"
#include "gateway/snapshot_internal.h"

const struct route_mirror *snapshot_mirror(struct snapshot *snapshot,
                                           const struct route_settings *route)
{
    struct route_mirror *mirror;

    if (route->mirror == NULL || route->mirror->share == 0) {
        return NULL;
    }
    mirror = arena_calloc(&snapshot->arena, sizeof(*mirror));
    mirror->settings = route->mirror;
    mirror->backend = snapshot->backends[route->mirror->backend - snapshot->settings->backends];
    mirror->counts = mirror_counts_of(route->name, route->mirror->backend->name);
    return mirror;
}

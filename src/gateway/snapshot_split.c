/* What a snapshot has of `split`. */
#include "config/places.h"
#include "gateway/route_split.h"
#include "gateway/snapshot_internal.h"

bool snapshot_build_split(struct snapshot *snapshot, const struct route_settings *route,
                          const struct route_split **out, struct config_report *report)
{
    const struct balance_sticky_settings *sticky = route->split_sticky;
    const struct settings *settings = snapshot->settings;
    unsigned char key[STICKY_KEY_BYTES];
    struct route_split *split;
    struct error error;

    if (route->split_count == 0) {
        return true;
    }
    if (sticky == NULL || sticky->key == NULL) {
        sticky_key_of_process(key);
    } else if (!sticky_key_read(sticky->key, key, &error)) {
        config_report_add(report, CONFIG_ERROR, config_place(settings, &sticky->key), "%s",
                          error.text);
        return false;
    }
    *out = split = arena_calloc(&snapshot->arena, sizeof(*split));
    split->count = route->split_count;
    split->by = route->split_by;
    split->sticky = sticky;
    for (size_t i = 0; i < split->count; i++) {
        const struct backend_settings *backend = route->split[i].backend;
        split->parts[i] =
            (struct split_part){span_from_cstr(backend->name), route->split[i].weight};
        split->backends[i] = snapshot->backends[backend - settings->backends];
        split->settings[i] = backend;
        sticky_token(key, route->split_of, backend->name, split->tokens[i]);
    }
    return true;
}

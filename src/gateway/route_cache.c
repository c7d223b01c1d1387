#include "gateway/route_cache.h"

#include "cache/cache_store.h"

struct cache_store *route_cache_store(struct cache_store *previous, uint64_t limit_bytes)
{
    struct cache_store *store;

    if (previous == NULL) {
        return cache_store_create(limit_bytes);
    }
    store = cache_store_hold(previous);
    cache_store_set_limit(store, limit_bytes);
    return store;
}

const struct route_cache *route_cache_build(const struct route_settings *settings,
                                            struct arena *arena)
{
    const struct cache_settings *cache = settings->cache;
    struct route_cache *made = arena_calloc(arena, sizeof(*made));

    *made = (struct route_cache){
        .settings = cache,
        .name = span_from_cstr(settings->name),
        .key = arena_calloc(arena, (cache->key.count + 1) * sizeof(struct template))};
    for (size_t i = 0; i < cache->key.count; i++) {
        struct error error = {""};

        CHECK(template_parse(span_from_cstr(cache->key.items[i]), false, arena, &made->key[i],
                             &error));
    }
    return made;
}

#include "base/map.h"

#include <stdlib.h>

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_free(struct map *map)
{
    free(map->slots);
    map_init(map);
}

static struct map_slot *find_slot(const struct map *map, struct span key, uint32_t hash)
{
    size_t mask = map->capacity - 1;

    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_slot *slot = &map->slots[i];
        if (slot->key.ptr == NULL || (slot->hash == hash && span_ieq(slot->key, key))) {
            return slot;
        }
    }
}

static void grow(struct map *map)
{
    struct map old = *map;

    map->capacity = old.capacity != 0 ? old.capacity * 2 : 16;
    map->slots = xcalloc(map->capacity, sizeof(*map->slots));
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].key.ptr != NULL) {
            *find_slot(map, old.slots[i].key, old.slots[i].hash) = old.slots[i];
        }
    }
    free(old.slots);
}

void *map_add(struct map *map, struct span key, void *value)
{
    uint32_t hash = span_ihash(key);

    CHECK(key.ptr != NULL && value != NULL);
    if (map->capacity - map->count <= map->capacity / 4) {
        grow(map);
    }
    struct map_slot *slot = find_slot(map, key, hash);
    if (slot->key.ptr != NULL) {
        return slot->value;
    }
    *slot = (struct map_slot){key, value, hash};
    map->count++;
    return NULL;
}

void *map_find(const struct map *map, struct span key)
{
    if (map->count == 0) {
        return NULL;
    }
    struct map_slot *slot = find_slot(map, key, span_ihash(key));
    return slot->key.ptr != NULL ? slot->value : NULL;
}

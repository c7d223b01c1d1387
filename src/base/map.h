/* A hash map from a case-insensitive name (a host, a site's name) to a pointer. Open addressing;
 * built once and then only read, so lookups from many threads need no lock. Keys and values are
 * referenced, not owned. */
#ifndef TIDEGATE_BASE_MAP_H
#define TIDEGATE_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"

struct map_slot {
    struct span key; /* ptr NULL: free */
    void *value;
    uint32_t hash;
};

struct map {
    struct map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void map_init(struct map *map);
void map_free(struct map *map);
/* Adds, or returns the value that is there already and changes nothing. */
void *map_add(struct map *map, struct span key, void *value);
void *map_find(const struct map *map, struct span key);

#endif

/* Where each value of the settings tree was written: from the address of a member to its place in
 * the file. The checks that come after loading know members, not YAML.
 *
 * Filled while loading, then sorted once and only read. The addresses of values that are copied
 * elsewhere follow by places_move. */
#ifndef TIDEGATE_CONFIG_PLACES_H
#define TIDEGATE_CONFIG_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "settings/settings.h"

struct places_entry {
    const char *member;
    struct place place;
};

struct config_places {
    struct places_entry *entries;
    size_t count;
    size_t capacity;
    size_t sorted; /* of the entries, from the first on; those behind are in the order of coming */
};

/* Freed with the arena. */
struct config_places *places_create(struct arena *arena);
void places_add(struct config_places *places, const void *member, struct place place);
/* From now on nothing is added: several threads may ask. */
void places_sort(struct config_places *places);
/* What lay at `from` lies at `to` now. */
void places_move(struct config_places *places, const void *from, size_t size, const void *to);

/* Where the value of a member of the tree was written, such as &site->passthrough or &items[2] of a
 * list; line 0 when it is a default. For messages that point at more than a section's start. */
struct place config_place(const struct settings *settings, const void *member);

/* "line 12", and where it is not in the file of `here`: "line 12 of sites.d/shop.yaml". */
struct place_words {
    char text[160];
};
struct place_words place_words(const struct settings *settings, struct place there,
                               struct place here);

#endif

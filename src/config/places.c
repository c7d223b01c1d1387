#include "config/places.h"

#include <stdio.h>
#include <stdlib.h>

static void places_free(void *arg)
{
    struct config_places *places = arg;

    free(places->entries);
}

struct config_places *places_create(struct arena *arena)
{
    struct config_places *places = arena_calloc(arena, sizeof(*places));

    arena_on_reset(arena, places_free, places);
    return places;
}

void places_add(struct config_places *places, const void *member, struct place place)
{
    if (places->count == places->capacity) {
        places->capacity = places->capacity != 0 ? 2 * places->capacity : 64;
        places->entries = xrealloc(places->entries, places->capacity * sizeof(*places->entries));
    }
    places->entries[places->count++] = (struct places_entry){member, place};
    places->is_sorted = false;
}

static int by_member(const void *a, const void *b)
{
    const struct places_entry *x = a;
    const struct places_entry *y = b;

    return x->member < y->member ? -1 : x->member > y->member ? 1 : 0;
}

static void sort(struct config_places *places)
{
    if (!places->is_sorted && places->count > 1) {
        qsort(places->entries, places->count, sizeof(*places->entries), by_member);
    }
    places->is_sorted = true;
}

/* The first entry at or above the address. */
static size_t lower_bound(struct config_places *places, const char *member)
{
    size_t low = 0;
    size_t high = places->count;

    sort(places);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (places->entries[middle].member < member) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The place of a member that was added, else line 0. Sorts first, when anything changed. */
static struct place find_place(struct config_places *places, const void *member)
{
    size_t at = lower_bound(places, member);

    if (at < places->count && places->entries[at].member == (const char *)member) {
        return places->entries[at].place;
    }
    return (struct place){0};
}

void places_move(struct config_places *places, const void *from, size_t size, const void *to)
{
    const char *start = from;
    size_t first = lower_bound(places, start);

    for (size_t i = first; i < places->count && places->entries[i].member < start + size; i++) {
        places->entries[i].member = (const char *)to + (places->entries[i].member - start);
        places->is_sorted = false;
    }
}

struct place config_place(const struct settings *settings, const void *member)
{
    return find_place(settings->places, member);
}

struct place_words place_words(const struct settings *settings, struct place there,
                               struct place here)
{
    const struct settings_origin *origin = &settings->origin;
    struct place_words words;

    if (there.file == here.file || there.file >= origin->file_count) {
        (void)snprintf(words.text, sizeof(words.text), "line %d", there.line);
    } else {
        /* The end of a long name tells more than its beginning. */
        const char *name = origin->files[there.file].name;
        size_t len = strlen(name);
        size_t shown = sizeof(words.text) - 32;

        (void)snprintf(words.text, sizeof(words.text), "line %d of %s%s", there.line,
                       len > shown ? "..." : "", len > shown ? name + len - shown : name);
    }
    return words;
}

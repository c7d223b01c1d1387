#include "config/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Entries that are looked through one by one: loading adds and asks by turns, and sorting anew each
 * time would take a time that grows with the square. */
#define UNSORTED_MAX 256

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
}

static int by_member(const void *a, const void *b)
{
    const struct places_entry *x = a;
    const struct places_entry *y = b;

    return x->member < y->member ? -1 : x->member > y->member ? 1 : 0;
}

/* The new ones among the sorted ones, from the back. */
static void merge(struct config_places *places)
{
    size_t fresh = places->count - places->sorted;
    struct places_entry *new_ones = xcalloc(fresh + 1, sizeof(*new_ones));
    size_t old = places->sorted;

    memcpy(new_ones, places->entries + places->sorted, fresh * sizeof(*new_ones));
    qsort(new_ones, fresh, sizeof(*new_ones), by_member);
    for (size_t at = places->count; fresh > 0; at--) {
        bool is_old = old > 0 && by_member(&places->entries[old - 1], &new_ones[fresh - 1]) > 0;
        places->entries[at - 1] = is_old ? places->entries[--old] : new_ones[--fresh];
    }
    free(new_ones);
    places->sorted = places->count;
}

void places_sort(struct config_places *places)
{
    if (places->sorted != places->count) {
        merge(places);
    }
}

/* The first of the sorted entries at or above the address. */
static size_t lower_bound(const struct config_places *places, const char *member)
{
    size_t low = 0;
    size_t high = places->sorted;

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

/* The place of a member that was added, else line 0. */
static struct place find_place(struct config_places *places, const void *member)
{
    size_t at;

    if (places->count - places->sorted > UNSORTED_MAX) {
        merge(places);
    }
    for (size_t i = places->count; i > places->sorted; i--) {
        if (places->entries[i - 1].member == (const char *)member) {
            return places->entries[i - 1].place;
        }
    }
    at = lower_bound(places, member);
    if (at < places->sorted && places->entries[at].member == (const char *)member) {
        return places->entries[at].place;
    }
    return (struct place){0};
}

void places_move(struct config_places *places, const void *from, size_t size, const void *to)
{
    const char *start = from;
    size_t unsorted = places->sorted;
    size_t end = places->count;

    for (size_t i = unsorted; i < end; i++) {
        struct places_entry *entry = &places->entries[i];
        if (entry->member >= start && entry->member < start + size) {
            entry->member = (const char *)to + (entry->member - start);
        }
    }
    for (size_t i = lower_bound(places, start);
         i < unsorted && places->entries[i].member < start + size; i++) {
        struct place place = places->entries[i].place;
        places->entries[i].place = (struct place){0}; /* nothing is there any more */
        if (place.line != 0) {
            places_add(places, (const char *)to + (places->entries[i].member - start), place);
        }
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

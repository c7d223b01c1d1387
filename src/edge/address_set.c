#include "edge/address_set.h"

#include <stdlib.h>

static uint64_t read_word(const uint8_t *bytes)
{
    uint64_t word = 0;

    for (size_t i = 0; i < 8; i++) {
        word = word << 8 | bytes[i];
    }
    return word;
}

static int compare(const uint64_t one[2], const uint64_t other[2])
{
    size_t at = one[0] != other[0] ? 0 : 1;

    return one[at] < other[at] ? -1 : one[at] > other[at];
}

static int compare_ranges(const void *one, const void *other)
{
    return compare(((const struct address_range *)one)->first,
                   ((const struct address_range *)other)->first);
}

/* The bits of a word that a prefix leaves free. */
static uint64_t free_bits(unsigned prefix)
{
    return prefix == 0 ? UINT64_MAX : prefix >= 64 ? 0 : UINT64_MAX >> prefix;
}

static struct address_range range_of(const struct network *network)
{
    unsigned prefix = network->prefix_bits;
    uint64_t free[2] = {free_bits(prefix), free_bits(prefix > 64 ? prefix - 64 : 0)};
    struct address_range range;

    for (size_t i = 0; i < 2; i++) {
        uint64_t word = read_word(network->address + 8 * i);
        range.first[i] = word & ~free[i];
        range.last[i] = word | free[i];
    }
    return range;
}

/* Whether `next`, which begins no earlier, continues the range or lies in it. */
static bool touches(const struct address_range *range, const struct address_range *next)
{
    uint64_t after[2] = {range->last[0] + (range->last[1] == UINT64_MAX), range->last[1] + 1};

    return compare(next->first, range->last) <= 0 ||
           (compare(range->last, after) < 0 && compare(next->first, after) == 0);
}

void address_set_make(struct address_set *set, struct address_range *room,
                      const struct network *networks, size_t count)
{
    size_t kept = 0;

    *set = (struct address_set){.ranges = room};
    for (size_t i = 0; i < count; i++) {
        if (networks[i].is_unix) {
            set->has_unix = true;
        } else {
            room[set->count++] = range_of(&networks[i]);
        }
    }
    if (set->count == 0) {
        return;
    }
    qsort(room, set->count, sizeof(*room), compare_ranges);
    for (size_t i = 1; i < set->count; i++) {
        if (!touches(&room[kept], &room[i])) {
            room[++kept] = room[i];
        } else if (compare(room[i].last, room[kept].last) > 0) {
            memcpy(room[kept].last, room[i].last, sizeof(room[kept].last));
        }
    }
    set->count = kept + 1;
}

bool address_set_has(const struct address_set *set, const uint8_t *ip)
{
    size_t low = 0;
    size_t high = set->count;
    uint64_t address[2];

    if (ip == NULL) {
        return set->has_unix;
    }
    address[0] = read_word(ip);
    address[1] = read_word(ip + 8);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(set->ranges[middle].last, address) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < set->count && compare(set->ranges[low].first, address) <= 0;
}

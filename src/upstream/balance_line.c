#include "upstream/balance_line.h"

#include <stdlib.h>

/* A turn of a member of weight 1. Small weights divide it so finely that what is cut off takes
 * millions of rounds to change an order. */
#define WHOLE (UINT64_C(1) << 40)
/* How many of the first are asked for what is on them now, before the one that is first is taken as
 * it is. */
#define LOOKS_MAX 8
#define NO_PLACE BALANCE_MEMBERS_MAX

/* ---- turns ---- */

/* Turns wrap around: no two that count are half of the numbers apart. */
static bool is_earlier(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

static int compare_weights(const void *a, const void *b)
{
    const struct balance_line_entry *const *left = a;
    const struct balance_line_entry *const *right = b;

    if ((*left)->weight != (*right)->weight) {
        return (*left)->weight < (*right)->weight ? -1 : 1;
    }
    return *left < *right ? -1 : *left > *right; /* in the order of the members */
}

/* Those of one weight stand at even distances in the first of their steps. */
static void spread(struct balance_line *line)
{
    struct balance_line_entry **sorted =
        xcalloc(line->count + 1, sizeof(struct balance_line_entry *));

    for (size_t i = 0; i < line->count; i++) {
        sorted[i] = &line->entries[i];
    }
    qsort(sorted, line->count, sizeof(sorted[0]), compare_weights);
    for (size_t from = 0, to; from < line->count; from = to) {
        for (to = from; to < line->count && sorted[to]->weight == sorted[from]->weight; to++) {
        }
        for (size_t i = from; i < to; i++) {
            sorted[i]->turn = sorted[i]->step / (2 * (to - from)) * (2 * (i - from) + 1);
        }
    }
    free(sorted);
}

/* The turn that counts: one that has passed, while the member was no choice or had too much on it,
 * is behind those who waited. */
static uint64_t turn_of(const struct balance_line *line, const struct balance_line_entry *entry)
{
    return is_earlier(entry->turn, line->turn) ? line->turn + entry->step : entry->turn;
}

/* ---- the heap ---- */

/* Two divided by their weights, without a division. */
static bool is_before(const struct balance_line_entry *a, const struct balance_line_entry *b)
{
    uint64_t left = a->load * b->weight;
    uint64_t right = b->load * a->weight;

    if (left != right) {
        return left < right;
    }
    return a->turn != b->turn ? is_earlier(a->turn, b->turn) : a < b;
}

static struct balance_line_entry *at(const struct balance_line *line, size_t place)
{
    return &line->entries[line->heap[place]];
}

static void put(struct balance_line *line, size_t place, uint16_t member)
{
    line->heap[place] = member;
    line->entries[member].place = (unsigned)place;
}

static void sift_down(struct balance_line *line, size_t place)
{
    uint16_t member = line->heap[place];

    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= line->heap_count) {
            break;
        }
        if (child + 1 < line->heap_count && is_before(at(line, child + 1), at(line, child))) {
            child++;
        }
        if (!is_before(at(line, child), &line->entries[member])) {
            break;
        }
        put(line, place, line->heap[child]);
        place = child;
    }
    put(line, place, member);
}

static void sift_up(struct balance_line *line, size_t place)
{
    uint16_t member = line->heap[place];

    while (place > 0 && is_before(&line->entries[member], at(line, (place - 1) / 2))) {
        put(line, place, line->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(line, place, member);
}

static void settle(struct balance_line *line, const struct balance_line_entry *entry)
{
    if (entry->place != NO_PLACE) {
        sift_up(line, entry->place);
        sift_down(line, entry->place);
    }
}

static void build(struct balance_line *line, const struct balance_ask *ask,
                  balance_load_fn *load_of, const void *policy)
{
    line->serial = ask->choices_serial;
    line->heap_count = 0;
    for (size_t i = 0; i < line->count; i++) {
        struct balance_line_entry *entry = &line->entries[i];
        entry->place = NO_PLACE;
        if (balance_set_has(ask->choices, i)) {
            entry->load = load_of(policy, i);
            entry->turn = turn_of(line, entry);
            put(line, line->heap_count++, (uint16_t)i);
        }
    }
    for (size_t i = line->heap_count / 2; i-- > 0;) {
        sift_down(line, i);
    }
}

/* ---- the line ---- */

void balance_line_init(struct balance_line *line, const struct balance_member *members,
                       size_t count)
{
    *line = (struct balance_line){.count = count};
    line->heap = xcalloc(count + 1, sizeof(line->heap[0]));
    line->entries = xcalloc(count + 1, sizeof(line->entries[0]));
    for (size_t i = 0; i < count; i++) {
        line->entries[i] = (struct balance_line_entry){
            .step = WHOLE / members[i].weight, .weight = members[i].weight, .place = NO_PLACE};
    }
    spread(line);
}

void balance_line_take_over(struct balance_line *line, const struct balance_line *old,
                            const size_t *from)
{
    line->turn = old->turn;
    line->serial = 0;
    for (size_t i = 0; i < line->count; i++) {
        const struct balance_line_entry *was =
            from[i] != BALANCE_NONE ? &old->entries[from[i]] : NULL;
        if (was != NULL && was->step == line->entries[i].step) {
            line->entries[i].turn = was->turn;
        } else {
            line->entries[i].turn += old->turn; /* it begins now */
        }
    }
}

void balance_line_free(struct balance_line *line)
{
    free(line->heap);
    free(line->entries);
}

void balance_line_set(struct balance_line *line, size_t member, uint64_t load)
{
    struct balance_line_entry *entry = &line->entries[member];
    uint64_t turn = turn_of(line, entry);

    if (entry->load != load || entry->turn != turn) {
        entry->load = load;
        entry->turn = turn;
        settle(line, entry);
    }
}

static size_t find_in_heap(struct balance_line *line, balance_load_fn *load_of, const void *policy)
{
    size_t member = line->heap[0];

    for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
        balance_line_set(line, member, load_of(policy, member));
        if (line->heap[0] == member) {
            break;
        }
        member = line->heap[0];
    }
    return member;
}

static size_t find_among(struct balance_line *line, const struct balance_ask *ask,
                         balance_load_fn *load_of, const void *policy)
{
    size_t best = BALANCE_NONE;

    for (size_t i = 0; i < line->count; i++) {
        if (!balance_set_has(ask->choices, i)) {
            continue;
        }
        balance_line_set(line, i, load_of(policy, i));
        if (best == BALANCE_NONE || is_before(&line->entries[i], &line->entries[best])) {
            best = i;
        }
    }
    return best;
}

size_t balance_line_pick(struct balance_line *line, const struct balance_ask *ask,
                         balance_load_fn *load_of, const void *policy)
{
    struct balance_line_entry *entry;
    size_t member;

    if (ask->choices_serial == 0) {
        member = find_among(line, ask, load_of, policy);
    } else {
        if (line->serial != ask->choices_serial) {
            build(line, ask, load_of, policy);
        }
        member = find_in_heap(line, load_of, policy);
    }
    entry = &line->entries[member];
    line->turn = turn_of(line, entry);
    entry->turn = line->turn + entry->step;
    settle(line, entry);
    return member;
}

/* For policies: a group's members in the order in which they are to be chosen. The one with the
 * least on it for its weight comes first, and among equals the one whose turn it is, by weight.
 *
 * Turns: each time that a member is chosen its next turn is put off by the whole divided by its
 * weight, from where it stood, so that the turns of one member are evenly spaced; members of equal
 * weights begin evenly spread, too. In any run of sum(weight) turns each has weight of them.
 *
 * Where the choices are those of many requests (balance_ask.choices_serial), they stand in a heap:
 * a choice, and a change of what is on a member, take log(n) steps. Else all are looked at. */
#ifndef TIDEGATE_UPSTREAM_BALANCE_LINE_H
#define TIDEGATE_UPSTREAM_BALANCE_LINE_H

#include "upstream/balance.h"

struct balance_line_entry {
    uint64_t load; /* what is on it, in whatever the policy counts by */
    uint64_t turn; /* when it is its turn; wraps around */
    uint64_t step; /* from one of its turns to the next */
    unsigned weight;
    unsigned place; /* in the heap; BALANCE_MEMBERS_MAX: none */
};

struct balance_line {
    size_t count;
    uint64_t turn;   /* of who was chosen last */
    uint64_t serial; /* of the choices that stand in the heap; 0: of none */
    size_t heap_count;
    uint16_t *heap; /* members */
    struct balance_line_entry *entries;
};

/* What is on a member now. */
typedef uint64_t balance_load_fn(const void *policy, size_t member);

/* All begin with nothing on them. */
void balance_line_init(struct balance_line *line, const struct balance_member *members,
                       size_t count);
/* As balance_type.take_over: who stays keeps its turn, as far as its weight is the same. */
void balance_line_take_over(struct balance_line *line, const struct balance_line *old,
                            const size_t *from);
void balance_line_free(struct balance_line *line);

/* That much is on it now. One that has had none for long does not make up for it. */
void balance_line_set(struct balance_line *line, size_t member, uint64_t load);
/* The first one of ask->choices, whose turn is over then. Those in the heap are as they were set
 * last, but for the first ones, which are asked for. */
size_t balance_line_pick(struct balance_line *line, const struct balance_ask *ask,
                         balance_load_fn *load_of, const void *policy);

#endif

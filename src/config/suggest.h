/* "Did you mean": the known word nearest to a mistyped one. */
#ifndef TIDEGATE_CONFIG_SUGGEST_H
#define TIDEGATE_CONFIG_SUGGEST_H

#include <stddef.h>

#include "base/span.h"

/* Longer words get no suggestion. */
#define SUGGEST_LENGTH_MAX 64

struct suggestion {
    struct span word; /* as typed */
    const char *best; /* NULL until a candidate is near enough */
    size_t distance;
};

void suggestion_init(struct suggestion *suggestion, struct span word);
/* Keeps the candidate, by reference, when it is nearer than all before. */
void suggestion_offer(struct suggestion *suggestion, const char *candidate);
/* Insertions, deletions, replacements and swaps of neighbours that turn one into the other,
 * regardless of case. Both at most SUGGEST_LENGTH_MAX bytes. */
size_t suggest_distance(struct span a, struct span b);

#endif

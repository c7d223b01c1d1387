/* Which of several backends gets a request whose route splits them (`split`): by weighted
 * rendezvous hashing of the request's key, so that another weight moves no more keys than it must,
 * and the order of the parts moves none. Pure. */
#ifndef TIDEGATE_EDGE_SPLIT_H
#define TIDEGATE_EDGE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"

#define SPLIT_PARTS_MAX 16
#define SPLIT_WEIGHT_MAX 1000000
#define SPLIT_NONE SIZE_MAX

struct split_part {
    struct span name; /* the backend's, by which the part is known to its keys */
    unsigned weight;  /* 0: it gets no key */
};

/* `has_server` NULL: all have. Parts without one that is well give their share to the others,
 * unless none has. SPLIT_NONE: no part has a weight. */
size_t split_choose(const struct split_part *parts, size_t count, const bool *has_server,
                    uint64_t key) MUST_CHECK;

#endif

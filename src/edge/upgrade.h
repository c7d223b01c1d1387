/* The protocols of an Upgrade field (RFC 9110 section 7.8): which of them pass. No I/O. */
#ifndef TIDEGATE_EDGE_UPGRADE_H
#define TIDEGATE_EDGE_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/span.h"

struct upgrade_choice {
    struct span passed;  /* in the order offered; ptr NULL: none */
    struct span dropped; /* ptr NULL: none */
};

/* Of a list those protocols that are allowed, and the others. The spans are lists, too, in the
 * arena or of `offered`. */
struct upgrade_choice upgrade_choose(struct span offered, const char *const *allowed, size_t count,
                                     struct arena *arena);
/* The first that a list names, which the client would like best; empty: none. */
struct span upgrade_first(struct span list);
/* Whether a list names the protocol, with its version if it has one, in any case. */
bool upgrade_has(struct span list, struct span protocol);

#endif

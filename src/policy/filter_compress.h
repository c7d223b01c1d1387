/* The filter of `compress`: a body goes on in a coding that its client takes. That it does, and
 * what its head says of it, was decided before (policy/compress_rule.h).
 *
 * What the coder holds goes on when it has enough, at a flush, and at the end. Its memory is
 * counted by the pool and not by `held`: it is the same whatever is sent. */
#ifndef TIDEGATE_POLICY_FILTER_COMPRESS_H
#define TIDEGATE_POLICY_FILTER_COMPRESS_H

#include "policy/body_filter.h"
#include "policy/coder_pool.h"

/* Takes the coder over: it goes back to the pool with the body's end, or when the arena is reset.
 */
struct body_filter *filter_compress_create(struct coder_pool *pool, struct coder *coder,
                                           struct arena *arena) MUST_CHECK;
/* Whether a flush would bring bytes. */
bool filter_compress_holds(const struct body_filter *filter);

#endif

/* The filter of `response_limit`: counts a response's body and ends it where it is over the limit.
 * For servers that may go on for ever, and clients that would take it. */
#ifndef TIDEGATE_POLICY_FILTER_LIMIT_H
#define TIDEGATE_POLICY_FILTER_LIMIT_H

#include "policy/body_filter.h"

/* body_filter_maker.make; `settings` is a uint64_t, bytes. */
struct body_filter *filter_limit_make(const void *settings, const struct http_response *response,
                                      struct arena *arena);

#endif

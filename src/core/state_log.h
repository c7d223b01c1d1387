/* What changes its state says so at debug level, all in one form:
 *
 *   session 0.17 stream 3 exchange 4f02...: request head -> body
 *
 * Each type has one function that sets its state, and calls this from there. */
#ifndef TIDEGATE_CORE_STATE_LOG_H
#define TIDEGATE_CORE_STATE_LOG_H

#include <stdint.h>

#include "base/log.h"

struct core;

/* Whose state it is. */
struct state_owner {
    const struct core *core;
    uint64_t session;     /* of the core's; 0: of no session */
    int32_t stream;       /* of HTTP/2; 0: none */
    const char *exchange; /* its request id; NULL: none */
};

/* Asked first, so that a busy worker gathers nothing that nobody reads. */
static inline bool state_log_is_on(void)
{
    return log_enabled(LOG_LEVEL_DEBUG);
}

/* `what` is the thing's name. */
void state_log(const struct state_owner *owner, const char *what, const char *from, const char *to);

#endif

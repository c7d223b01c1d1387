#include "core/state_log.h"

#include <stdio.h>

#include "core/core.h"

void state_log(const struct state_owner *owner, const char *what, const char *from, const char *to)
{
    char session[32] = "";
    char stream[24] = "";

    if (owner->session != 0) {
        (void)snprintf(session, sizeof(session), "session %u.%llu", owner->core->index,
                       (unsigned long long)owner->session);
    } else {
        (void)snprintf(session, sizeof(session), "worker %u", owner->core->index);
    }

    if (owner->stream != 0) {
        (void)snprintf(stream, sizeof(stream), " stream %d", (int)owner->stream);
    }
    log_debug("%s%s%s%s: %s %s -> %s", session, stream, owner->exchange != NULL ? " exchange " : "",
              owner->exchange != NULL ? owner->exchange : "", what, from, to);
}

#include "core/state_log.h"

#include <stdio.h>

#include "core/core.h"

void state_log(const struct state_owner *owner, const char *what, const char *from, const char *to)
{
    char stream[24] = "";

    if (owner->stream != 0) {
        (void)snprintf(stream, sizeof(stream), " stream %d", (int)owner->stream);
    }
    log_debug("session %u.%llu%s%s%s: %s %s -> %s", owner->core->index,
              (unsigned long long)owner->session, stream,
              owner->exchange != NULL ? " exchange " : "",
              owner->exchange != NULL ? owner->exchange : "", what, from, to);
}

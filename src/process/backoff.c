#include "process/backoff.h"

uint64_t backoff_next(struct backoff *backoff, uint64_t lived_ms)
{
    if (backoff->last_ms == 0 || lived_ms >= BACKOFF_RESET_MS) {
        backoff->last_ms = BACKOFF_FIRST_MS;
    } else if (backoff->last_ms >= BACKOFF_MAX_MS / 2) {
        backoff->last_ms = BACKOFF_MAX_MS;
    } else {
        backoff->last_ms *= 2;
    }
    return backoff->last_ms;
}

/* When certificate files are looked at again: after the interval that the configuration names; with
 * very many files less often, so that looking takes no more than a hundredth of a processor, but
 * never later than half a minute, or the interval if that is longer. Pure. */
#ifndef TIDEGATE_CERTS_REFRESH_PAUSE_H
#define TIDEGATE_CERTS_REFRESH_PAUSE_H

#include <stdint.h>

#define REFRESH_SHARE 100
#define REFRESH_PAUSE_MAX_MS 30000

/* used_ms: the processor's time that the last look took, without what it read. */
static inline uint64_t refresh_pause_ms(uint64_t interval_ms, uint64_t used_ms)
{
    uint64_t least = used_ms < REFRESH_PAUSE_MAX_MS / REFRESH_SHARE ? used_ms * REFRESH_SHARE
                                                                    : REFRESH_PAUSE_MAX_MS;

    return least > interval_ms ? least : interval_ms;
}

#endif

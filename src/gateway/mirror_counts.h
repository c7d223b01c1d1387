/* What became of the copies that mirrors got, of all workers: by route and backend, so that the
 * counts go on when a configuration is loaded anew. One table in the process, which never forgets a
 * mirror, and keeps so many; what has come later is counted together. From any thread. */
#ifndef TIDEGATE_GATEWAY_MIRROR_COUNTS_H
#define TIDEGATE_GATEWAY_MIRROR_COUNTS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/check.h"

#define MIRROR_COUNTS_MAX 4096

enum mirror_count {
    MIRROR_SENT,
    MIRROR_DROPPED, /* not sent: too many at once, or the request was not whole */
    MIRROR_LARGE,   /* not sent: its body was too long */
    MIRROR_FAILED,  /* sent, and no whole answer came */
    MIRROR_COUNTS
};

struct mirror_counts {
    struct mirror_counts *next;
    const char *route;
    const char *backend;
    atomic_uint_fast64_t items[MIRROR_COUNTS];
};

/* Lives as long as the process. */
struct mirror_counts *mirror_counts_of(const char *route, const char *backend) MUST_CHECK;

static inline void mirror_counts_add(struct mirror_counts *counts, enum mirror_count which)
{
    (void)atomic_fetch_add_explicit(&counts->items[which], 1, memory_order_relaxed);
}

static inline uint64_t mirror_counts_get(const struct mirror_counts *counts,
                                         enum mirror_count which)
{
    return atomic_load_explicit(&counts->items[which], memory_order_relaxed);
}

/* Those that have counted anything, the newest first. */
void mirror_counts_each(void (*each)(void *arg, const struct mirror_counts *counts), void *arg);

#endif

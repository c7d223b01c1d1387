/* Looks up the names of the backends' servers, on a thread of its own: a lookup takes as long as
 * the name servers let it, and cannot be interrupted. Once at the start, and again every few
 * seconds for what could not be resolved. (Live re-resolution is not its business yet.) */
#ifndef TIDEGATE_GATEWAY_RESOLVER_H
#define TIDEGATE_GATEWAY_RESOLVER_H

#include "gateway/snapshot.h"

struct resolver;

/* Waits so long for the first look at each name, so that who is told that the gateway is ready
 * finds its servers. What takes longer holds up nothing. */
#define RESOLVE_FIRST_MS 2000

/* The snapshot must live until resolver_stop. NULL when no server has a name, or no thread could be
 * started, which is logged. */
struct resolver *resolver_start_within(struct snapshot *snapshot, uint64_t limit_ms);
static inline struct resolver *resolver_start(struct snapshot *snapshot)
{
    return resolver_start_within(snapshot, RESOLVE_FIRST_MS);
}
/* Never waits for a lookup: one that is under way is left behind, with the snapshot, for the
 * process to end soon. NULL is allowed. */
void resolver_stop(struct resolver *resolver);

#endif

/* Discovery: which servers backends have, where that is not known from the configuration alone. One
 * for the process, with a thread of its own (a loop, nothing in it blocks), which begins with the
 * first backend that needs it. What it finds it publishes (upstream/backend.h) and then tells. */
#ifndef TIDEGATE_DISCOVERY_DISCOVERY_H
#define TIDEGATE_DISCOVERY_DISCOVERY_H

#include "discovery/discovery_told.h"
#include "settings/settings.h"
#include "upstream/backend.h"

struct discovery;

/* How long a start, or a reload, waits for the first answer to each name. */
#define DISCOVERY_FIRST_MS 2000

struct discovery_backend {
    const struct backend *backend;
    const struct backend_settings *settings; /* stay until others are followed */
};

/* on_change: some backend has other servers now; on the discovery's thread, and not for long. */
struct discovery *discovery_create(void (*on_change)(void *arg), void *arg);
/* Whoever might doubt a server has ended. NULL is allowed. Nothing waits for name servers. */
void discovery_destroy(struct discovery *discovery);

/* From now on follows the servers of these backends, those that need it, and of no others: a
 * configuration's. Waits so long for a first answer to every name, so that whoever is told that
 * they are there finds them; what takes longer holds up nothing. From one thread at a time. Where
 * no thread can be started, that is logged. */
void discovery_follow(struct discovery *discovery, const struct discovery_backend *backends,
                      size_t count, uint64_t limit_ms);

/* Calls `tell` for each, on the discovery's thread, while the caller waits. From any thread, but
 * not from several at a time. */
void discovery_tell(struct discovery *discovery, discovery_tell_fn *tell, void *arg);

#endif

/* A generation: one configuration as one worker has it, from the moment that the worker takes it
 * up until the last of its sessions and requests that began with it has ended. The newest is the
 * worker's present one, which new connections and new requests get.
 *
 *     worker_post_follow --message--> present --a newer one is whole--> old --last user--> ended
 *
 * Counted without locks, as all that counts is on the worker's thread; of the snapshot it has one
 * reference, which goes back to the control thread (taking a large snapshot apart takes its time).
 * While it lives the worker has its backends (upstream/upstream.h). */
#ifndef TIDEGATE_GATEWAY_GENERATION_H
#define TIDEGATE_GATEWAY_GENERATION_H

#include "base/list.h"
#include "gateway/snapshot.h"
#include "io/loop.h"

struct worker;

struct generation {
    struct list node; /* in worker->generations, the oldest first */
    struct worker *worker;
    struct snapshot *snapshot;
    uint64_t sessions;  /* that hold it */
    uint64_t exchanges; /* that hold it */
    bool is_present;
    /* Its backends, which the worker takes up, and leaves, by pieces: there may be thousands. */
    size_t taken;              /* of the snapshot's, from the first */
    struct generation *before; /* whose connections it goes on with while it does; NULL: none */
    bool is_followed;          /* by one that does */
    struct deferred taking;
    struct deferred ending;
    struct log_lines lines; /* to the snapshot's places, a moment at most */
};

/* Of its present one. */
const struct settings *worker_settings(const struct worker *worker);
/* Takes over a reference to the snapshot, and becomes the worker's present one. Where it follows
 * another one, the worker tells WORKER_FOLLOWS when it has it whole. */
void generation_begin(struct worker *worker, struct snapshot *snapshot);
/* The worker ends: nobody uses it any more. */
void generation_end_all(struct worker *worker);

static inline struct generation *generation_hold_session(struct generation *generation)
{
    generation->sessions++;
    return generation;
}

static inline struct generation *generation_hold_exchange(struct generation *generation)
{
    generation->exchanges++;
    return generation;
}

/* What the snapshot has may be used until the loop's turn ends. */
void generation_release_session(struct generation *generation);
void generation_release_exchange(struct generation *generation);

#endif

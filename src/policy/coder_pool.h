/* A worker's coders: how many there may be, by the memory that they may have; some at rest, for the
 * next response; the room that they all write to; and how hard they try, by how busy the worker is.
 * One thread only, as everything of a worker. */
#ifndef TIDEGATE_POLICY_CODER_POOL_H
#define TIDEGATE_POLICY_CODER_POOL_H

#include "core/core.h"
#include "policy/coder.h"

/* At rest, of each coding. */
#define CODER_POOL_IDLE 4
/* A worker that has used more than this many percent of a processor since it was looked at before,
 * CODER_POOL_LOOK_US ago or longer, compresses with CODER_FAST. */
#define CODER_POOL_BUSY_PERCENT 80
#define CODER_POOL_LOOK_US UINT64_C(250000)
#define CODER_POOL_ROOM ((size_t)128 * 1024)

struct coder_pool {
    struct loop *loop;
    struct list idle[CODING_COUNT];
    unsigned idle_count[CODING_COUNT];
    char *room; /* NULL until it is asked for */
    size_t room_used;
    uint64_t looked_us; /* 0: never */
    uint64_t cpu_us;    /* of the thread, then */
    bool is_busy;
    /* For the administration; the last three since the start. */
    uint64_t active; /* coders in use */
    uint64_t memory; /* that they may have, at most */
    uint64_t began;
    uint64_t refused; /* responses that went as they are, as there was no memory for them */
    uint64_t taken;   /* bytes, of all codings */
    uint64_t given;
};

void coder_pool_init(struct coder_pool *pool, struct loop *loop);
/* Every coder has come back. */
void coder_pool_destroy(struct coder_pool *pool);

/* A coder that has begun a stream of `size` bytes (UINT64_MAX: not known), at `level` or lower.
 * NULL: all coders together would have more than `memory_max` bytes, or the machine has none left.
 */
struct coder *coder_pool_take(struct coder_pool *pool, enum coding coding, enum coder_level level,
                              uint64_t size, uint64_t memory_max) MUST_CHECK;
void coder_pool_give_back(struct coder_pool *pool, struct coder *coder);

/* Room to write to, at least CODER_ROOM_MIN. What was written to it before stays until the thread's
 * outbox has been sent: this sends it where there is no more room. */
char *coder_pool_room(struct coder_pool *pool, size_t *size);
/* The first n bytes of it are in use. */
void coder_pool_use_room(struct coder_pool *pool, size_t n);

/* For tests, and where it is asked for: how the processor's time was used. Pure. */
bool coder_pool_is_busy(uint64_t cpu_us, uint64_t wall_us);

#endif

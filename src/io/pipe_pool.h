/* A thread's pipes for relays that splice (io/relay.h), which borrow one while it has bytes in it.
 * Owned by the loop. */
#ifndef TIDEGATE_IO_PIPE_POOL_H
#define TIDEGATE_IO_PIPE_POOL_H

#include <stdbool.h>

#include "base/check.h"

/* What a fast sender delivers in one turn; the kernel may grant less. */
#define PIPE_POOL_BYTES (1024 * 1024)

struct pooled_pipe {
    struct pooled_pipe *next;
    int read_fd;
    int write_fd;
};

/* All zero: empty. */
struct pipe_pool {
    struct pooled_pipe *free;
    unsigned count;
};

/* NULL: there are no descriptors left. */
struct pooled_pipe *pipe_take(struct pipe_pool *pool) MUST_CHECK;
void pipe_give_back(struct pipe_pool *pool, struct pooled_pipe *pipe, bool is_empty);
/* All must have been given back. */
void pipe_pool_free(struct pipe_pool *pool);

#endif

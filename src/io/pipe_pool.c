#include "io/pipe_pool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define POOL_MAX 16

static void destroy(struct pooled_pipe *pipe)
{
    close(pipe->read_fd);
    close(pipe->write_fd);
    free(pipe);
}

struct pooled_pipe *pipe_take(struct pipe_pool *pool)
{
    struct pooled_pipe *pipe = pool->free;
    int fds[2];

    if (pipe != NULL) {
        pool->free = pipe->next;
        pool->count--;
        return pipe;
    }
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) {
        return NULL; /* out of descriptors: the copying way still works */
    }
    (void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_POOL_BYTES);
    pipe = xmalloc(sizeof(*pipe));
    *pipe = (struct pooled_pipe){NULL, fds[0], fds[1]};
    return pipe;
}

void pipe_give_back(struct pipe_pool *pool, struct pooled_pipe *pipe, bool is_empty)
{
    if (!is_empty || pool->count >= POOL_MAX) {
        destroy(pipe); /* one with bytes in it must never serve another connection */
        return;
    }
    pipe->next = pool->free;
    pool->free = pipe;
    pool->count++;
}

void pipe_pool_free(struct pipe_pool *pool)
{
    while (pool->free != NULL) {
        struct pooled_pipe *next = pool->free->next;
        destroy(pool->free);
        pool->free = next;
    }
}

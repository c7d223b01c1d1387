/* What io/ shares about the loop's inside: not for other folders. */
#ifndef TIDEGATE_IO_LOOP_INTERNAL_H
#define TIDEGATE_IO_LOOP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "io/conn_memory.h"
#include "io/loop.h"
#include "io/pipe_pool.h"

#define LOOP_BATCH 256

struct loop {
    int epoll_fd;
    atomic_bool is_stopping;
    uint64_t now_us;

    struct epoll_event batch[LOOP_BATCH];
    int batch_at;
    int batch_count;

    struct timer **heap; /* [1] is the earliest; [0] is unused */
    uint32_t heap_count;
    uint32_t heap_capacity;

    struct list deferred;
    struct list coalescing; /* deferred calls whose time comes at coalesce_until_us */
    uint64_t coalesce_until_us;
    int bulk_hits;       /* events of this turn that were for bulk relays */
    bool has_other_work; /* the last turn had others */

    struct watch wake;
    pthread_mutex_t mutex;
    struct loop_message *messages; /* newest first */

    struct conn_memory memory;
    struct pipe_pool pipes;
};

#endif

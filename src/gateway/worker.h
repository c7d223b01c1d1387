/* A worker: one thread with a loop of its own, that accepts connections, takes up configurations,
 * and ends with its last session. */
#ifndef TIDEGATE_GATEWAY_WORKER_H
#define TIDEGATE_GATEWAY_WORKER_H

#include "gateway/worker_base.h"

/* What a worker is to go on with: posted to each, the caller's until it has said WORKER_FOLLOWS. */
struct worker_change {
    struct loop_message message;
    struct worker *worker;
    struct snapshot *snapshot; /* a reference, which is the worker's then */
    const int *listen_fds;     /* in the order of the snapshot's settings */
    size_t listen_count;
    bool is_taken; /* by the worker, which may end before */
};

/* Takes a reference to the snapshot of its own. NULL with errno when the machine has no descriptors
 * for it. */
struct worker *worker_create(struct snapshot *snapshot, unsigned index, const int *listen_fds,
                             size_t listen_count) MUST_CHECK;
/* Runs on the worker's own thread until it is drained or stopped. */
void worker_run(struct worker *worker);
/* From the control thread. A drain takes the connections that wait in the sockets' queues first:
 * who has connected before the end was told is served, not reset. */
void worker_post_drain(struct worker *worker);
/* The same where another process goes on with the sockets (core/core.h: is_handing_over). */
void worker_post_leave(struct worker *worker);
void worker_post_stop(struct worker *worker);
/* Between two turns of its loop the worker takes up another configuration: what begins from then on
 * has it, what runs goes on with the one it began with. Sockets that are in both lists stay as they
 * are; of one that is not there any more what waits is accepted first. */
void worker_post_follow(struct worker_change *change);
/* The process's memory has changed its level (gateway/memory_watch.h), or is still short: idle
 * clients go, or bodies that waited go on. From the control thread. */
void worker_post_memory(struct worker *worker);
/* The servers of backends have changed: the worker goes over to those that there are now. From any
 * thread, until worker_run has returned. */
void worker_post_servers(struct worker *worker);
/* After worker_run has returned. Nothing is left in it then. */
void worker_destroy(struct worker *worker);

#endif

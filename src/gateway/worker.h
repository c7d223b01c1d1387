/* A worker: one thread with a loop of its own, its sessions, its upstream pools and its log buffer.
 * Workers share nothing but the snapshot (read only), the listening sockets and the log writer. */
#ifndef TIDEGATE_GATEWAY_WORKER_H
#define TIDEGATE_GATEWAY_WORKER_H

#include <pthread.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "client/client.h"
#include "core/core.h"
#include "gateway/snapshot.h"
#include "io/sock.h"
#include "observe/access_record.h"

struct worker;

/* A listening socket as one worker watches it. */
struct worker_socket {
    struct watch watch;
    struct worker *worker;
    const struct listener *listener;
    int fd;
    uint16_t port; /* 0 on a Unix socket */
    char text[SOCK_TEXT_MAX];
};

struct worker {
    struct core core;
    struct snapshot *snapshot; /* a reference of its own */
    pthread_t thread;
    struct worker_socket *sockets;
    size_t socket_count;
    bool is_accepting;
    struct log_limiter accept_limiter;
    struct timer accept_pause; /* out of descriptors, or at the limit of connections */
    struct list sessions;
    uint64_t session_count;
    uint64_t exchange_count;
    struct client client;      /* towards servers */
    struct list idle_sessions; /* between requests; the longest so first */
    size_t evicted_count;      /* of the sessions, those that are making room */
    struct list free_exchanges;
    unsigned free_exchange_count;
    struct strbuf log;
    struct access_clock log_clock;
    struct timer log_timer;
    int quiet_fd; /* a byte goes there once a drain has taken what waited to be accepted; -1 */
    struct timer drain_timer;
    struct loop_message drain_message;
    struct loop_message stop_message;
};

#define WORKER_IS_QUIET 'q' /* what is written to quiet_fd */

/* NULL with errno when the machine has no descriptors for it. */
struct worker *worker_create(struct snapshot *snapshot, unsigned index, const int *listen_fds,
                             size_t listen_count) MUST_CHECK;
/* Runs on the worker's own thread until it is drained or stopped. */
void worker_run(struct worker *worker);
/* From the control thread. A drain takes the connections that wait in the sockets' queues first:
 * who has connected before the end was told is served, not reset. */
void worker_post_drain(struct worker *worker);
void worker_post_stop(struct worker *worker);
/* After worker_run has returned. Nothing is left in it then. */
void worker_destroy(struct worker *worker);

static inline struct worker *worker_of(struct core *core)
{
    return CONTAINER_OF(core, struct worker, core);
}

/* A session has gone: accept again, or finish the drain. */
void worker_session_ended(struct worker *worker);
/* Where an access log line is written to; then worker_log_done. NULL: the log is off. */
struct strbuf *worker_log(struct worker *worker);
void worker_log_done(struct worker *worker);

#endif

/* A worker: one thread with a loop of its own, its sessions, its upstream pools and its log buffer.
 * Workers share nothing but the snapshot (read only), the listening sockets and the log writer. */
#ifndef TIDEGATE_GATEWAY_WORKER_H
#define TIDEGATE_GATEWAY_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "client/client.h"
#include "core/core.h"
#include "gateway/snapshot.h"
#include "io/sock.h"
#include "observe/access_record.h"

struct generation;
struct worker;

/* A listening socket as one worker watches it. It stays for the connections that came by it, and is
 * forgotten with the last one. */
struct worker_socket {
    struct watch watch;
    struct worker *worker;
    const struct listener *listener; /* of the worker's present generation; NULL: it has none */
    uint64_t sessions;
    int fd;        /* -1: the worker listens there no more */
    uint16_t port; /* 0 on a Unix socket */
    char text[SOCK_TEXT_MAX];
};

/* What a worker is to go on with: posted to each, the caller's until it has said WORKER_FOLLOWS. */
struct worker_change {
    struct loop_message message;
    struct worker *worker;
    struct snapshot *snapshot; /* a reference, which is the worker's then */
    const int *listen_fds;     /* in the order of the snapshot's settings */
    size_t listen_count;
    bool is_taken; /* by the worker, which may end before */
};

/* What a worker tells the control thread, through a pipe. */
enum worker_news {
    WORKER_HAS_ENDED,
    WORKER_IS_QUIET,  /* a drain has taken what waited to be accepted */
    WORKER_FOLLOWS,   /* it has taken up the change */
    WORKER_GIVES_BACK /* a reference to the snapshot */
};

struct worker_note {
    enum worker_news news;
    struct snapshot *snapshot; /* NULL but where it is given back */
};

struct worker {
    struct core core;
    struct generation *generation; /* the present one */
    struct list generations;       /* all that are in use, the oldest first */
    pthread_t thread;
    struct worker_socket **sockets;
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
    int notes_fd;       /* where a struct worker_note is written to; -1: nowhere */
    uint64_t walk_left; /* sessions that are still to be looked at since the last change */
    struct deferred walking;
    struct timer drain_timer;
    struct loop_message servers_message;
    atomic_bool is_servers_posted;
    struct loop_message drain_message;
    struct loop_message stop_message;
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
void worker_post_stop(struct worker *worker);
/* Between two turns of its loop the worker takes up another configuration: what begins from then on
 * has it, what runs goes on with the one it began with. Sockets that are in both lists stay as they
 * are; of one that is not there any more what waits is accepted first. */
void worker_post_follow(struct worker_change *change);
/* The servers of backends have changed: the worker goes over to those that there are now. From any
 * thread, until worker_run has returned. */
void worker_post_servers(struct worker *worker);
/* After worker_run has returned. Nothing is left in it then. */
void worker_destroy(struct worker *worker);

static inline struct worker *worker_of(struct core *core)
{
    return CONTAINER_OF(core, struct worker, core);
}

const struct settings *worker_settings(const struct worker *worker);
/* Nothing of this worker uses it any more. */
void worker_give_back(struct worker *worker, struct snapshot *snapshot);
void worker_socket_release(struct worker_socket *socket);
/* A session has gone: accept again, or finish the drain. */
void worker_session_ended(struct worker *worker);
/* Where an access log line is written to; then worker_log_done. NULL: the log is off. */
struct strbuf *worker_log(struct worker *worker);
void worker_log_done(struct worker *worker);

#endif

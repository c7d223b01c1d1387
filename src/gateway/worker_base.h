/* A worker's thread as everything on it knows it: its configuration, its client, its sessions and
 * exchanges by their lists, its sockets, and what it tells the control thread. How it accepts and
 * ends is gateway/worker.h's, which stands on top.
 *
 * Workers share nothing but the snapshot (read only), the listening sockets and the log writer. */
#ifndef TIDEGATE_GATEWAY_WORKER_BASE_H
#define TIDEGATE_GATEWAY_WORKER_BASE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "client/client.h"
#include "core/core.h"
#include "gateway/down_watch.h"
#include "gateway/snapshot.h"
#include "io/sock.h"
#include "observe/access_record.h"
#include "policy/coder_pool.h"

struct generation;
struct key_client;
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
    struct log_limiter refuse_limiter;
    struct timer accept_pause; /* out of descriptors, or at the limit of connections */
    struct list sessions;
    uint64_t session_count;
    uint64_t exchange_count;
    struct client client;      /* towards servers */
    struct coder_pool coders;  /* of `compress` */
    struct list idle_sessions; /* between requests; the longest so first */
    size_t evicted_count;      /* of the sessions, those that are making room */
    struct list exchanges;     /* all that are open */
    struct list free_exchanges;
    struct list refreshes; /* gateway/cache_refresh.h */
    struct list mirrors;   /* gateway/mirror.h */
    struct down_watch downs;
    unsigned free_exchange_count;
    struct access_clock log_clock;
    struct timer log_timer; /* for the lines that wait in its generations */
    int notes_fd;           /* where a struct worker_note is written to; -1: nowhere */
    uint64_t walk_left;     /* sessions that are still to be looked at since the last change */
    struct deferred walking;
    /* The longest piece of taking up, or leaving, a configuration: the thread's CPU time. */
    uint64_t longest_follow_us;
    /* A session has gone: accept again, or finish the drain. */
    void (*session_ended)(struct worker *worker);
    struct key_client *keys; /* who signs for it; NULL: it has its keys itself */
    struct timer drain_timer;
    struct loop_message servers_message;
    atomic_bool is_servers_posted;
    struct loop_message memory_message;
    atomic_bool is_memory_posted;
    struct loop_message drain_message;
    struct loop_message leave_message;
    struct loop_message stop_message;
};

static inline struct worker *worker_of(struct core *core)
{
    return CONTAINER_OF(core, struct worker, core);
}

/* To the control thread, which need not listen. snapshot: NULL but with WORKER_GIVES_BACK. */
void worker_tell(const struct worker *worker, enum worker_news news, struct snapshot *snapshot);
/* Nothing of this worker uses it any more. */
void worker_give_back(struct worker *worker, struct snapshot *snapshot);
/* At the end of such a piece, which began at `since_us` by clock_thread_used_us. */
void worker_note_follow(struct worker *worker, uint64_t since_us);
void worker_socket_release(struct worker_socket *socket);

#endif

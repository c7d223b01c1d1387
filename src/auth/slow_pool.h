/* Work that would hold a worker up, done on threads of its own and below the workers' priority, so
 * that whoever causes much of it takes nothing from other requests: a pool for each kind.
 *
 * What waits is bounded, as a whole and for each address (an IPv6 client is its /64), and whoever
 * is over it is turned away at once. The threads are started by the first piece of work and end
 * with the process. */
#ifndef TIDEGATE_AUTH_SLOW_POOL_H
#define TIDEGATE_AUTH_SLOW_POOL_H

#include <pthread.h>
#include <stdint.h>

#include "policy/phase.h"

#define SLOW_POOL_THREADS_MAX 4

struct slow_pool;
struct slow_waiting;

struct slow_thread {
    struct slow_pool *pool;
    uint64_t in_hand; /* whose work it does; 0: none's */
};

/* Static, as SLOW_POOL has it. */
struct slow_pool {
    const char *name;    /* of its threads, at most 15 bytes */
    const char *without; /* what comes of having none */
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct slow_waiting *first;
    struct slow_waiting **end;
    unsigned count;
    struct slow_thread threads[SLOW_POOL_THREADS_MAX];
    unsigned thread_count;
    bool has_begun;
};

#define SLOW_POOL(pool, what, no_threads)                                                          \
    {                                                                                              \
        .name = (what), .without = (no_threads), .lock = PTHREAD_MUTEX_INITIALIZER,                \
        .some = PTHREAD_COND_INITIALIZER, .end = &(pool).first                                     \
    }

struct slow_work {
    void (*run)(void *arg);  /* on a thread of the pool */
    void (*free)(void *arg); /* at last, by whichever thread */
    void *arg;
    uint64_t client;         /* a number of its address */
    unsigned most;           /* that may wait, this one included; */
    unsigned most_of_client; /* with what is in hand */
};

enum slow_ask { SLOW_ASKED, SLOW_TOO_MANY, SLOW_TOO_MANY_OF_CLIENT };

/* On SLOW_ASKED, and only then, the pool has `arg`, and a ticket is returned with `act` and it. */
enum slow_ask slow_pool_ask(struct slow_pool *pool, const struct slow_work *work,
                            struct phases *phases,
                            enum phase_verdict (*act)(struct phases *phases, void *arg)) MUST_CHECK;

#endif

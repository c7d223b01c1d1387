/* A thread of its own for fetches that are due from time to time, so that no worker waits for
 * whoever is asked. It has a loop and a client; what is due, its owner knows, who is asked at the
 * beginning, when another thread pokes, and when the time has come that he set. There is no thread
 * until the first poke. */
#ifndef TIDEGATE_CLIENT_FETCH_THREAD_H
#define TIDEGATE_CLIENT_FETCH_THREAD_H

#include <pthread.h>

#include "base/check.h"
#include "client/client.h"
#include "core/core.h"

struct fetch_thread_terms {
    const char *name;    /* of the thread */
    const char *fetched; /* for messages: "OCSP responses" */
    uint64_t send_ms;    /* the client's; each fetch has an end of its own */
    /* Both on the thread. look: starts what is due, and says when to look again. end: cancels what
     * is under way. */
    void (*look)(void *owner);
    void (*end)(void *owner);
    void *owner;
};

struct fetch_thread {
    const struct fetch_thread_terms *terms;
    pthread_mutex_t lock; /* of these */
    pthread_t thread;
    bool has_thread;
    bool is_poked;
    struct loop_message poke;

    /* The thread's own from its start to its end. */
    struct core core;
    struct client client;
    struct timer timer; /* until look is due */
};

/* terms: kept by reference. */
void fetch_thread_init(struct fetch_thread *thread, const struct fetch_thread_terms *terms);
/* Something new is due: from any thread. False: there is no thread, and none can be started. */
bool fetch_thread_poke(struct fetch_thread *thread);
/* On the thread: look again after so long, at the latest. */
void fetch_thread_look_in(struct fetch_thread *thread, uint64_t wait_ms);
/* Nobody pokes any more. Cuts off what is under way, and waits for the thread. */
void fetch_thread_free(struct fetch_thread *thread);

#endif

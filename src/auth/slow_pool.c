#include "auth/slow_pool.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"

/* How much less the processor is theirs than a worker's. */
#define NICENESS 10

struct slow_waiting {
    struct slow_work work;
    struct phase_ticket *ticket;
    enum phase_verdict (*act)(struct phases *phases, void *arg);
    struct slow_waiting *next;
};

static struct slow_waiting *take(struct slow_thread *thread)
{
    struct slow_pool *pool = thread->pool;
    struct slow_waiting *waiting;

    (void)pthread_mutex_lock(&pool->lock);
    while (pool->first == NULL) {
        (void)pthread_cond_wait(&pool->some, &pool->lock);
    }
    waiting = pool->first;
    pool->first = waiting->next;
    if (pool->first == NULL) {
        pool->end = &pool->first;
    }
    pool->count--;
    thread->in_hand = waiting->work.client;
    (void)pthread_mutex_unlock(&pool->lock);
    return waiting;
}

/* Before anybody hears of it: whoever asks again then has nothing in hand. */
static void lay_down(struct slow_thread *thread)
{
    (void)pthread_mutex_lock(&thread->pool->lock);
    thread->in_hand = 0;
    (void)pthread_mutex_unlock(&thread->pool->lock);
}

static void *work_on(void *arg)
{
    struct slow_thread *thread = arg;

    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    for (;;) {
        struct slow_waiting *waiting = take(thread);
        waiting->work.run(waiting->work.arg);
        lay_down(thread);
        phase_ticket_return(waiting->ticket, waiting->act, waiting->work.free, waiting->work.arg);
        free(waiting);
    }
    return NULL;
}

static void start_threads(struct slow_pool *pool)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = processors > 2 * SLOW_POOL_THREADS_MAX ? SLOW_POOL_THREADS_MAX
                      : processors > 2                       ? (unsigned)processors / 2
                                                             : 1;

    pool->has_begun = true;
    for (unsigned i = 0; i < wanted; i++) {
        struct slow_thread *thread = &pool->threads[pool->thread_count];
        pthread_t id;
        thread->pool = pool;
        if (thread_start(&id, pool->name, work_on, thread) == 0) {
            (void)pthread_detach(id);
            pool->thread_count++;
        }
    }
    if (pool->thread_count == 0) {
        log_warn("no thread could be started for %s: %s", pool->name, pool->without);
        pool->has_begun = false;
    }
}

static unsigned of_client(const struct slow_pool *pool, uint64_t client)
{
    unsigned count = 0;

    for (const struct slow_waiting *w = pool->first; w != NULL; w = w->next) {
        count += w->work.client == client;
    }
    for (unsigned i = 0; i < pool->thread_count; i++) {
        count += pool->threads[i].in_hand == client;
    }
    return count;
}

enum slow_ask slow_pool_ask(struct slow_pool *pool, const struct slow_work *work,
                            struct phases *phases,
                            enum phase_verdict (*act)(struct phases *phases, void *arg))
{
    enum slow_ask result = SLOW_ASKED;
    struct slow_waiting *waiting;

    (void)pthread_mutex_lock(&pool->lock);
    if (!pool->has_begun) {
        start_threads(pool);
    }
    if (pool->thread_count == 0 || pool->count >= work->most) {
        result = SLOW_TOO_MANY;
    } else if (of_client(pool, work->client) >= work->most_of_client) {
        result = SLOW_TOO_MANY_OF_CLIENT;
    } else {
        waiting = xcalloc(1, sizeof(*waiting));
        waiting->work = *work;
        waiting->ticket = phases_take_ticket(phases);
        waiting->act = act;
        *pool->end = waiting;
        pool->end = &waiting->next;
        pool->count++;
        (void)pthread_cond_signal(&pool->some);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return result;
}

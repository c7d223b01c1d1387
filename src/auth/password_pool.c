#include "auth/password_pool.h"

#include <crypt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"

/* How much less the processor is theirs than a worker's. */
#define NICENESS 10
#define THREADS_MAX 4

struct waiting {
    struct password_job job;
    struct phase_ticket *ticket;
    enum phase_verdict (*act)(struct phases *phases, void *arg);
    struct waiting *next;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct waiting *first;
    struct waiting **end;
    unsigned count;
    uint64_t in_hand[THREADS_MAX]; /* whose password each checks; 0: none's */
    unsigned threads;
    bool has_begun;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER, .end = &pool.first};

static bool is_right(const char *password, const char *hash)
{
    struct crypt_data *data = xcalloc(1, sizeof(*data));
    const char *made = crypt_r(password, hash, data);
    size_t len = strlen(hash);
    unsigned differs = 1;

    if (made != NULL && strlen(made) == len) {
        differs = 0;
        for (size_t i = 0; i < len; i++) {
            differs |= (unsigned char)made[i] ^ (unsigned char)hash[i];
        }
    }
    explicit_bzero(data, sizeof(*data));
    free(data);
    return differs == 0;
}

/* What is wrong takes as long whoever it is for: a hash of each of the other kinds is computed. */
static void check(struct password_job *job)
{
    const struct password_hashes *hashes = &job->hashes;

    job->is_right = is_right(job->password, hashes->items[0]) && !hashes->is_of_nobody;
    for (size_t i = 1; i < hashes->count && !job->is_right; i++) {
        (void)is_right(job->password, hashes->items[i]);
    }
}

static struct waiting *take(unsigned thread)
{
    struct waiting *waiting;

    (void)pthread_mutex_lock(&pool.lock);
    pool.in_hand[thread] = 0;
    while (pool.first == NULL) {
        (void)pthread_cond_wait(&pool.some, &pool.lock);
    }
    waiting = pool.first;
    pool.first = waiting->next;
    if (pool.first == NULL) {
        pool.end = &pool.first;
    }
    pool.count--;
    pool.in_hand[thread] = waiting->job.client;
    (void)pthread_mutex_unlock(&pool.lock);
    return waiting;
}

static void *check_all(void *arg)
{
    unsigned thread = (unsigned)(uintptr_t)arg;

    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    for (;;) {
        struct waiting *waiting = take(thread);
        check(&waiting->job);
        explicit_bzero(waiting->job.password, sizeof(waiting->job.password));
        phase_ticket_return(waiting->ticket, waiting->act, free, waiting);
    }
    return NULL;
}

static void start_threads(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = processors > 2 * THREADS_MAX ? THREADS_MAX
                      : processors > 2             ? (unsigned)processors / 2
                                                   : 1;

    pool.has_begun = true;
    for (unsigned i = 0; i < wanted; i++) {
        pthread_t thread;
        if (thread_start(&thread, "passwords", check_all, (void *)(uintptr_t)i) == 0) {
            (void)pthread_detach(thread);
            pool.threads++;
        }
    }
    if (pool.threads == 0) {
        log_warn("no thread could be started that checks passwords: each login is turned away");
        pool.has_begun = false;
    }
}

static unsigned of_client(uint64_t client)
{
    unsigned count = 0;

    for (const struct waiting *w = pool.first; w != NULL; w = w->next) {
        count += w->job.client == client;
    }
    for (unsigned i = 0; i < pool.threads; i++) {
        count += pool.in_hand[i] == client;
    }
    return count;
}

enum password_ask password_pool_ask(const struct password_job *job, struct phases *phases,
                                    enum phase_verdict (*act)(struct phases *phases, void *arg))
{
    enum password_ask result = PASSWORD_ASKED;
    struct waiting *waiting;

    (void)pthread_mutex_lock(&pool.lock);
    if (!pool.has_begun) {
        start_threads();
    }
    if (pool.threads == 0 || pool.count >= job->most) {
        result = PASSWORD_TOO_MANY;
    } else if (of_client(job->client) >= job->most_of_client) {
        result = PASSWORD_TOO_MANY_OF_CLIENT;
    } else {
        waiting = xcalloc(1, sizeof(*waiting));
        waiting->job = *job;
        waiting->ticket = phases_take_ticket(phases);
        waiting->act = act;
        *pool.end = waiting;
        pool.end = &waiting->next;
        pool.count++;
        (void)pthread_cond_signal(&pool.some);
    }
    (void)pthread_mutex_unlock(&pool.lock);
    return result;
}

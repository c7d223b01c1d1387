#include "base/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/signal_stack.h"

/* What glibc gives where there is no limit; enough for a resolver's plugins and for sanitizers. */
#define STACK_BYTES ((size_t)2 << 20)

/* A new thread has its creator's mask: so it is never open to a signal, not even at first. */
static void block_signals(sigset_t *before)
{
    static const int errors[] = THREAD_ERROR_SIGNALS;
    sigset_t blocked;

    (void)sigfillset(&blocked);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        (void)sigdelset(&blocked, errors[i]);
    }
    CHECK(pthread_sigmask(SIG_SETMASK, &blocked, before) == 0);
}

struct beginning {
    void *(*run)(void *arg);
    void *arg;
    char name[16];
};

/* It names itself: to name another one takes a file, and there may be none to open (sandbox/). */
static void *begin(void *arg)
{
    struct beginning beginning = *(struct beginning *)arg;
    void *result;

    free(arg);
    (void)pthread_setname_np(pthread_self(), beginning.name);
    signal_stack_begin();
    result = beginning.run(beginning.arg);
    signal_stack_end();
    return result;
}

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *arg), void *arg)
{
    struct beginning *beginning = xcalloc(1, sizeof(*beginning));
    pthread_attr_t attributes;
    sigset_t before;
    int number;

    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
    beginning->run = run;
    beginning->arg = arg;
    (void)strncpy(beginning->name, name, sizeof(beginning->name) - 1);
    block_signals(&before);
    number = pthread_create(thread, &attributes, begin, beginning);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    (void)pthread_attr_destroy(&attributes);
    if (number != 0) {
        free(beginning);
    }
    return number;
}

void thread_join(pthread_t thread)
{
    CHECK(pthread_join(thread, NULL) == 0);
}

/* The clock of the wait is a real one, whichever the others are: threads do not end by a test's. */
static struct timespec system_time_after(clockid_t id, uint64_t wait_us)
{
    struct timespec at;

    CHECK(clock_gettime(id, &at) == 0);
    at.tv_sec += (time_t)(wait_us / 1000000);
    at.tv_nsec += (long)(wait_us % 1000000 * 1000);
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

bool thread_join_within(pthread_t thread, unsigned limit_ms)
{
    struct timespec until = system_time_after(CLOCK_REALTIME, (uint64_t)limit_ms * 1000);

    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

void condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(condition, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
}

bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t at_us)
{
    uint64_t now = clock_us();
    struct timespec until;

    if (now >= at_us) {
        return false;
    }
    until = system_time_after(CLOCK_MONOTONIC, clock_wait_us(at_us - now));
    return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT || clock_us() < at_us;
}

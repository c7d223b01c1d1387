/* Threads, and conditions that are waited for until a moment of the monotonic clock.
 *
 * A thread begins with a name (of at most 15 characters: ps and debuggers show it), a stack of a
 * size that the caller's limits do not decide, another one for handlers of signals, and all signals
 * blocked: they are for the thread
 * that waits for them, and SIGPIPE becomes EPIPE. Only signals by which the kernel tells of an
 * error of ours are let through, so that a handler can tell what the thread was at. */
#ifndef TIDEGATE_BASE_THREAD_H
#define TIDEGATE_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

/* The kernel ends a process that gets one of these while it is blocked, without asking a handler.
 */
#define THREAD_ERROR_SIGNALS                                                                       \
    {                                                                                              \
        SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS                                           \
    }

/* 0, or the errno of what failed. The thread is the caller's to join or to detach. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *arg),
                 void *arg) MUST_CHECK;
void thread_join(pthread_t thread);
/* False: it has not ended in that time, and is still the caller's. */
bool thread_join_within(pthread_t thread, unsigned limit_ms) MUST_CHECK;

void condition_init(pthread_cond_t *condition);
/* With the lock held; false: at_us (clock_us) has come first. May return true for nothing. */
bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t at_us);

#endif

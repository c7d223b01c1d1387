/* The event loop: one per thread, edge-triggered epoll, timers, deferred calls, and messages from
 * other threads.
 *
 * Everything but loop_post and loop_stop belongs to the loop's own thread. Callbacks may destroy
 * any object, their own included (as their last act): a watch that is removed is never called
 * again, even for an event that was already fetched.
 *
 * The loop also owns what a thread's connections share: the buffers of io/conn_memory.h and the
 * pipes of io/pipe_pool.h. */
#ifndef TIDEGATE_IO_LOOP_H
#define TIDEGATE_IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/check.h"
#include "base/list.h"

struct loop;

/* A file descriptor that the loop watches; embedded in its owner. */
struct watch {
    int fd; /* -1: not watched */
    void (*on_events)(struct watch *watch, uint32_t epoll_events);
};

/* A timer; embedded in its owner. Setting one again to a later time costs nothing, since the loop
 * looks at the deadline only when the earlier one has passed. */
struct timer {
    uint64_t deadline_us; /* 0: not set */
    uint64_t heap_us;     /* the key it has in the heap */
    uint32_t heap_index;  /* 0: not in the heap */
    void (*on_expiry)(struct timer *timer);
};

/* A call made once, at the end of the present turn of the loop. */
struct deferred {
    struct list node;
    void (*fn)(struct deferred *deferred);
};

/* A call that another thread asks for; freed by the callee, if at all. */
struct loop_message {
    struct loop_message *next;
    void (*fn)(struct loop_message *message);
};

struct loop *loop_create(void) MUST_CHECK;
/* No watch, timer or deferred call may be left. */
void loop_destroy(struct loop *loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
/* One turn that waits for nothing, for whoever has a loop of its own around it (tests). False:
 * there was nothing to do. */
bool loop_turn(struct loop *loop);
/* When there is something to do without an event: 0: now; UINT64_MAX: never. It may prove to be
 * nothing, as timers that were set again to later times are moved only then. */
uint64_t loop_next_us(const struct loop *loop);
/* From any thread, and from a signal handler. */
void loop_stop(struct loop *loop);
/* From any thread; the message is called by the loop's thread, in the order posted. */
void loop_post(struct loop *loop, struct loop_message *message);

/* The time this turn began, by clock_us; what must be measured inside a turn asks that anew. */
uint64_t loop_now_us(const struct loop *loop);

void watch_init(struct watch *watch, void (*on_events)(struct watch *, uint32_t));
/* events: EPOLLIN and the like; EPOLLET is the caller's choice. False with errno when the kernel
 * has no room for another watch. The fd stays the caller's. */
bool watch_add(struct loop *loop, struct watch *watch, int fd, uint32_t events) MUST_CHECK;
void watch_modify(struct loop *loop, struct watch *watch, uint32_t events);
/* Does not close the fd; may be called twice. */
void watch_remove(struct loop *loop, struct watch *watch);
/* The same for an fd that is closed next and that no other descriptor shares: the kernel then takes
 * it out of the epoll set by itself, which saves a system call. */
void watch_forget(struct loop *loop, struct watch *watch);

/* Whether an event of the watch was fetched and waits for its turn: something has happened there
 * that its owner has not been told of. Asks no kernel. *is_sure: false where more events may be
 * ready than one fetch brings. */
bool watch_is_due(const struct loop *loop, const struct watch *watch, bool *is_sure);

void timer_init(struct timer *timer, void (*on_expiry)(struct timer *));
void timer_set(struct loop *loop, struct timer *timer, uint64_t delay_us);
void timer_clear(struct timer *timer);
/* Out of the heap too: before the memory goes. May be called twice. */
void timer_destroy(struct loop *loop, struct timer *timer);

static inline void timer_set_ms(struct loop *loop, struct timer *timer, uint64_t delay_ms)
{
    timer_set(loop, timer, delay_ms * 1000);
}

void deferred_init(struct deferred *deferred, void (*fn)(struct deferred *));
/* Once, however often it is asked for in a turn. */
void loop_defer(struct loop *loop, struct deferred *deferred);
/* The same, but not before LOOP_COALESCE_US from now: for bulk flows, which cost less when their
 * bytes pile up a little. All that rest share one deadline. */
#define LOOP_COALESCE_US 200
void loop_coalesce(struct loop *loop, struct deferred *deferred);
void deferred_cancel(struct deferred *deferred);
/* After loop_run has returned: makes the calls that are still waiting, and those they ask for. */
void loop_run_deferred(struct loop *loop);

#endif

#include "io/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop_internal.h"

#define HEAP_ARITY 4

uint64_t loop_now_us(const struct loop *loop)
{
    return loop->now_us;
}

/* ---- timers: a 4-ary heap by heap_us, whose entries may be earlier than the timer's deadline ----
 */

static void heap_place(struct loop *loop, uint32_t index, struct timer *timer)
{
    loop->heap[index] = timer;
    timer->heap_index = index;
}

static uint32_t heap_parent(uint32_t index)
{
    return (index - 2) / HEAP_ARITY + 1;
}

static uint32_t heap_first_child(uint32_t index)
{
    return (index - 1) * HEAP_ARITY + 2;
}

static void heap_up(struct loop *loop, uint32_t index, struct timer *timer)
{
    while (index > 1 && loop->heap[heap_parent(index)]->heap_us > timer->heap_us) {
        heap_place(loop, index, loop->heap[heap_parent(index)]);
        index = heap_parent(index);
    }
    heap_place(loop, index, timer);
}

static void heap_down(struct loop *loop, uint32_t index, struct timer *timer)
{
    for (;;) {
        uint32_t child = heap_first_child(index);
        uint32_t least = 0;
        for (uint32_t i = child; i < child + HEAP_ARITY && i <= loop->heap_count; i++) {
            if (least == 0 || loop->heap[i]->heap_us < loop->heap[least]->heap_us) {
                least = i;
            }
        }
        if (least == 0 || loop->heap[least]->heap_us >= timer->heap_us) {
            break;
        }
        heap_place(loop, index, loop->heap[least]);
        index = least;
    }
    heap_place(loop, index, timer);
}

static void heap_add(struct loop *loop, struct timer *timer)
{
    if (loop->heap_count + 1 >= loop->heap_capacity) {
        loop->heap_capacity = loop->heap_capacity != 0 ? loop->heap_capacity * 2 : 64;
        loop->heap = xrealloc(loop->heap, loop->heap_capacity * sizeof(*loop->heap));
    }
    timer->heap_us = timer->deadline_us;
    heap_up(loop, ++loop->heap_count, timer);
}

static void heap_remove(struct loop *loop, struct timer *timer)
{
    uint32_t index = timer->heap_index;
    struct timer *last = loop->heap[loop->heap_count--];

    timer->heap_index = 0;
    if (last == timer) {
        return;
    }
    if (index > 1 && loop->heap[heap_parent(index)]->heap_us > last->heap_us) {
        heap_up(loop, index, last);
    } else {
        heap_down(loop, index, last);
    }
}

void timer_init(struct timer *timer, void (*on_expiry)(struct timer *))
{
    *timer = (struct timer){.on_expiry = on_expiry};
}

void timer_set(struct loop *loop, struct timer *timer, uint64_t delay_us)
{
    timer->deadline_us = loop->now_us + delay_us;
    if (timer->heap_index == 0) {
        heap_add(loop, timer);
    } else if (timer->deadline_us < timer->heap_us) {
        timer->heap_us = timer->deadline_us;
        heap_up(loop, timer->heap_index, timer);
    }
}

void timer_clear(struct timer *timer)
{
    timer->deadline_us = 0;
}

void timer_destroy(struct loop *loop, struct timer *timer)
{
    timer->deadline_us = 0;
    if (timer->heap_index != 0) {
        heap_remove(loop, timer);
    }
}

static void run_timers(struct loop *loop)
{
    while (loop->heap_count != 0 && loop->heap[1]->heap_us <= loop->now_us) {
        struct timer *timer = loop->heap[1];
        heap_remove(loop, timer);
        if (timer->deadline_us == 0) {
            continue;
        }
        if (timer->deadline_us > loop->now_us) {
            heap_add(loop, timer); /* it was set to a later time meanwhile */
            continue;
        }
        timer->deadline_us = 0;
        timer->on_expiry(timer);
        conn_memory_flush(&loop->memory);
    }
}

/* When the loop has to be awake by itself; UINT64_MAX: only for events. */
static uint64_t next_deadline_us(const struct loop *loop)
{
    uint64_t at = loop->heap_count != 0 ? loop->heap[1]->heap_us : UINT64_MAX;

    if (!list_is_empty(&loop->deferred)) {
        return 0;
    }
    if (!list_is_empty(&loop->coalescing) && loop->coalesce_until_us < at) {
        at = loop->coalesce_until_us;
    }
    return at;
}

/* Rounded up to whole milliseconds, so that a timer is due when the wait returns; only rests, which
 * are shorter than that, are waited for exactly. */
static int wait_for_events(struct loop *loop)
{
    uint64_t at = next_deadline_us(loop);
    uint64_t left = clock_wait_us(at > loop->now_us ? at - loop->now_us : 0);

    if (left != 0 && left < 1000 && !list_is_empty(&loop->coalescing)) {
        struct timespec wait = {.tv_nsec = (long)left * 1000};
        if (!loop->has_other_work) {
            /* Nothing but bulk flows: epoll would end the rest with each segment that arrives.
             * Others' events wait for the fraction of a millisecond that is left of it. */
            (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
            return epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, 0);
        }
        int n = epoll_pwait2(loop->epoll_fd, loop->batch, LOOP_BATCH, &wait, NULL);
        if (n >= 0 || errno == EINTR) {
            return n;
        }
        /* An older kernel, or a container's filter that does not know the call. */
    }
    uint64_t ms = (left + 999) / 1000;
    int wait = at == UINT64_MAX ? -1 : ms < 60000 ? (int)ms : 60000;
    return epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, wait);
}

/* ---- deferred calls ---- */

void deferred_init(struct deferred *deferred, void (*fn)(struct deferred *))
{
    list_init(&deferred->node);
    deferred->fn = fn;
}

void loop_defer(struct loop *loop, struct deferred *deferred)
{
    if (list_is_empty(&deferred->node)) {
        list_push_back(&loop->deferred, &deferred->node);
    }
}

void loop_coalesce(struct loop *loop, struct deferred *deferred)
{
    if (!list_is_empty(&deferred->node)) {
        return;
    }
    if (list_is_empty(&loop->coalescing)) {
        loop->coalesce_until_us = loop->now_us + LOOP_COALESCE_US;
    }
    list_push_back(&loop->coalescing, &deferred->node);
}

static void wake_coalescing(struct loop *loop)
{
    struct list *node;

    if (loop->coalesce_until_us <= loop->now_us) {
        while ((node = list_pop_front(&loop->coalescing)) != NULL) {
            list_push_back(&loop->deferred, node);
        }
    }
}

void deferred_cancel(struct deferred *deferred)
{
    list_remove(&deferred->node);
}

static void run_deferred(struct loop *loop)
{
    struct list now;
    struct list *node;

    if (list_is_empty(&loop->deferred)) {
        return;
    }
    /* What is deferred from here on waits for the next turn: nobody starves the sockets. */
    list_init(&now);
    while ((node = list_pop_front(&loop->deferred)) != NULL) {
        list_push_back(&now, node);
    }
    while ((node = list_pop_front(&now)) != NULL) {
        struct deferred *deferred = LIST_ENTRY(node, struct deferred, node);
        deferred->fn(deferred);
        conn_memory_flush(&loop->memory);
    }
}

void loop_run_deferred(struct loop *loop)
{
    loop->coalesce_until_us = 0;
    wake_coalescing(loop);
    while (!list_is_empty(&loop->deferred)) {
        run_deferred(loop);
    }
}

/* ---- watches ---- */

void watch_init(struct watch *watch, void (*on_events)(struct watch *, uint32_t))
{
    *watch = (struct watch){.fd = -1, .on_events = on_events};
}

bool watch_add(struct loop *loop, struct watch *watch, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    CHECK(watch->fd == -1 && fd >= 0);
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        return false;
    }
    watch->fd = fd;
    return true;
}

void watch_modify(struct loop *loop, struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    CHECK(watch->fd >= 0);
    CHECK(epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0);
}

void watch_remove(struct loop *loop, struct watch *watch)
{
    if (watch->fd < 0) {
        return;
    }
    CHECK(epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL) == 0);
    watch_forget(loop, watch);
}

void watch_forget(struct loop *loop, struct watch *watch)
{
    watch->fd = -1;
    for (int i = loop->batch_at; i < loop->batch_count; i++) {
        if (loop->batch[i].data.ptr == watch) {
            loop->batch[i].data.ptr = NULL; /* fetched, but not to be delivered any more */
        }
    }
}

bool watch_is_due(const struct loop *loop, const struct watch *watch, bool *is_sure)
{
    *is_sure = loop->batch_count < LOOP_BATCH;
    for (int i = loop->batch_at; i < loop->batch_count; i++) {
        if (loop->batch[i].data.ptr == watch) {
            return true;
        }
    }
    return false;
}

static void run_events(struct loop *loop)
{
    while (loop->batch_at < loop->batch_count) {
        struct epoll_event *event = &loop->batch[loop->batch_at++];
        struct watch *watch = event->data.ptr;
        if (watch != NULL) {
            watch->on_events(watch, event->events);
            conn_memory_flush(&loop->memory);
        }
    }
}

/* ---- messages ---- */

static void wake(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->wake.fd, &one, sizeof(one));

    (void)written; /* EAGAIN: the counter is full, so the loop is awake already */
}

void loop_post(struct loop *loop, struct loop_message *message)
{
    pthread_mutex_lock(&loop->mutex);
    message->next = loop->messages;
    loop->messages = message;
    pthread_mutex_unlock(&loop->mutex);
    wake(loop);
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->is_stopping, true);
    wake(loop);
}

static void on_wake(struct watch *watch, uint32_t events)
{
    struct loop *loop = CONTAINER_OF(watch, struct loop, wake);
    struct loop_message *newest;
    struct loop_message *oldest = NULL;
    uint64_t count;
    ssize_t n = read(watch->fd, &count, sizeof(count));

    (void)n;
    (void)events;
    pthread_mutex_lock(&loop->mutex);
    newest = loop->messages;
    loop->messages = NULL;
    pthread_mutex_unlock(&loop->mutex);
    while (newest != NULL) {
        struct loop_message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct loop_message *next = oldest->next;
        oldest->fn(oldest);
        conn_memory_flush(&loop->memory);
        oldest = next;
    }
}

/* ---- the loop ---- */

struct loop *loop_create(void)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (wake_fd < 0 || loop->epoll_fd < 0) {
        goto fail;
    }
    list_init(&loop->deferred);
    list_init(&loop->coalescing);
    watch_init(&loop->wake, on_wake);
    pthread_mutex_init(&loop->mutex, NULL);
    loop->now_us = clock_us();
    if (!watch_add(loop, &loop->wake, wake_fd, EPOLLIN)) {
        goto fail;
    }
    conn_memory_init(&loop->memory);
    return loop;

fail:
    if (wake_fd >= 0) {
        close(wake_fd);
    }
    if (loop->epoll_fd >= 0) {
        close(loop->epoll_fd);
    }
    free(loop);
    return NULL;
}

void loop_destroy(struct loop *loop)
{
    CHECK(loop->heap_count == 0 && list_is_empty(&loop->deferred) &&
          list_is_empty(&loop->coalescing));
    conn_memory_free(&loop->memory);
    pipe_pool_free(&loop->pipes);
    close(loop->wake.fd);
    close(loop->epoll_fd);
    pthread_mutex_destroy(&loop->mutex);
    free(loop->heap);
    free(loop);
}

/* With what epoll has said. */
static void turn(struct loop *loop, int n)
{
    CHECK(n >= 0 || errno == EINTR);
    loop->now_us = clock_us();
    loop->batch_at = 0;
    loop->batch_count = n > 0 ? n : 0;
    loop->bulk_hits = 0;
    run_events(loop);
    loop->has_other_work = loop->bulk_hits < loop->batch_count;
    run_timers(loop);
    wake_coalescing(loop);
    run_deferred(loop);
}

void loop_run(struct loop *loop)
{
    while (!atomic_load_explicit(&loop->is_stopping, memory_order_relaxed)) {
        turn(loop, wait_for_events(loop));
    }
}

bool loop_turn(struct loop *loop)
{
    bool is_due = next_deadline_us(loop) <= clock_us();
    int n = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, 0);

    turn(loop, n);
    return is_due || n > 0;
}

uint64_t loop_next_us(const struct loop *loop)
{
    return next_deadline_us(loop);
}

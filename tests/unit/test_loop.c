/* The loop: timers, deferred calls, messages, and watches that vanish while their event is under
 * way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop.h"

static struct loop *loop;
static unsigned fired[8];
static unsigned fired_count;

struct numbered_timer {
    struct timer timer;
    unsigned number;
};

static void on_numbered(struct timer *timer)
{
    fired[fired_count++ % 8] = CONTAINER_OF(timer, struct numbered_timer, timer)->number;
}

static void on_last(struct timer *timer)
{
    (void)timer;
    loop_stop(loop);
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_create();
    fired_count = 0;
    return loop == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    loop_destroy(loop);
    return 0;
}

/* Time that goes on by steps: however busy the machine is, no deadline is passed with another. */
static struct deferred step;

static void on_step(struct deferred *deferred)
{
    clock_set_for_tests(clock_us() + 500);
    loop_defer(loop, deferred);
}

static int set_up_steps(void **state)
{
    clock_set_for_tests(1000000);
    if (set_up(state) != 0) {
        return 1;
    }
    deferred_init(&step, on_step);
    loop_defer(loop, &step);
    return 0;
}

static int tear_down_steps(void **state)
{
    deferred_cancel(&step);
    (void)tear_down(state);
    clock_set_for_tests(0);
    return 0;
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
    struct numbered_timer timers[3];
    struct timer last;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        timers[i].number = i;
        timer_init(&timers[i].timer, on_numbered);
    }
    timer_init(&last, on_last);
    timer_set(loop, &timers[0].timer, 3000);
    timer_set(loop, &timers[1].timer, 1000);
    timer_set(loop, &timers[2].timer, 2000);
    timer_set(loop, &last, 8000);
    loop_run(loop);
    assert_int_equal(fired_count, 3);
    assert_int_equal(fired[0], 1);
    assert_int_equal(fired[1], 2);
    assert_int_equal(fired[2], 0);
}

static void a_timer_set_again_fires_once_at_its_last_deadline(void **state)
{
    struct numbered_timer later = {.number = 1};
    struct numbered_timer sooner = {.number = 2};
    struct numbered_timer between = {.number = 3};
    struct timer last;

    (void)state;
    timer_init(&later.timer, on_numbered);
    timer_init(&sooner.timer, on_numbered);
    timer_init(&between.timer, on_numbered);
    timer_init(&last, on_last);
    timer_set(loop, &later.timer, 1000);
    timer_set(loop, &later.timer, 6000); /* later: only noted */
    timer_set(loop, &sooner.timer, 60000000);
    timer_set(loop, &sooner.timer, 1000); /* sooner: moved */
    timer_set(loop, &between.timer, 3000);
    timer_set(loop, &last, 9000);
    loop_run(loop);
    assert_int_equal(fired_count, 3);
    assert_int_equal(fired[0], 2);
    assert_int_equal(fired[1], 3);
    assert_int_equal(fired[2], 1);
}

static void a_cleared_or_destroyed_timer_does_not_fire(void **state)
{
    struct numbered_timer cleared = {.number = 1};
    struct numbered_timer destroyed = {.number = 2};
    struct timer last;

    (void)state;
    timer_init(&cleared.timer, on_numbered);
    timer_init(&destroyed.timer, on_numbered);
    timer_init(&last, on_last);
    timer_set(loop, &cleared.timer, 1000);
    timer_set(loop, &destroyed.timer, 1000);
    timer_clear(&cleared.timer);
    timer_destroy(loop, &destroyed.timer);
    timer_destroy(loop, &destroyed.timer);
    timer_set(loop, &last, 3000);
    loop_run(loop);
    assert_int_equal(fired_count, 0);
}

static void many_timers_in_any_order_keep_the_heap_in_order(void **state)
{
    enum { COUNT = 2000 };
    static struct numbered_timer timers[COUNT];
    struct timer last;
    unsigned seed = 7;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        timers[i].number = i;
        timer_init(&timers[i].timer, on_numbered);
        seed = seed * 1103515245U + 12345U;
        timer_set(loop, &timers[i].timer, seed % 5000);
    }
    for (unsigned i = 0; i < COUNT; i += 3) {
        timer_destroy(loop, &timers[i].timer);
    }
    timer_init(&last, on_last);
    timer_set(loop, &last, 8000);
    loop_run(loop);
    assert_int_equal(fired_count, COUNT - (COUNT + 2) / 3);
}

struct counted_call {
    struct deferred deferred;
    unsigned calls;
};

static void on_deferred(struct deferred *deferred)
{
    struct counted_call *call = CONTAINER_OF(deferred, struct counted_call, deferred);

    if (++call->calls == 3) {
        loop_stop(loop);
        return;
    }
    loop_defer(loop, deferred); /* waits for the next turn: no endless loop in this one */
    loop_defer(loop, deferred);
}

static void a_deferred_call_is_made_once_a_turn(void **state)
{
    struct counted_call call = {.calls = 0};

    (void)state;
    deferred_init(&call.deferred, on_deferred);
    loop_defer(loop, &call.deferred);
    loop_defer(loop, &call.deferred);
    loop_run(loop);
    assert_int_equal(call.calls, 3);
}

static struct watch pair[2];

static void on_either(struct watch *watch, uint32_t events)
{
    (void)events;
    fired_count++;
    /* Both have an event in the same batch: the other one must not be delivered any more. */
    watch_remove(loop, &pair[0]);
    watch_remove(loop, &pair[1]);
    (void)watch;
    loop_stop(loop);
}

static void a_removed_watch_is_not_called_for_an_event_already_fetched(void **state)
{
    int a[2];
    int b[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
    watch_init(&pair[0], on_either);
    watch_init(&pair[1], on_either);
    assert_true(watch_add(loop, &pair[0], a[0], EPOLLIN));
    assert_true(watch_add(loop, &pair[1], b[0], EPOLLIN));
    assert_int_equal(write(a[1], "x", 1), 1);
    assert_int_equal(write(b[1], "x", 1), 1);
    loop_run(loop);
    assert_int_equal(fired_count, 1);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static struct loop_message messages[100];
static unsigned received[100];

static void on_message(struct loop_message *message)
{
    received[fired_count++] = (unsigned)(message - messages);
    if (fired_count == 100) {
        loop_stop(loop);
    }
}

static void *post_all(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 100; i++) {
        messages[i].fn = on_message;
        loop_post(loop, &messages[i]);
    }
    return NULL;
}

static void messages_of_another_thread_arrive_in_order(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, post_all, NULL), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(received[i], i);
    }
}

static unsigned rests;

static void on_rested(struct deferred *deferred)
{
    if (++rests == 3) {
        loop_stop(loop);
        return;
    }
    loop_coalesce(loop, deferred);
}

/* As the filter of an older container runtime does for calls that it has not heard of. */
static void refuse_epoll_pwait2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        _exit(2);
    }
}

static void on_noise(struct watch *watch, uint32_t events)
{
    (void)watch; /* always writable: other work, so that a rest waits for events too */
    (void)events;
}

static void a_rest_ends_where_epoll_pwait2_is_forbidden(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        struct deferred resting;
        struct watch noise;
        int ends[2];

        refuse_epoll_pwait2();
        if (pipe(ends) != 0) {
            _exit(3);
        }
        watch_init(&noise, on_noise);
        deferred_init(&resting, on_rested);
        if (!watch_add(loop, &noise, ends[1], EPOLLOUT)) {
            _exit(3);
        }
        loop_coalesce(loop, &resting);
        loop_run(loop);
        _exit(rests == 3 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_BY_STEPS(name) cmocka_unit_test_setup_teardown(name, set_up_steps, tear_down_steps)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_BY_STEPS(timers_fire_in_the_order_of_their_deadlines),
        TEST_BY_STEPS(a_timer_set_again_fires_once_at_its_last_deadline),
        TEST_BY_STEPS(a_cleared_or_destroyed_timer_does_not_fire),
        TEST_BY_STEPS(many_timers_in_any_order_keep_the_heap_in_order),
        TEST(a_deferred_call_is_made_once_a_turn),
        TEST(a_removed_watch_is_not_called_for_an_event_already_fetched),
        TEST(a_rest_ends_where_epoll_pwait2_is_forbidden),
        TEST(messages_of_another_thread_arrive_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

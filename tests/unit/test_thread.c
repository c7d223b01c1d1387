/* base/thread: what a thread begins with, and waiting until a moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"

struct seen {
    sigset_t blocked;
    size_t stack_bytes;
};

static void *look(void *arg)
{
    struct seen *seen = arg;
    pthread_attr_t attributes;
    void *stack;

    (void)pthread_sigmask(SIG_BLOCK, NULL, &seen->blocked);
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        (void)pthread_attr_getstack(&attributes, &stack, &seen->stack_bytes);
        (void)pthread_attr_destroy(&attributes);
    }
    return NULL;
}

static void a_thread_is_open_only_to_signals_of_errors(void **state)
{
    static const int errors[] = THREAD_ERROR_SIGNALS;
    static const int others[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGPIPE, SIGUSR1};
    struct seen seen = {.stack_bytes = 0};
    pthread_t thread;
    sigset_t before;
    sigset_t after;

    (void)state;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &before);
    assert_int_equal(thread_start(&thread, "looks", look, &seen), 0);
    thread_join(thread);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        assert_int_equal(sigismember(&seen.blocked, errors[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(sigismember(&seen.blocked, others[i]), 1);
    }
    assert_in_range(seen.stack_bytes, 1 << 20, 4 << 20);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &after);
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

/* ---- conditions ---- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t condition;
    bool is_open;
};

static void gate_init(struct gate *gate)
{
    *gate = (struct gate){.is_open = false};
    assert_int_equal(pthread_mutex_init(&gate->lock, NULL), 0);
    condition_init(&gate->condition);
}

static void gate_free(struct gate *gate)
{
    (void)pthread_cond_destroy(&gate->condition);
    (void)pthread_mutex_destroy(&gate->lock);
}

static bool wait_for(struct gate *gate, uint64_t at_us)
{
    bool is_in_time = true;

    (void)pthread_mutex_lock(&gate->lock);
    while (!gate->is_open && is_in_time) {
        is_in_time = condition_wait_until(&gate->condition, &gate->lock, at_us);
    }
    (void)pthread_mutex_unlock(&gate->lock);
    return is_in_time;
}

static void a_wait_ends_at_its_moment(void **state)
{
    struct gate gate;
    uint64_t until = clock_us() + 2000;

    (void)state;
    gate_init(&gate);
    assert_false(wait_for(&gate, until));
    assert_true(clock_us() >= until);
    assert_false(wait_for(&gate, 1)); /* long past */
    gate_free(&gate);
}

static void *open_gate(void *arg)
{
    struct gate *gate = arg;

    (void)pthread_mutex_lock(&gate->lock);
    gate->is_open = true;
    (void)pthread_cond_signal(&gate->condition);
    (void)pthread_mutex_unlock(&gate->lock);
    return NULL;
}

static void a_wait_ends_with_what_it_waits_for(void **state)
{
    struct gate gate;
    pthread_t thread;

    (void)state;
    gate_init(&gate);
    assert_int_equal(thread_start(&thread, "opens", open_gate, &gate), 0);
    assert_true(wait_for(&gate, clock_us() + 60 * UINT64_C(1000000)));
    thread_join(thread);
    gate_free(&gate);
}

static void *wait_for_gate(void *arg)
{
    return wait_for(arg, clock_us() + 60 * UINT64_C(1000000)) ? arg : NULL;
}

static void a_thread_that_does_not_end_is_still_there(void **state)
{
    struct gate gate;
    pthread_t thread;

    (void)state;
    gate_init(&gate);
    assert_int_equal(thread_start(&thread, "waits", wait_for_gate, &gate), 0);
    assert_false(thread_join_within(thread, 2));
    (void)open_gate(&gate);
    assert_true(thread_join_within(thread, 60000));
    gate_free(&gate);
}

/* A test's clock: the wait ends when the clock is moved past its moment, and not before. */
static void *move_the_clock(void *arg)
{
    (void)arg;
    clock_set_for_tests(UINT64_C(2000000));
    return NULL;
}

static void a_wait_goes_by_a_test_s_time(void **state)
{
    struct gate gate;
    pthread_t thread;

    (void)state;
    clock_set_for_tests(1000000);
    gate_init(&gate);
    assert_int_equal(thread_start(&thread, "time", move_the_clock, NULL), 0);
    assert_false(wait_for(&gate, 2000000));
    assert_int_equal(clock_us(), 2000000);
    thread_join(thread);
    clock_set_for_tests(0);
    gate_free(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_is_open_only_to_signals_of_errors),
        cmocka_unit_test(a_wait_ends_at_its_moment),
        cmocka_unit_test(a_wait_ends_with_what_it_waits_for),
        cmocka_unit_test(a_thread_that_does_not_end_is_still_there),
        cmocka_unit_test(a_wait_goes_by_a_test_s_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* base/clock: the system's clocks, and a test's in their place; what waits by them: conditions and
 * the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"
#include "io/loop.h"

#define HOUR_US (UINT64_C(3600) * 1000000)
#define START_US HOUR_US

static int use_the_system_again(void **state)
{
    (void)state;
    clock_set_for_tests(0);
    return 0;
}

static void the_system_clocks_agree_with_each_other(void **state)
{
    uint64_t before = clock_us();
    (void)state;

    assert_true(before != 0);
    assert_true(clock_ms() >= before / 1000);
    assert_true(clock_with_sleep_ms() >= before / 1000);
    assert_true(clock_us() >= before);
    int64_t wall = clock_wall_us();
    assert_true(clock_wall_ms() >= wall / 1000);
    assert_true(clock_wall().tv_sec >= wall / 1000000);
    /* Seconds are those of the last tick. */
    assert_true(clock_wall_s() >= wall / 1000000 - 1);
    assert_int_equal(clock_wait_us(HOUR_US), HOUR_US);
}

static void a_test_sets_the_time(void **state)
{
    (void)state;
    clock_set_for_tests(START_US);
    int64_t wall = clock_wall_us();
    assert_int_equal(clock_us(), START_US);
    assert_int_equal(clock_with_sleep_ms(), START_US / 1000);
    assert_int_equal(clock_wall_us(), wall);

    clock_set_for_tests(START_US + HOUR_US);
    assert_int_equal(clock_us(), START_US + HOUR_US);
    assert_int_equal(clock_ms(), (START_US + HOUR_US) / 1000);
    assert_int_equal(clock_wall_us(), wall + (int64_t)HOUR_US);
    assert_int_equal(clock_wall_s(), (wall + (int64_t)HOUR_US) / 1000000);
    assert_int_equal(clock_wall().tv_sec, clock_wall_s());
    assert_true(clock_wait_us(HOUR_US) < HOUR_US);
}

/* ---- the loop ---- */

struct scene {
    struct loop *loop;
    struct timer timer;
    struct deferred again;
    unsigned turns;
    unsigned fired_in_turn; /* 0: not yet */
};

static void on_expiry(struct timer *timer)
{
    struct scene *scene = CONTAINER_OF(timer, struct scene, timer);

    scene->fired_in_turn = scene->turns;
    loop_stop(scene->loop);
}

static void move_time_in_the_third_turn(struct deferred *again)
{
    struct scene *scene = CONTAINER_OF(again, struct scene, again);

    if (++scene->turns == 3) {
        clock_set_for_tests(START_US + HOUR_US);
        return; /* the loop has nothing to do now, and is not waiting for the hour either */
    }
    loop_defer(scene->loop, again);
}

static void the_loop_goes_by_a_test_s_time(void **state)
{
    struct scene scene = {.turns = 0};

    (void)state;
    clock_set_for_tests(START_US);
    scene.loop = loop_create();
    assert_non_null(scene.loop);
    timer_init(&scene.timer, on_expiry);
    deferred_init(&scene.again, move_time_in_the_third_turn);
    timer_set(scene.loop, &scene.timer, HOUR_US);
    loop_defer(scene.loop, &scene.again);
    loop_run(scene.loop);
    assert_int_equal(scene.fired_in_turn, 3);
    assert_int_equal(loop_now_us(scene.loop), START_US + HOUR_US);
    timer_destroy(scene.loop, &scene.timer);
    loop_destroy(scene.loop);
}

/* Also when it is moved while the loop waits, by another thread. */
static void *move_time(void *arg)
{
    (void)arg;
    clock_set_for_tests(START_US + HOUR_US);
    return NULL;
}

static void the_loop_sees_time_that_another_thread_moves(void **state)
{
    struct scene scene = {.turns = 1};
    pthread_t thread;

    (void)state;
    clock_set_for_tests(START_US);
    scene.loop = loop_create();
    assert_non_null(scene.loop);
    timer_init(&scene.timer, on_expiry);
    timer_set(scene.loop, &scene.timer, HOUR_US);
    assert_int_equal(thread_start(&thread, "time", move_time, NULL), 0);
    loop_run(scene.loop);
    thread_join(thread);
    assert_int_equal(scene.fired_in_turn, 1);
    timer_destroy(scene.loop, &scene.timer);
    loop_destroy(scene.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_system_clocks_agree_with_each_other),
        cmocka_unit_test_teardown(a_test_sets_the_time, use_the_system_again),
        cmocka_unit_test_teardown(the_loop_goes_by_a_test_s_time, use_the_system_again),
        cmocka_unit_test_teardown(the_loop_sees_time_that_another_thread_moves,
                                  use_the_system_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

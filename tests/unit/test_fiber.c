/* base/fiber: a function that stops in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/fiber.h"

struct walk {
    struct fiber *fiber;
    int steps;
    int pauses;
};

static void walk(void *arg)
{
    struct walk *walk = arg;
    char local[4096]; /* stays as it is while others use the thread's stack */

    memset(local, 'x', sizeof(local));
    for (int i = 0; i < walk->pauses; i++) {
        walk->steps++;
        fiber_pause(walk->fiber);
        assert_int_equal(local[i], 'x');
        local[i] = 'y';
    }
    walk->steps++;
}

static void it_goes_on_behind_each_pause(void **state)
{
    struct fiber *fiber = fiber_create();
    struct walk told = {fiber, 0, 3};
    (void)state;

    assert_non_null(fiber);
    fiber_run(fiber, walk, &told);
    for (int i = 1; i <= 3; i++) {
        assert_true(fiber_is_paused(fiber));
        assert_int_equal(told.steps, i);
        fiber_resume(fiber);
    }
    assert_false(fiber_is_paused(fiber));
    assert_int_equal(told.steps, 4);
    fiber_destroy(fiber);
}

static void it_runs_again_after_its_end(void **state)
{
    struct fiber *fiber = fiber_create();
    struct walk told = {fiber, 0, 0};
    (void)state;

    assert_non_null(fiber);
    for (int i = 1; i <= 100; i++) {
        fiber_run(fiber, walk, &told);
        assert_int_equal(told.steps, i);
    }
    fiber_destroy(fiber);
    fiber_destroy(NULL);
}

static void many_are_paused_at_once(void **state)
{
    enum { MANY = 200 };
    struct walk told[MANY];
    (void)state;

    for (int i = 0; i < MANY; i++) {
        told[i] = (struct walk){fiber_create(), 0, 2};
        assert_non_null(told[i].fiber);
        fiber_run(told[i].fiber, walk, &told[i]);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = MANY - 1; i >= 0; i--) {
            fiber_resume(told[i].fiber);
        }
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(told[i].steps, 3);
        fiber_destroy(told[i].fiber);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_behind_each_pause),
        cmocka_unit_test(it_runs_again_after_its_end),
        cmocka_unit_test(many_are_paused_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

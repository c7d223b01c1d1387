#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/least_rate.h"

#define SECOND UINT64_C(1000000)

static void who_takes_nothing_misses_it(void **state)
{
    struct least_rate rate = {0};

    (void)state;
    least_rate_wait(&rate, 5 * SECOND);
    assert_false(least_rate_is_missed(&rate, 34 * SECOND, 30000, 100));
    assert_true(least_rate_is_missed(&rate, 35 * SECOND, 30000, 100));
}

static void a_byte_now_and_then_is_not_enough(void **state)
{
    struct least_rate rate = {0};
    uint64_t now = SECOND;

    (void)state;
    least_rate_wait(&rate, now);
    for (int i = 0; i < 6; i++) {
        assert_false(least_rate_is_missed(&rate, now, 30000, 100));
        now += 5 * SECOND;
        least_rate_take(&rate, 1);
        least_rate_wait(&rate, now);
    }
    assert_true(least_rate_is_missed(&rate, now, 30000, 100));
}

static void its_share_is_enough_for_ever(void **state)
{
    struct least_rate rate = {0};

    (void)state;
    least_rate_wait(&rate, SECOND);
    for (uint64_t at = 2; at < 1000; at++) {
        least_rate_take(&rate, 110);
        assert_false(least_rate_is_missed(&rate, at * SECOND, 30000, 100));
    }
    /* And what it took long ago does not count for now. */
    assert_true(least_rate_is_missed(&rate, 1100 * SECOND, 30000, 100) ||
                least_rate_is_missed(&rate, 1200 * SECOND, 30000, 100));
}

static void nothing_is_asked_while_nothing_waits(void **state)
{
    struct least_rate rate = {0};

    (void)state;
    assert_false(least_rate_is_missed(&rate, 1000 * SECOND, 30000, 100));
    least_rate_wait(&rate, SECOND);
    least_rate_idle(&rate);
    assert_false(least_rate_is_missed(&rate, 1000 * SECOND, 30000, 100));
    least_rate_wait(&rate, 1000 * SECOND);
    assert_false(least_rate_is_missed(&rate, 1001 * SECOND, 30000, 100));
}

static void without_a_rate_a_byte_is_enough(void **state)
{
    struct least_rate rate = {0};

    (void)state;
    least_rate_wait(&rate, 0);
    least_rate_take(&rate, 1);
    assert_false(least_rate_is_missed(&rate, 31 * SECOND, 30000, 0));
    assert_true(least_rate_is_missed(&rate, 62 * SECOND, 30000, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_takes_nothing_misses_it),
        cmocka_unit_test(a_byte_now_and_then_is_not_enough),
        cmocka_unit_test(its_share_is_enough_for_ever),
        cmocka_unit_test(nothing_is_asked_while_nothing_waits),
        cmocka_unit_test(without_a_rate_a_byte_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

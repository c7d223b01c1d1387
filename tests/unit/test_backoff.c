/* The pauses between a gateway's death and its next start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "process/backoff.h"

static void doubles_from_10_ms_up_to_500_ms(void **state)
{
    static const uint64_t expected[] = {10, 20, 40, 80, 160, 320, 500, 500, 500};
    struct backoff backoff = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_equal(backoff_next(&backoff, 5), expected[i]);
    }
}

static void starts_over_after_10_s_of_life(void **state)
{
    struct backoff backoff = {0};

    (void)state;
    assert_int_equal(backoff_next(&backoff, 0), 10);
    assert_int_equal(backoff_next(&backoff, 0), 20);
    assert_int_equal(backoff_next(&backoff, 9999), 40);
    assert_int_equal(backoff_next(&backoff, 10000), 10);
    assert_int_equal(backoff_next(&backoff, 0), 20);
    assert_int_equal(backoff_next(&backoff, UINT64_MAX), 10);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_from_10_ms_up_to_500_ms),
        cmocka_unit_test(starts_over_after_10_s_of_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

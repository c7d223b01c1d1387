#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/h2_closed.h"

static void each_kind_is_told(void **state)
{
    struct h2_closed closed = {0};

    (void)state;
    h2_closed_add(&closed, 1, true);
    h2_closed_add(&closed, 3, false);
    assert_int_equal(h2_closed_judge(&closed, 1, 7), H2_LATE_CLOSED);
    assert_int_equal(h2_closed_judge(&closed, 3, 7), H2_LATE_EXCUSED);
    assert_int_equal(h2_closed_judge(&closed, 5, 7), H2_LATE_SKIPPED);
}

static void the_last_ones_are_remembered(void **state)
{
    struct h2_closed closed = {0};
    int32_t newest = INT32_MAX;

    (void)state;
    for (int32_t id = newest - 10 * H2_CLOSED_KEPT; id < newest; id += 2) {
        h2_closed_add(&closed, id, id % 4 == 1);
    }
    h2_closed_add(&closed, newest, true);
    for (int32_t id = newest - 2 * (H2_CLOSED_KEPT - 1); id < newest; id += 2) {
        assert_int_equal(h2_closed_judge(&closed, id, newest),
                         id % 4 == 1 ? H2_LATE_CLOSED : H2_LATE_EXCUSED);
    }
}

/* A client of a long, busy way must not be punished for what we have forgotten. */
static void what_is_forgotten_is_excused(void **state)
{
    struct h2_closed closed = {0};

    (void)state;
    for (int32_t id = 1; id < 20 * H2_CLOSED_KEPT; id += 2) {
        h2_closed_add(&closed, id, false);
    }
    assert_int_equal(h2_closed_judge(&closed, 1, 20 * H2_CLOSED_KEPT - 1), H2_LATE_EXCUSED);
    assert_int_equal(h2_closed_judge(&closed, 1, INT32_MAX), H2_LATE_EXCUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_told),
        cmocka_unit_test(the_last_ones_are_remembered),
        cmocka_unit_test(what_is_forgotten_is_excused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

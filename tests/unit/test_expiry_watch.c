/* When the end of a certificate is told of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/expiry_watch.h"

enum { DAY = 86400, END = 100 * DAY };

static void each_mark_is_passed_once(void **state)
{
    static const int marks[] = {30, 7, 1, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        int64_t at = END - marks[i] * DAY;
        assert_int_equal(expiry_watch_mark(END, at - 2, at - 1), -1);
        assert_int_equal(expiry_watch_mark(END, at - 1, at), marks[i]);
        assert_int_equal(expiry_watch_mark(END, at - 5, at + 5), marks[i]);
        assert_int_equal(expiry_watch_mark(END, at, at + 1), -1);
    }
}

static void after_a_long_pause_the_nearest_counts(void **state)
{
    (void)state;
    assert_int_equal(expiry_watch_mark(END, 0, END + DAY), 0);
    assert_int_equal(expiry_watch_mark(END, 0, END - 2 * DAY), 7);
    assert_int_equal(expiry_watch_mark(END, END, END + DAY), -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mark_is_passed_once),
        cmocka_unit_test(after_a_long_pause_the_nearest_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

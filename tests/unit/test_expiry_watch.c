/* When the end of a certificate is told of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/expiry_watch.h"

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

static void the_first_look_and_a_clock_that_goes_back_tell_nothing(void **state)
{
    struct expiry_watch watch = {0};
    (void)state;

    assert_false(expiry_watch_begin(&watch, END - 2));
    assert_false(expiry_watch_begin(&watch, END - 2));
    assert_false(expiry_watch_begin(&watch, END - 3));
    assert_true(expiry_watch_begin(&watch, END - 1));
    assert_int_equal(watch.seen_before, END - 2);
    assert_int_equal(watch.seen_until, END - 1);
}

static void what_passed_a_mark_is_told_of(void **state)
{
    const struct owned_certificate ends = {"site shop", "a.pem", "a.test",
                                           0,           END,     TLS_LISTED_CERTIFICATE};
    const struct owned_certificate lives = {"site shop", "b.pem",        "b.test",
                                            0,           END + 60 * DAY, TLS_LISTED_CERTIFICATE};
    struct expiry_watch watch = {0};
    (void)state;

    assert_false(expiry_watch_begin(&watch, END - DAY - 1));
    assert_true(expiry_watch_begin(&watch, END - DAY));
    expiry_watch_see(&watch, &ends);
    expiry_watch_see(&watch, &lives);
    assert_int_equal(watch.told, 1);
    expiry_watch_end(&watch);
    assert_true(expiry_watch_begin(&watch, END - DAY + 1));
    expiry_watch_see(&watch, &ends);
    assert_int_equal(watch.told, 0);
    expiry_watch_end(&watch);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mark_is_passed_once),
        cmocka_unit_test(after_a_long_pause_the_nearest_counts),
        cmocka_unit_test(the_first_look_and_a_clock_that_goes_back_tell_nothing),
        cmocka_unit_test(what_passed_a_mark_is_told_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

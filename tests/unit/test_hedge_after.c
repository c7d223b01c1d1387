/* After how long another server is asked: as people write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/hedge_after.h"

static void quantiles_and_times_are_read(void **state)
{
    static const struct {
        const char *text;
        unsigned per_mille;
        uint64_t ms;
    } cases[] = {
        {"p50", 500, 0}, {"p95", 950, 0},       {"p99", 990, 0}, {"p99.9", 999, 0},
        {"1ms", 0, 1},   {"60000ms", 0, 60000}, {"1s", 0, 1000}, {"60s", 0, 60000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned per_mille;
        uint64_t ms;
        assert_true(hedge_after_parse(span_from_cstr(cases[i].text), &per_mille, &ms));
        assert_int_equal(per_mille, cases[i].per_mille);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void what_is_neither_is_refused_with_an_example(void **state)
{
    static const char *const cases[] = {
        "",    "p",   "95",      "p9", "p49", "p100", "p99.99",          "p95.", "p9.95", "p95x",
        "0ms", "61s", "60001ms", "1",  "1m",  "s",    "99999999999999s", "-1s",  "1.5s"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct complaint complaint = {0};
        if (rule_hedge_after(span_from_cstr(cases[i]), &complaint)) {
            fail_msg("%s", cases[i]);
        }
        assert_non_null(strstr(complaint.hint, "p95"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_and_times_are_read),
        cmocka_unit_test(what_is_neither_is_refused_with_an_example),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

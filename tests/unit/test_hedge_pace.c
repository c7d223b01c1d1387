/* When a request has waited long: the quantile of what was seen of late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/hedge_pace.h"

#define MS UINT64_C(1000)
#define SECOND (1000 * MS)

static void note(struct hedge_pace *pace, unsigned times, uint64_t us, uint64_t now_us)
{
    for (unsigned i = 0; i < times; i++) {
        hedge_pace_note(pace, us, now_us);
    }
}

static void assert_about(uint64_t us, uint64_t expected_us)
{
    assert_in_range(us, expected_us * 15 / 16, expected_us * 17 / 16);
}

static void few_requests_say_nothing(void **state)
{
    struct hedge_pace pace = {0};

    (void)state;
    assert_true(hedge_pace_quantile_us(&pace, 950, SECOND) == HEDGE_PACE_UNKNOWN);
    note(&pace, HEDGE_PACE_SAMPLES_MIN - 1, 10 * MS, SECOND);
    assert_true(hedge_pace_quantile_us(&pace, 950, 2 * SECOND) == HEDGE_PACE_UNKNOWN);
    note(&pace, 1, 10 * MS, 2 * SECOND);
    assert_about(hedge_pace_quantile_us(&pace, 950, 3 * SECOND), 10 * MS);
}

static void the_quantile_is_of_both_windows(void **state)
{
    struct hedge_pace pace = {0};

    (void)state;
    note(&pace, 90, 10 * MS, SECOND);
    note(&pace, 10, 500 * MS, SECOND + HEDGE_PACE_WINDOW_US);
    assert_about(hedge_pace_quantile_us(&pace, 900, 2 * SECOND + HEDGE_PACE_WINDOW_US), 10 * MS);
    assert_about(hedge_pace_quantile_us(&pace, 950, 2 * SECOND + HEDGE_PACE_WINDOW_US), 500 * MS);
}

static void what_is_old_counts_no_more(void **state)
{
    uint64_t now_us = SECOND;
    struct hedge_pace pace = {0};

    (void)state;
    note(&pace, 100, 10 * MS, now_us);
    now_us += HEDGE_PACE_WINDOW_US;
    note(&pace, 100, 200 * MS, now_us);
    now_us += HEDGE_PACE_WINDOW_US;
    assert_about(hedge_pace_quantile_us(&pace, 500, now_us), 200 * MS); /* the first is gone */
    now_us += 5 * HEDGE_PACE_WINDOW_US;
    assert_true(hedge_pace_quantile_us(&pace, 500, now_us) == HEDGE_PACE_UNKNOWN);
}

/* Summing up is not for each request. */
static void it_is_looked_at_now_and_then(void **state)
{
    struct hedge_pace pace = {0};

    (void)state;
    note(&pace, 100, 10 * MS, SECOND);
    assert_about(hedge_pace_quantile_us(&pace, 950, SECOND), 10 * MS);
    note(&pace, 1000, 90 * MS, SECOND);
    assert_about(hedge_pace_quantile_us(&pace, 950, SECOND + HEDGE_PACE_LOOK_US - 1), 10 * MS);
    assert_about(hedge_pace_quantile_us(&pace, 950, SECOND + HEDGE_PACE_LOOK_US), 90 * MS);
    assert_about(hedge_pace_quantile_us(&pace, 10, SECOND + HEDGE_PACE_LOOK_US), 10 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_requests_say_nothing),
        cmocka_unit_test(the_quantile_is_of_both_windows),
        cmocka_unit_test(what_is_old_counts_no_more),
        cmocka_unit_test(it_is_looked_at_now_and_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

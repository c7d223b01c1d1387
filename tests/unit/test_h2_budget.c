#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/h2_budget.h"

static unsigned spend_all(struct h2_budget *budget, enum h2_event event, uint64_t now_us)
{
    unsigned count = 0;

    while (h2_budget_spend(budget, event, now_us)) {
        count++;
    }
    return count;
}

static void each_kind_runs_out(void **state)
{
    (void)state;
    for (int event = 0; event < H2_EVENT_COUNT; event++) {
        struct h2_budget budget;
        h2_budget_init(&budget, 5);
        unsigned count = spend_all(&budget, (enum h2_event)event, 5);
        assert_true(count >= 10 && count <= H2_BUDGET_TOKENS);
        assert_false(h2_budget_spend(&budget, (enum h2_event)event, 5));
        assert_non_null(h2_event_word((enum h2_event)event));
        assert_non_null(h2_event_text((enum h2_event)event));
    }
}

static void a_page_of_streams_may_be_reset_at_once(void **state)
{
    struct h2_budget budget;

    (void)state;
    h2_budget_init(&budget, 0);
    assert_true(spend_all(&budget, H2_EVENT_RESET, 0) >= 300);
}

static void time_refills(void **state)
{
    struct h2_budget budget;

    (void)state;
    h2_budget_init(&budget, 1000);
    (void)spend_all(&budget, H2_EVENT_WINDOW_UPDATE, 1000);
    assert_false(h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, 1000));
    /* A second, in steps too small for a token each. */
    h2_budget_init(&budget, 0);
    (void)spend_all(&budget, H2_EVENT_WINDOW_UPDATE, 0);
    unsigned count = 0;
    for (uint64_t us = 0; us <= 1000000; us += 100) {
        count += h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, us) ? 1 : 0;
    }
    assert_int_equal(count, H2_BUDGET_PER_SECOND);
}

static void never_above_the_start(void **state)
{
    struct h2_budget budget;

    (void)state;
    h2_budget_init(&budget, 0);
    for (int i = 0; i < 100000; i++) {
        h2_budget_earn_frame(&budget);
        h2_budget_earn_request(&budget);
    }
    assert_int_equal(spend_all(&budget, H2_EVENT_WINDOW_UPDATE, UINT64_C(1) << 60),
                     H2_BUDGET_TOKENS);
}

/* A client that answers each frame of a body with a WINDOW_UPDATE for stream and connection. */
static void honest_work_pays_for_its_windows(void **state)
{
    struct h2_budget budget;

    (void)state;
    h2_budget_init(&budget, 0);
    for (int i = 0; i < 1000000; i++) {
        h2_budget_earn_frame(&budget);
        assert_true(h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, 0));
        assert_true(h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, 0));
    }
}

/* A clock that seems to go back gives nothing, and takes nothing. */
static void time_does_not_go_back(void **state)
{
    struct h2_budget budget;

    (void)state;
    h2_budget_init(&budget, 1000000);
    (void)spend_all(&budget, H2_EVENT_WINDOW_UPDATE, 1000000);
    assert_false(h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_runs_out),
        cmocka_unit_test(a_page_of_streams_may_be_reset_at_once),
        cmocka_unit_test(time_refills),
        cmocka_unit_test(never_above_the_start),
        cmocka_unit_test(honest_work_pays_for_its_windows),
        cmocka_unit_test(time_does_not_go_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

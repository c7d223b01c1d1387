#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/h2_budget.h"

#define TOKENS 4000
#define PER_SECOND 400
#define LIMIT 32768

static void init(struct h2_budget *budget, uint64_t now_us)
{
    h2_budget_init(budget, TOKENS, PER_SECOND, now_us);
}

static unsigned spend_all(struct h2_budget *budget, enum h2_event event, uint64_t now_us)
{
    unsigned count = 0;

    while (count < 1000000 && h2_budget_spend(budget, event, now_us)) {
        count++;
    }
    return count;
}

static void each_kind_runs_out(void **state)
{
    (void)state;
    for (int event = 0; event < H2_EVENT_COUNT; event++) {
        struct h2_budget budget;
        init(&budget, 5);
        assert_non_null(h2_event_word((enum h2_event)event));
        assert_non_null(h2_event_text((enum h2_event)event));
        assert_non_null(h2_event_unit((enum h2_event)event));
        if (event == H2_EVENT_RESET_LIVED) {
            continue; /* limits.streams bounds these */
        }
        unsigned count = spend_all(&budget, (enum h2_event)event, 5);
        assert_true(count >= 10 && count <= TOKENS);
        assert_false(h2_budget_spend(&budget, (enum h2_event)event, 5));
    }
}

static void a_page_of_streams_may_be_reset_at_once(void **state)
{
    struct h2_budget budget;

    (void)state;
    init(&budget, 0);
    assert_true(spend_all(&budget, H2_EVENT_RESET, 0) >= 300);
}

static void time_refills(void **state)
{
    struct h2_budget budget;

    (void)state;
    init(&budget, 1000);
    (void)spend_all(&budget, H2_EVENT_WINDOW_UPDATE, 1000);
    assert_false(h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, 1000));
    /* A second, in steps too small for a token each. */
    init(&budget, 0);
    (void)spend_all(&budget, H2_EVENT_WINDOW_UPDATE, 0);
    unsigned count = 0;
    for (uint64_t us = 0; us <= 1000000; us += 100) {
        count += h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, us) ? 1 : 0;
    }
    assert_int_equal(count, PER_SECOND);
}

/* Rates that are no divisor of a second, and pauses of any length. */
static void any_rate_refills(void **state)
{
    static const uint64_t rates[] = {1, 3, 7, 400, 999, 1000000};

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct h2_budget budget;
        h2_budget_init(&budget, TOKENS, rates[i], 0);
        (void)spend_all(&budget, H2_EVENT_WINDOW_UPDATE, 0);
        uint64_t count = 0;
        for (uint64_t us = 0; us <= 2000000; us += 333) {
            count += h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, us) ? 1 : 0;
        }
        uint64_t most = 2000000 / 333 + 1;
        uint64_t expected = rates[i] * 2 < most ? rates[i] * 2 : most;
        assert_in_range(count, expected - expected / 50 - 1, expected);
        assert_int_equal(spend_all(&budget, H2_EVENT_WINDOW_UPDATE, UINT64_C(1) << 62), TOKENS);
    }
}

static void never_above_the_start(void **state)
{
    struct h2_budget budget;

    (void)state;
    init(&budget, 0);
    for (int i = 0; i < 100000; i++) {
        h2_budget_earn_data(&budget, 16384);
        h2_budget_earn_request(&budget);
    }
    assert_int_equal(spend_all(&budget, H2_EVENT_OTHER, UINT64_C(1) << 60),
                     TOKENS / h2_event_price(H2_EVENT_OTHER));
}

/* A client that measures the way by a PING for each message, and gives the windows back. */
static void answers_to_our_frames_are_free(void **state)
{
    struct h2_budget budget;

    (void)state;
    init(&budget, 0);
    (void)spend_all(&budget, H2_EVENT_WINDOW_UPDATE, 0); /* not even the start is needed */
    for (int i = 0; i < 1000000; i++) {
        h2_budget_earn_head(&budget);
        assert_true(h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, 0));
        assert_true(h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, 0));
        assert_true(h2_budget_spend(&budget, H2_EVENT_PING, 0));
    }
    assert_false(h2_budget_spend(&budget, H2_EVENT_PING, 0));
    assert_false(h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, 0));
}

/* One that reads 4 KiB at a time, and gives them back to stream and connection. */
static void windows_may_be_opened_in_steps(void **state)
{
    struct h2_budget budget;

    (void)state;
    init(&budget, 0);
    for (int i = 0; i < 100000; i++) {
        h2_budget_earn_data(&budget, 16384);
        for (int k = 0; k < 8; k++) {
            assert_true(h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, 0));
        }
    }
}

/* A client that reads half a KiB at a time, and gives each back twice, to the stream and to the
 * connection: however long the frames are, and at whatever rate they come. */
static void windows_may_be_opened_in_small_steps(void **state)
{
    (void)state;
    for (size_t frame = 512; frame <= 65536; frame *= 2) {
        struct h2_budget budget;

        init(&budget, 0);
        for (int i = 0; i < 10000; i++) {
            h2_budget_earn_data(&budget, frame);
            for (size_t at = 0; at < 2 * frame / 512; at++) {
                assert_true(h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, 0));
            }
        }
    }
}

/* What is free is put by within bounds, and pays for nothing else. */
static void free_answers_have_a_bound(void **state)
{
    struct h2_budget budget;

    (void)state;
    init(&budget, 0);
    for (int i = 0; i < 1000000; i++) {
        h2_budget_earn_head(&budget);
        h2_budget_earn_data(&budget, SIZE_MAX);
    }
    assert_int_equal(spend_all(&budget, H2_EVENT_RESET, 0),
                     TOKENS / h2_event_price(H2_EVENT_RESET));
    assert_in_range(spend_all(&budget, H2_EVENT_PING, 0), 1000, 10000);
    assert_in_range(spend_all(&budget, H2_EVENT_WINDOW_UPDATE, 0), 10000, 500000);
}

static void what_a_reset_costs(void **state)
{
    (void)state;
    assert_int_equal(h2_reset_event(true, false, 0), H2_EVENT_RESET);
    assert_int_equal(h2_reset_event(true, false, H2_LIVED_US - 1), H2_EVENT_RESET);
    assert_int_equal(h2_reset_event(true, true, 0), H2_EVENT_RESET_SERVED);
    assert_int_equal(h2_reset_event(true, true, H2_LIVED_US), H2_EVENT_RESET_LIVED);
    assert_int_equal(h2_reset_event(true, false, H2_LIVED_US), H2_EVENT_RESET_LIVED);
    assert_int_equal(h2_reset_event(false, false, 0), H2_EVENT_RESET_GONE);
    assert_int_equal(h2_event_price(H2_EVENT_RESET_LIVED), 0);
    assert_true(h2_event_price(H2_EVENT_RESET_SERVED) <= 1);
    assert_true(h2_event_price(H2_EVENT_RESET) >= 10);
    assert_true(h2_event_price(H2_EVENT_RESET_GONE) <= H2_BUDGET_PER_REQUEST);
}

/* A request pays for what clients send once with each. */
static void a_request_pays_for_its_company(void **state)
{
    static const enum h2_event company[] = {H2_EVENT_PRIORITY, H2_EVENT_OTHER, H2_EVENT_RESET_GONE};

    (void)state;
    for (size_t i = 0; i < sizeof(company) / sizeof(company[0]); i++) {
        struct h2_budget budget;
        init(&budget, 0);
        for (int k = 0; k < 100000; k++) {
            assert_true(h2_budget_spend(&budget, company[i], 0));
            h2_budget_earn_request(&budget);
        }
    }
}

static unsigned continue_until_it_ends(struct h2_budget *budget, size_t bytes)
{
    unsigned count = 0;

    h2_budget_head(budget, bytes);
    while (h2_budget_continue(budget, bytes, LIMIT, 0)) {
        count++;
    }
    return count;
}

static void a_head_within_its_limit_pays_for_its_continuations(void **state)
{
    static const size_t pieces[] = {512, 1024, 4096, 16384};
    struct h2_budget budget;

    (void)state;
    init(&budget, 0);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        for (int k = 0; k < 10000; k++) {
            h2_budget_head(&budget, pieces[i]);
            for (size_t n = 2 * pieces[i]; n <= LIMIT; n += pieces[i]) {
                assert_true(h2_budget_continue(&budget, pieces[i], LIMIT, 0));
            }
        }
    }
    assert_int_equal(budget.tokens, TOKENS);
}

static void endless_continuations_run_out(void **state)
{
    static const size_t pieces[] = {0, 1, 100, 512, 16384};

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct h2_budget budget;
        init(&budget, 0);
        assert_true(continue_until_it_ends(&budget, pieces[i]) < 400);
    }
}

/* A clock that seems to go back gives nothing, and takes nothing. */
static void time_does_not_go_back(void **state)
{
    struct h2_budget budget;

    (void)state;
    init(&budget, 1000000);
    (void)spend_all(&budget, H2_EVENT_WINDOW_UPDATE, 1000000);
    assert_false(h2_budget_spend(&budget, H2_EVENT_WINDOW_UPDATE, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_runs_out),
        cmocka_unit_test(a_page_of_streams_may_be_reset_at_once),
        cmocka_unit_test(time_refills),
        cmocka_unit_test(any_rate_refills),
        cmocka_unit_test(never_above_the_start),
        cmocka_unit_test(answers_to_our_frames_are_free),
        cmocka_unit_test(windows_may_be_opened_in_steps),
        cmocka_unit_test(windows_may_be_opened_in_small_steps),
        cmocka_unit_test(free_answers_have_a_bound),
        cmocka_unit_test(what_a_reset_costs),
        cmocka_unit_test(a_request_pays_for_its_company),
        cmocka_unit_test(a_head_within_its_limit_pays_for_its_continuations),
        cmocka_unit_test(endless_continuations_run_out),
        cmocka_unit_test(time_does_not_go_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The health of a server: what checks, traffic and trials make of it, by a clock that is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/line_budget.h"
#include "upstream/health.h"

#define SECOND UINT64_C(1000000)

static const struct health_terms checked = {.rise = 2, .fall = 3};
static const struct health_terms judged = {
    .failures = 3, .eject_us = 10 * SECOND, .eject_max_us = 60 * SECOND};
static const struct health_answer good = {true, true, NULL};
static const struct health_answer bad = {false, true, "it answered with status 503"};
static const struct health_answer gone = {false, false, "nobody listens there"};

static struct health health;
static struct health_change change;

static int set_up(void **state)
{
    (void)state;
    health_init(&health, &judged);
    return 0;
}

static bool check(const struct health_answer *answer)
{
    return health_note_check(&health, &checked, answer, SECOND, &change);
}

static bool fails(uint64_t now_us)
{
    return health_note_failure(&health, &judged, "status 500", true, now_us, &change);
}

static void so_many_bad_checks_in_a_row_put_it_down_and_good_ones_up(void **state)
{
    (void)state;
    assert_false(check(&bad));
    assert_false(check(&bad));
    assert_false(check(&good)); /* the row begins anew */
    assert_false(check(&bad));
    assert_false(check(&bad));
    assert_true(health_is_choice(&health, SECOND));
    assert_true(check(&bad));
    assert_int_equal(change.from, HEALTH_UP);
    assert_int_equal(change.to, HEALTH_DOWN);
    assert_string_equal(health.why, bad.why);
    assert_false(health_is_choice(&health, 1000 * SECOND));
    assert_false(check(&good));
    assert_false(check(&bad));
    assert_false(check(&good));
    assert_true(check(&good));
    assert_int_equal(change.to, HEALTH_UP);
    assert_string_equal(health.why, "");
}

static void one_that_is_assumed_down_is_up_with_the_first_good_check(void **state)
{
    struct health_terms terms = checked;

    (void)state;
    terms.assumes_down = true;
    health_init(&health, &terms);
    assert_int_equal(health_state_of(&health), HEALTH_DOWN);
    assert_true(check(&good));
    assert_int_equal(health_state_of(&health), HEALTH_UP);
}

static void a_check_tells_whether_it_can_be_reached(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        (void)check(&gone);
    }
    assert_int_equal(health_state_of(&health), HEALTH_DOWN);
    assert_true(health_is_unreachable(&health));
    (void)check(&bad);
    assert_false(health_is_unreachable(&health));
    assert_string_equal(health.why, bad.why);
}

static void traffic_says_nothing_of_one_that_checks_have_put_down(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        (void)check(&gone);
    }
    assert_false(health_note_unreachable(&health, "refused", SECOND, &change));
    assert_false(health_note_reached(&health, SECOND, &change));
    assert_false(health_note_success(&health, SECOND, &change));
    assert_int_equal(health_state_of(&health), HEALTH_DOWN);
}

static void one_that_cannot_be_reached_is_asked_by_us_and_then_by_one_request(void **state)
{
    (void)state;
    assert_true(health_note_unreachable(&health, "refused", SECOND, &change));
    assert_false(health_wants_probe(&health, SECOND + HEALTH_PROBE_US - 1));
    assert_true(health_wants_probe(&health, SECOND + HEALTH_PROBE_US));
    assert_false(health_is_choice(&health, SECOND + HEALTH_PROBE_US)); /* no request has to */
    assert_false(health_note_probe(&health, &gone, 2 * SECOND, &change));
    assert_string_equal(health.why, gone.why);
    assert_false(health_wants_probe(&health, 2 * SECOND + 2 * HEALTH_PROBE_US - 1));
    assert_true(health_wants_probe(&health, 2 * SECOND + 2 * HEALTH_PROBE_US));
    assert_true(health_note_probe(&health, &good, 4 * SECOND, &change));
    assert_int_equal(change.to, HEALTH_TRIAL);
    assert_true(health_is_choice(&health, 4 * SECOND));
    assert_true(health_claim_trial(&health, 4 * SECOND));
    assert_false(health_is_choice(&health, 4 * SECOND));
    assert_false(health_claim_trial(&health, 4 * SECOND));
    assert_true(health_note_reached(&health, 4 * SECOND, &change));
    assert_int_equal(change.to, HEALTH_UP);
    assert_false(health_is_unreachable(&health));
}

static void where_nobody_else_asks_a_request_has_to(void **state)
{
    const uint64_t late_us = SECOND + HEALTH_PROBE_US + HEALTH_PROBE_LATE_US;

    (void)state;
    assert_true(health_note_unreachable(&health, "refused", SECOND, &change));
    assert_false(health_is_choice(&health, late_us - 1));
    assert_true(health_is_choice(&health, late_us));
    assert_true(health_claim_trial(&health, late_us));
    assert_false(health_note_unreachable(&health, "refused", late_us, &change));
    assert_false(fails(late_us)); /* as a lease's end says, too */
    assert_false(health_is_choice(&health, late_us + HEALTH_PROBE_LATE_US));
}

static void probes_become_rarer_up_to_a_bound(void **state)
{
    uint64_t now_us = SECOND;

    (void)state;
    assert_true(health_note_unreachable(&health, "refused", now_us, &change));
    for (int i = 0; i < 20; i++) {
        now_us += HEALTH_PROBE_MAX_US;
        assert_true(health_wants_probe(&health, now_us));
        assert_false(health_note_probe(&health, &gone, now_us, &change));
    }
    assert_false(health_wants_probe(&health, now_us + HEALTH_PROBE_MAX_US - 1));
}

static void failures_in_a_row_eject_it_and_one_request_at_a_time_shows_what_it_does(void **state)
{
    (void)state;
    assert_false(fails(SECOND));
    assert_false(fails(SECOND));
    assert_true(health_is_news(&health));
    assert_false(health_note_success(&health, SECOND, &change)); /* the row begins anew */
    assert_false(health_is_news(&health));
    assert_false(fails(SECOND));
    assert_false(fails(SECOND));
    assert_true(fails(SECOND));
    assert_int_equal(change.to, HEALTH_EJECTED);
    assert_false(health_is_choice(&health, 11 * SECOND - 1));
    assert_false(health_wants_probe(&health, 100 * SECOND));
    assert_true(health_is_choice(&health, 11 * SECOND));
    assert_true(health_claim_trial(&health, 11 * SECOND));
    assert_false(health_claim_trial(&health, 11 * SECOND));
    assert_true(health_note_success(&health, 12 * SECOND, &change));
    assert_int_equal(change.to, HEALTH_UP);
}

static void each_ejection_is_longer_unless_it_was_well_for_long(void **state)
{
    static const uint64_t lengths[] = {10, 20, 40, 60, 60};
    uint64_t now_us = SECOND;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        for (int n = 0; n < 3; n++) {
            (void)fails(now_us);
        }
        assert_int_equal(health_state_of(&health), HEALTH_EJECTED);
        assert_int_equal(health.until_us - now_us, lengths[i] * SECOND);
        now_us = health.until_us;
        assert_true(health_claim_trial(&health, now_us));
        assert_true(health_note_success(&health, now_us, &change));
    }
    now_us += 61 * SECOND;
    for (int n = 0; n < 3; n++) {
        (void)fails(now_us);
    }
    assert_int_equal(health.until_us - now_us, 10 * SECOND);
}

static void a_trial_that_fails_ejects_it_for_longer(void **state)
{
    (void)state;
    assert_true(health_note_unreachable(&health, "refused", SECOND, &change));
    assert_true(health_note_probe(&health, &good, 2 * SECOND, &change));
    assert_true(health_claim_trial(&health, 2 * SECOND));
    assert_true(fails(3 * SECOND));
    assert_int_equal(change.from, HEALTH_TRIAL);
    assert_int_equal(health.until_us - 3 * SECOND, 20 * SECOND);
}

static void a_trial_that_says_nothing_leaves_room_for_another(void **state)
{
    (void)state;
    assert_true(health_note_unreachable(&health, "refused", SECOND, &change));
    assert_true(health_note_probe(&health, &good, 2 * SECOND, &change));
    assert_true(health_claim_trial(&health, 2 * SECOND));
    health_end_trial(&health);
    assert_true(health_claim_trial(&health, 2 * SECOND));
    assert_false(health_may_try(&health, 2 * SECOND + HEALTH_TRIAL_US - 1));
    assert_true(health_may_try(&health, 2 * SECOND + HEALTH_TRIAL_US)); /* it takes too long */
}

static void where_too_few_are_left_failures_do_not_eject(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_false(health_note_failure(&health, &judged, "status 500", false, SECOND, &change));
    }
    assert_int_equal(health_state_of(&health), HEALTH_UP);
    assert_true(fails(SECOND)); /* until there are enough */
}

static void without_terms_only_what_cannot_be_reached_is_out(void **state)
{
    static const struct health_terms none = {0};

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_false(health_note_failure(&health, &none, "status 500", true, SECOND, &change));
    }
    assert_true(health_note_unreachable(&health, "refused", SECOND, &change));
}

static void checks_bring_back_what_could_not_be_reached_and_put_down_what_was_ejected(void **state)
{
    (void)state;
    assert_true(health_note_unreachable(&health, "refused", SECOND, &change));
    assert_true(check(&good));
    assert_int_equal(change.to, HEALTH_TRIAL);
    assert_false(check(&bad));
    assert_false(check(&bad));
    assert_true(check(&bad));
    assert_int_equal(change.from, HEALTH_TRIAL);
    assert_int_equal(change.to, HEALTH_DOWN);
}

static void checks_are_spread_and_more_frequent_when_something_changes(void **state)
{
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;

    (void)state;
    for (uint64_t random = 0; random < 1000; random++) {
        uint64_t pause_us = health_check_pause_us(10000, false, random);
        least = pause_us < least ? pause_us : least;
        most = pause_us > most ? pause_us : most;
    }
    assert_int_equal(least, 9 * SECOND);
    assert_int_equal(most, 11 * SECOND);
    assert_int_equal(health_check_pause_us(10000, true, 100), 2 * SECOND);
    assert_int_equal(health_check_pause_us(300, true, 100), SECOND / 10);
    assert_int_equal(health_check_pause_us(50, true, 100), SECOND / 20); /* never less often */
}

static void so_many_lines_are_told_in_a_second(void **state)
{
    struct line_budget budget = {0};

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(line_budget_take(&budget, 50, 7 * SECOND + i), i < 50);
    }
    assert_true(line_budget_take(&budget, 50, 8 * SECOND));
    assert_int_equal(line_budget_left_out(&budget), 50);
    assert_int_equal(line_budget_left_out(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_are_spread_and_more_frequent_when_something_changes),
        cmocka_unit_test(so_many_lines_are_told_in_a_second),
        cmocka_unit_test_setup(so_many_bad_checks_in_a_row_put_it_down_and_good_ones_up, set_up),
        cmocka_unit_test_setup(one_that_is_assumed_down_is_up_with_the_first_good_check, set_up),
        cmocka_unit_test_setup(a_check_tells_whether_it_can_be_reached, set_up),
        cmocka_unit_test_setup(traffic_says_nothing_of_one_that_checks_have_put_down, set_up),
        cmocka_unit_test_setup(one_that_cannot_be_reached_is_asked_by_us_and_then_by_one_request,
                               set_up),
        cmocka_unit_test_setup(where_nobody_else_asks_a_request_has_to, set_up),
        cmocka_unit_test_setup(probes_become_rarer_up_to_a_bound, set_up),
        cmocka_unit_test_setup(
            failures_in_a_row_eject_it_and_one_request_at_a_time_shows_what_it_does, set_up),
        cmocka_unit_test_setup(each_ejection_is_longer_unless_it_was_well_for_long, set_up),
        cmocka_unit_test_setup(a_trial_that_fails_ejects_it_for_longer, set_up),
        cmocka_unit_test_setup(a_trial_that_says_nothing_leaves_room_for_another, set_up),
        cmocka_unit_test_setup(where_too_few_are_left_failures_do_not_eject, set_up),
        cmocka_unit_test_setup(without_terms_only_what_cannot_be_reached_is_out, set_up),
        cmocka_unit_test_setup(
            checks_bring_back_what_could_not_be_reached_and_put_down_what_was_ejected, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

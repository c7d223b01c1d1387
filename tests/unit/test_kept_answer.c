/* When names are looked up again, and what is kept while answers fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "discovery/kept_answer.h"

#define SECOND UINT64_C(1000000)
#define START (100 * SECOND)

static struct resolve_settings settings;
static struct kept_answer kept;

static int set_up(void **state)
{
    (void)state;
    settings = (struct resolve_settings){
        .ttl_min_ms = 2000, .ttl_max_ms = 30000, .keep_ms = 60000, .timeout_ms = 1000};
    kept = (struct kept_answer){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kept_answer_free(&kept);
    return 0;
}

/* Addresses that end so, 0 is none. */
static bool take(uint32_t ttl_s, uint8_t one, uint8_t other, uint64_t now_us)
{
    static struct dns_answer answer;

    answer = (struct dns_answer){.ttl_s = ttl_s};
    if (one != 0) {
        answer.records[answer.count++].ip[3] = one;
    }
    if (other != 0) {
        answer.records[answer.count++].ip[3] = other;
    }
    return kept_answer_take(&kept, &answer, &settings, now_us, 0);
}

static bool take_failure(enum dns_how how, uint64_t now_us)
{
    static struct dns_answer answer;

    answer = (struct dns_answer){.how = how, .problem = "no name server answers"};
    return kept_answer_take(&kept, &answer, &settings, now_us, 0);
}

static uint64_t wait_after(uint64_t now_us)
{
    return kept.next_us - now_us;
}

static void it_is_looked_up_again_when_its_ttl_is_over_within_bounds(void **state)
{
    (void)state;
    (void)take(10, 1, 0, START);
    assert_int_equal(wait_after(START), 10 * SECOND);
    (void)take(0, 1, 0, START);
    assert_int_equal(wait_after(START), 2 * SECOND);
    (void)take(86400, 1, 0, START);
    assert_int_equal(wait_after(START), 30 * SECOND);
    settings.every_ms = 500;
    (void)take(86400, 1, 0, START);
    assert_int_equal(wait_after(START), SECOND / 2);
}

static void moments_are_spread(void **state)
{
    static struct dns_answer answer = {.ttl_s = 10, .count = 1};
    uint64_t first;

    (void)state;
    (void)kept_answer_take(&kept, &answer, &settings, START, 12345678901);
    first = wait_after(START);
    assert_true(first >= 10 * SECOND && first <= 11 * SECOND);
    (void)kept_answer_take(&kept, &answer, &settings, START, 98765432109);
    assert_true(wait_after(START) != first);
}

static void other_records_are_a_change_and_another_order_is_none(void **state)
{
    (void)state;
    assert_true(take(10, 1, 2, START));
    assert_false(take(10, 2, 1, START));
    assert_false(take(20, 1, 2, START));
    assert_true(take(10, 1, 0, START));
    assert_true(take(10, 3, 0, START));
}

static void failures_keep_the_last_good_one_for_a_while(void **state)
{
    static const enum dns_how hows[] = {DNS_FAILED, DNS_NO_NAME, DNS_NO_DATA};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hows); i++) {
        (void)take(10, 1, 2, START);
        assert_false(take_failure(hows[i], START + SECOND));
        assert_int_equal(kept.count, 2);
        assert_false(kept.is_good);
        assert_string_equal(kept.problem, "no name server answers");
        assert_false(kept_answer_expire(&kept, &settings, START + 60 * SECOND - 1));
        assert_true(kept_answer_expire(&kept, &settings, START + 60 * SECOND));
        assert_int_equal(kept.count, 0);
        assert_false(kept_answer_expire(&kept, &settings, START + 61 * SECOND));
    }
}

static void without_keep_the_first_failure_ends_it(void **state)
{
    (void)state;
    settings.keep_ms = 0;
    (void)take(10, 1, 0, START);
    assert_true(take_failure(DNS_NO_NAME, START + SECOND));
    assert_int_equal(kept.count, 0);
}

static void it_is_asked_less_and_less_often_while_it_fails(void **state)
{
    static const uint64_t waits[] = {1, 2, 4, 8, 16, 30, 30};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        (void)take_failure(DNS_FAILED, START);
        assert_int_equal(wait_after(START), waits[i] * SECOND);
    }
    (void)take(10, 1, 0, START);
    assert_string_equal(kept.problem, "");
    (void)take_failure(DNS_FAILED, START);
    assert_int_equal(wait_after(START), SECOND);
}

static void what_is_kept_ends_in_time_though_the_next_look_is_later(void **state)
{
    (void)state;
    (void)take(10, 1, 0, START);
    for (unsigned i = 0; i < 6; i++) {
        (void)take_failure(DNS_FAILED, START + 50 * SECOND);
    }
    assert_int_equal(kept.next_us, START + 60 * SECOND);
}

static void a_doubt_has_it_looked_up_soon_but_not_all_the_time(void **state)
{
    (void)state;
    (void)take(30, 1, 0, START);
    assert_int_equal(kept_answer_doubt_us(&kept, START + 10 * SECOND), START + 10 * SECOND);
    assert_int_equal(kept_answer_doubt_us(&kept, START + 1), START + KEPT_DOUBT_US);
    settings.ttl_min_ms = 100;
    (void)take(0, 1, 0, START);
    assert_int_equal(kept_answer_doubt_us(&kept, START + 1), START + SECOND / 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_looked_up_again_when_its_ttl_is_over_within_bounds),
        TEST(moments_are_spread),
        TEST(other_records_are_a_change_and_another_order_is_none),
        TEST(failures_keep_the_last_good_one_for_a_while),
        TEST(without_keep_the_first_failure_ends_it),
        TEST(it_is_asked_less_and_less_often_while_it_fails),
        TEST(what_is_kept_ends_in_time_though_the_next_look_is_later),
        TEST(a_doubt_has_it_looked_up_soon_but_not_all_the_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

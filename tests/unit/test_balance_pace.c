/* How much slower than the others a member answers, and how that fades. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "upstream/balance_pace.h"

#define SECOND UINT64_C(1000000)
#define MEMBERS 4

static struct balance_pace paces[MEMBERS];
static struct balance_pace all;
static uint64_t now_us;

static int set_up(void **state)
{
    (void)state;
    balance_pace_init(&all);
    for (size_t i = 0; i < MEMBERS; i++) {
        balance_pace_init(&paces[i]);
    }
    now_us = 100 * SECOND;
    return 0;
}

static void answer(size_t member, uint64_t latency_us)
{
    const struct balance_outcome outcome = {LEASE_OK, {200, latency_us, now_us}};

    balance_pace_note(&paces[member], &all, &outcome);
}

/* Each answers so many times, a hundred a second; member 0 within that. */
static void answer_all(unsigned times, uint64_t latency_us, uint64_t latency_of_0_us)
{
    for (unsigned i = 0; i < times; i++) {
        now_us += SECOND / 100;
        for (size_t member = 0; member < MEMBERS; member++) {
            answer(member, member == 0 ? latency_of_0_us : latency_us);
        }
    }
}

/* In tenths. */
static unsigned slowness_of(size_t member)
{
    balance_pace_look(&paces[member], &all, now_us);
    return paces[member].slowness * 10 / BALANCE_PACE_USUAL;
}

static void who_is_as_fast_or_twice_as_slow_is_as_usual(void **state)
{
    (void)state;
    answer_all(100, 10000, 5000);
    assert_int_equal(slowness_of(0), 10);
    assert_int_equal(slowness_of(1), 10);
    answer_all(100, 10000, 25000);
    assert_int_equal(slowness_of(0), 10);
}

/* Of the group it is a quarter, by whose own slowness the others look faster than all. */
static void who_is_ten_times_slower_counts_for_so_many(void **state)
{
    (void)state;
    answer_all(200, 10000, 10000);
    answer_all(4, 10000, 100000);
    assert_int_equal(slowness_of(0), 10); /* a few say nothing */
    answer_all(60, 10000, 100000);
    assert_in_range(slowness_of(0), 40, 100);
    assert_int_equal(slowness_of(1), 10);
    /* Nobody asks it any more. */
    for (unsigned i = 0; i < 1000; i++) {
        answer(1 + i % 3, 10000);
    }
    assert_in_range(slowness_of(0), 80, 110);
}

static void it_is_forgotten_by_and_by(void **state)
{
    unsigned before;

    (void)state;
    who_is_ten_times_slower_counts_for_so_many(state);
    before = slowness_of(0);
    now_us += 7 * SECOND;
    assert_in_range(slowness_of(0), before / 2 - 5, before / 2 + 5);
    now_us += 7 * SECOND; /* below what makes one slow: it was, and stays so */
    assert_in_range(slowness_of(0), before / 4 - 5, before / 4 + 5);
    now_us += 14 * SECOND;
    assert_int_equal(slowness_of(0), 10);
    answer(0, 100000); /* it was tried, and is as it was */
    assert_in_range(slowness_of(0), 80, 110);
    now_us += 28 * SECOND;
    answer(0, 10000); /* and now it is not */
    assert_int_equal(slowness_of(0), 10);
}

static void some_that_take_long_make_none_slow(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        uint64_t random = hash_mix(i + 1);
        now_us += SECOND / 100;
        answer((size_t)(random % MEMBERS), random / MEMBERS % 10 == 0 ? 1000000 : 10000);
        for (size_t member = 0; member < MEMBERS; member++) {
            assert_int_equal(slowness_of(member), 10);
        }
    }
}

static void who_fails_at_once_is_not_fast(void **state)
{
    const struct balance_outcome failure = {LEASE_SERVER_FAILED, {0, 10, now_us}};

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        answer(1, 10000);
        answer(2, 10000);
        balance_pace_note(&paces[0], &all, &failure);
    }
    assert_true(slowness_of(0) > 40);
}

static void no_number_is_too_large(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        answer(0, UINT64_MAX);
        for (unsigned k = 0; k < 10; k++) {
            answer(1, 1);
        }
    }
    assert_in_range(slowness_of(0), 640, 640);
    assert_int_equal(slowness_of(1), 10);
    now_us = 0; /* a clock that goes back */
    answer(0, 1);
    now_us = UINT64_MAX;
    assert_int_equal(slowness_of(0), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_is_as_fast_or_twice_as_slow_is_as_usual, set_up),
        cmocka_unit_test_setup(who_is_ten_times_slower_counts_for_so_many, set_up),
        cmocka_unit_test_setup(it_is_forgotten_by_and_by, set_up),
        cmocka_unit_test_setup(some_that_take_long_make_none_slow, set_up),
        cmocka_unit_test_setup(who_fails_at_once_is_not_fast, set_up),
        cmocka_unit_test_setup(no_number_is_too_large, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Servers that fail, or take long, more than the others of their group do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/outlier.h"

#define MS UINT64_C(1000)

static const struct outliers_settings terms = {.errors = 50, .requests = 20, .slow = 4};

static bool fails(uint64_t own, uint64_t own_bad, uint64_t others, uint64_t others_bad)
{
    return outlier_fails(&terms, (struct outlier_mark){own, own_bad},
                         (struct outlier_mark){own + others, own_bad + others_bad});
}

static void one_that_fails_more_often_than_the_others_is_found(void **state)
{
    const struct outliers_settings off = {.requests = 20};

    (void)state;
    assert_true(fails(20, 10, 20, 0));
    assert_true(fails(20, 20, 100, 50)); /* half as often, at most */
    assert_false(fails(20, 20, 100, 51));
    assert_false(fails(20, 9, 20, 0));   /* less than half of its requests */
    assert_false(fails(19, 19, 100, 0)); /* too few of them */
    assert_false(fails(20, 20, 19, 0));  /* or of the others' */
    assert_false(fails(20, 0, 20, 0));
    assert_false(outlier_fails(&off, (struct outlier_mark){20, 20}, (struct outlier_mark){60, 20}));
}

static void add(struct latency_sum *sum, unsigned times, uint64_t us)
{
    struct latency seen = {0};

    for (unsigned i = 0; i < times; i++) {
        latency_count(&seen, us);
    }
    latency_add(sum, &seen);
}

static bool is_slow(const struct outliers_settings *by, unsigned own, uint64_t own_us,
                    unsigned others, uint64_t others_us)
{
    struct latency_sum mine = {0};
    struct latency_sum all = {0};
    struct outlier_pace pace;

    add(&mine, own, own_us);
    add(&all, own, own_us);
    add(&all, others, others_us);
    pace = outlier_pace_of(by, &mine, &all);
    return outlier_is_slow(by, &pace);
}

static void one_that_takes_many_times_as_long_as_the_others_is_found(void **state)
{
    const struct outliers_settings off = {.requests = 20};

    (void)state;
    assert_true(is_slow(&terms, 20, 100 * MS, 20, 10 * MS));
    assert_true(
        is_slow(&terms, 50, 45 * MS, 20, 10 * MS)); /* the middle of a step is what counts */
    assert_false(is_slow(&terms, 20, 30 * MS, 20, 10 * MS));
    assert_false(is_slow(&terms, 19, 100 * MS, 20, 10 * MS));
    assert_false(is_slow(&terms, 20, 100 * MS, 19, 10 * MS));
    assert_false(is_slow(&terms, 20, 4 * MS, 20, MS / 10)); /* fast enough */
    assert_false(is_slow(&off, 20, 100 * MS, 20, 10 * MS));
}

/* Half of the requests count: a few that take long are what any server has. */
static void a_few_slow_requests_make_no_slow_server(void **state)
{
    struct latency_sum mine = {0};
    struct latency_sum all = {0};
    struct outlier_pace pace;

    (void)state;
    add(&mine, 60, 10 * MS);
    add(&mine, 40, 900 * MS);
    latency_add_sum(&all, &mine);
    add(&all, 100, 10 * MS);
    pace = outlier_pace_of(&terms, &mine, &all);
    assert_false(outlier_is_slow(&terms, &pace));
    assert_int_equal(pace.own_us, pace.others_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_fails_more_often_than_the_others_is_found),
        cmocka_unit_test(one_that_takes_many_times_as_long_as_the_others_is_found),
        cmocka_unit_test(a_few_slow_requests_make_no_slow_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The histogram of latencies: how true its quantiles are, and that histograms add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "upstream/endpoint.h"
#include "upstream/latency.h"

static struct latency latency;
static struct latency_sum sum;

static int set_up(void **state)
{
    (void)state;
    memset(&latency, 0, sizeof(latency));
    memset(&sum, 0, sizeof(sum));
    return 0;
}

static void a_single_value_is_told_within_a_sixteenth(void **state)
{
    (void)state;
    for (uint64_t us = 512; us < (UINT64_C(1) << 36); us += us / 7) {
        uint64_t told;
        (void)set_up(state);
        latency_count(&latency, us);
        latency_add(&sum, &latency);
        told = latency_quantile_us(&sum, 500);
        assert_true(told * 16 <= us * 17 + 16 && told * 16 + 16 >= us * 15);
        assert_int_equal(told, latency_quantile_us(&sum, 999));
    }
}

static void the_shortest_and_the_longest_have_a_step_too(void **state)
{
    (void)state;
    latency_count(&latency, 0);
    latency_count(&latency, UINT64_MAX);
    latency_add(&sum, &latency);
    assert_in_range(latency_quantile_us(&sum, 500), 0, 32);
    assert_true(latency_quantile_us(&sum, 999) > UINT64_C(60000000000));
}

static void quantiles_are_in_order(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 1000; i++) {
        latency_count(&latency, i * 1000);
    }
    latency_add(&sum, &latency);
    assert_in_range(latency_quantile_us(&sum, 500), 465000, 535000);
    assert_in_range(latency_quantile_us(&sum, 900), 840000, 960000);
    assert_in_range(latency_quantile_us(&sum, 990), 920000, 1060000);
}

static void nothing_seen_is_0(void **state)
{
    (void)state;
    assert_int_equal(latency_quantile_us(&sum, 500), 0);
}

/* Of a worker that has gone too. */
static void an_endpoint_has_those_of_all_workers(void **state)
{
    const struct endpoint_key key = {.host = "127.0.0.1", .port = 1};
    struct endpoint *endpoint = endpoint_take(&key);
    struct endpoint_share shares[2] = {0};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        endpoint_join(endpoint, &shares[i]);
        latency_count(&shares[i].latency, i == 0 ? 1000 : 1000000);
    }
    endpoint_leave(endpoint, &shares[0]);
    endpoint_latency(endpoint, &sum);
    assert_in_range(latency_quantile_us(&sum, 500), 900, 1100);
    assert_in_range(latency_quantile_us(&sum, 990), 900000, 1100000);
    endpoint_leave(endpoint, &shares[1]);
    memset(&sum, 0, sizeof(sum));
    endpoint_latency(endpoint, &sum);
    assert_in_range(latency_quantile_us(&sum, 990), 900000, 1100000);
    endpoint_release(endpoint);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_single_value_is_told_within_a_sixteenth),
        TEST(the_shortest_and_the_longest_have_a_step_too),
        TEST(quantiles_are_in_order),
        TEST(nothing_seen_is_0),
        TEST(an_endpoint_has_those_of_all_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What strategies are for, in a short form of the simulation that `make bench-balance` runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness/balance_sim.h"

static struct sim_answer simulate(const struct balance_type *type, size_t servers,
                                  enum sim_pool pool, bool is_weighted)
{
    const struct sim_question question = {
        .type = type,
        .servers = servers,
        .slots = 8,
        .workers = 2,
        .requests = 60000,
        .load = 0.6,
        .pool = pool,
        .slow = 1,
        .is_weighted = is_weighted,
        .keys = 1000 * servers,
        .seed = 7,
    };
    struct sim_answer answer;

    sim_run(&question, &answer);
    return answer;
}

/* By turns the slow one gets as many requests as the others, and they wait; by `least_requests` and
 * `ewma` nine of ten go elsewhere. */
static void one_that_is_ten_times_slower_is_hardly_seen(void **state)
{
    (void)state;
    double healthy = simulate(&balance_round_robin, 20, SIM_EQUAL, false).p99_ms;

    assert_true(simulate(&balance_round_robin, 20, SIM_SLOW, false).p99_ms > 5 * healthy);
    assert_true(simulate(&balance_least_requests, 20, SIM_SLOW, false).p99_ms < 1.5 * healthy);
    assert_true(simulate(&balance_ewma, 20, SIM_SLOW, false).p99_ms < 1.5 * healthy);
}

static void of_four_too_by_latency(void **state)
{
    double healthy = simulate(&balance_round_robin, 4, SIM_EQUAL, false).p99_ms;

    (void)state;
    assert_true(simulate(&balance_ewma, 4, SIM_SLOW, false).p99_ms < 1.5 * healthy);
    assert_true(simulate(&balance_least_requests, 4, SIM_SLOW, false).p99_ms < 1.5 * healthy);
}

static void the_same_question_has_the_same_answer(void **state)
{
    const struct sim_answer first = simulate(&balance_random_of_two, 10, SIM_MIXED, false);
    const struct sim_answer second = simulate(&balance_random_of_two, 10, SIM_MIXED, false);

    (void)state;
    assert_memory_equal(&first, &second, sizeof(first));
}

static void servers_that_differ_need_weights_by_turns_alone(void **state)
{
    double blind = simulate(&balance_round_robin, 20, SIM_MIXED, false).p99_ms;

    (void)state;
    assert_true(simulate(&balance_round_robin, 20, SIM_MIXED, true).p99_ms < blind / 2);
    assert_true(simulate(&balance_least_requests, 20, SIM_MIXED, false).p99_ms < blind / 2);
    assert_true(simulate(&balance_ewma, 20, SIM_MIXED, false).p99_ms < blind / 2);
}

static void keys_stay(void **state)
{
    (void)state;
    assert_true(simulate(&balance_hash, 20, SIM_EQUAL, false).moved == 0);
    assert_true(simulate(&balance_sticky, 20, SIM_EQUAL, false).moved == 0);
    assert_true(simulate(&balance_least_requests, 20, SIM_EQUAL, false).moved > 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_ten_times_slower_is_hardly_seen),
        cmocka_unit_test(of_four_too_by_latency),
        cmocka_unit_test(the_same_question_has_the_same_answer),
        cmocka_unit_test(servers_that_differ_need_weights_by_turns_alone),
        cmocka_unit_test(keys_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Peak EWMA: what is seen of latencies, and how it is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "balance_world.h"

static struct balance_world world;

static void set_up(void)
{
    world_init(&world, 2);
    world_start(&world, &balance_ewma);
}

static void each_is_asked_once_before_latencies_count(void **state)
{
    (void)state;
    set_up();
    world_answer(&world, 0, 200, 1000);
    assert_int_equal(world_pick(&world, 0), 1);
    world_load(&world, 1, 1); /* asked, and silent so far */
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(world_pick(&world, 0), 0);
    }
    world_end(&world);
}

static void the_sooner_one_is_chosen_until_it_has_too_much_on_it(void **state)
{
    (void)state;
    set_up();
    world_answer(&world, 0, 200, 1000);
    world_answer(&world, 1, 200, 10000);
    world_load(&world, 0, 8);
    assert_int_equal(world_pick(&world, 0), 0);
    world_load(&world, 0, 10);
    assert_int_equal(world_pick(&world, 0), 1);
    world_end(&world);
}

static void a_peak_counts_at_once_and_fades(void **state)
{
    (void)state;
    set_up();
    world_answer(&world, 0, 200, 1000);
    world_answer(&world, 1, 200, 2000);
    world_answer(&world, 0, 200, 64000);
    assert_int_equal(world_pick(&world, 0), 1);
    world.now_us += 60 * 1000000; /* nothing is heard of 0; 1 goes on as it was */
    world_answer(&world, 1, 200, 2000);
    assert_int_equal(world_pick(&world, 0), 0);
    world_end(&world);
}

static void a_peak_is_outweighed_by_what_comes_later(void **state)
{
    (void)state;
    set_up();
    world_answer(&world, 0, 200, 100000);
    world_answer(&world, 1, 200, 2000);
    for (unsigned i = 0; i < 100; i++) {
        world.now_us += 1000000;
        world_answer(&world, 0, 200, 1000);
        world_answer(&world, 1, 200, 2000);
    }
    assert_int_equal(world_pick(&world, 0), 0);
    world_end(&world);
}

static void who_fails_at_once_is_not_the_fastest(void **state)
{
    const struct balance_outcome failure = {LEASE_SERVER_FAILED, {0, 0, 1000000}};

    (void)state;
    set_up();
    world_answer(&world, 0, 503, 10);
    world_answer(&world, 1, 200, 50000);
    assert_int_equal(world_pick(&world, 0), 1);
    world_end(&world);
    set_up();
    world.balance->type->done(world.balance, 0, &failure);
    world_answer(&world, 1, 200, 50000);
    assert_int_equal(world_pick(&world, 0), 1);
    world_end(&world);
}

static void weights_count(void **state)
{
    (void)state;
    world_init(&world, 2);
    world.members[1].weight = 4;
    world_start(&world, &balance_ewma);
    world_answer(&world, 0, 200, 1000);
    world_answer(&world, 1, 200, 2000);
    assert_int_equal(world_pick(&world, 0), 1);
    world_end(&world);
}

static void no_latency_is_too_long(void **state)
{
    (void)state;
    set_up();
    world.now_us = UINT64_MAX / 2;
    world_answer(&world, 0, 200, UINT64_MAX);
    world_load(&world, 0, 1000000);
    world_answer(&world, 1, 200, 1);
    assert_int_equal(world_pick(&world, 0), 1);
    world.now_us = UINT64_MAX - 1;
    world_answer(&world, 0, 200, 1);
    world_load(&world, 1, 1000000);
    world_load(&world, 0, 0);
    assert_int_equal(world_pick(&world, 0), 0);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_asked_once_before_latencies_count),
        cmocka_unit_test(the_sooner_one_is_chosen_until_it_has_too_much_on_it),
        cmocka_unit_test(a_peak_counts_at_once_and_fades),
        cmocka_unit_test(a_peak_is_outweighed_by_what_comes_later),
        cmocka_unit_test(who_fails_at_once_is_not_the_fastest),
        cmocka_unit_test(weights_count),
        cmocka_unit_test(no_latency_is_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

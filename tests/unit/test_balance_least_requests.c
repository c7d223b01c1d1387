/* Least requests, by weight, and by turns among equals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "balance_world.h"

static struct balance_world world;

static void idle_members_take_turns_by_weight(void **state)
{
    unsigned hits[3];

    (void)state;
    world_init(&world, 3);
    world.members[0].weight = 2;
    world_start(&world, &balance_least_requests);
    world_pick_many(&world, 400, hits);
    assert_int_equal(hits[0], 200);
    assert_int_equal(hits[1], 100);
    assert_int_equal(hits[2], 100);
    world_end(&world);
}

static void the_one_with_the_least_on_it_is_chosen(void **state)
{
    (void)state;
    world_init(&world, 3);
    world_start(&world, &balance_least_requests);
    world_load(&world, 0, 3);
    world_load(&world, 1, 1);
    world_load(&world, 2, 2);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(world_pick(&world, 0), 1);
    }
    world_remove(&world, 1);
    assert_int_equal(world_pick(&world, 0), 2);
    world_end(&world);
}

static void a_heavy_one_carries_more_before_another_is_chosen(void **state)
{
    (void)state;
    world_init(&world, 2);
    world.members[0].weight = 10;
    world_start(&world, &balance_least_requests);
    world_load(&world, 0, 9);
    world_load(&world, 1, 1);
    assert_int_equal(world_pick(&world, 0), 0);
    world_load(&world, 0, 11);
    assert_int_equal(world_pick(&world, 0), 1);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_members_take_turns_by_weight),
        cmocka_unit_test(the_one_with_the_least_on_it_is_chosen),
        cmocka_unit_test(a_heavy_one_carries_more_before_another_is_chosen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

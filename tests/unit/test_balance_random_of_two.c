/* Random of two, and the draws that it and others make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "balance_world.h"

static struct balance_world world;

static void draws_follow_the_weights(void **state)
{
    unsigned hits[3];

    /* Two of three are drawn and all are idle: weights alone tell them apart. */
    (void)state;
    world_init(&world, 3);
    world.members[0].weight = 8;
    world_start(&world, &balance_random_of_two);
    world_pick_many(&world, 10000, hits);
    assert_true(hits[0] > 7500);
    assert_in_range(hits[1], 300, 1500);
    assert_in_range(hits[2], 300, 1500);
    world_end(&world);
}

static void equal_ones_get_equal_shares(void **state)
{
    unsigned hits[4];

    (void)state;
    world_init(&world, 4);
    world_start(&world, &balance_random_of_two);
    world_pick_many(&world, 20000, hits);
    for (unsigned i = 0; i < 4; i++) {
        assert_in_range(hits[i], 4500, 5500);
    }
    world_end(&world);
}

static void of_two_the_emptier_is_taken(void **state)
{
    unsigned hits[3];

    (void)state;
    world_init(&world, 3);
    world_load(&world, 1, 5);
    world_start(&world, &balance_random_of_two);
    world_pick_many(&world, 3000, hits);
    assert_int_equal(hits[1], 0);
    world_end(&world);
}

static void one_choice_is_the_choice(void **state)
{
    (void)state;
    world_init(&world, 300);
    for (size_t i = 0; i < 300; i++) {
        world.members[i].weight = i == 0 ? 1000 : 1;
        if (i != 217) {
            world_remove(&world, i);
        }
    }
    world_start(&world, &balance_random_of_two);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(world_pick(&world, 0), 217);
    }
    world_end(&world);
}

static void two_are_two_though_one_has_all_the_weight(void **state)
{
    (void)state;
    world_init(&world, 2);
    world.members[0].weight = 1000;
    world_load(&world, 0, 1000000);
    world_start(&world, &balance_random_of_two);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(world_pick(&world, 0), 1);
    }
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_follow_the_weights),
        cmocka_unit_test(equal_ones_get_equal_shares),
        cmocka_unit_test(of_two_the_emptier_is_taken),
        cmocka_unit_test(one_choice_is_the_choice),
        cmocka_unit_test(two_are_two_though_one_has_all_the_weight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

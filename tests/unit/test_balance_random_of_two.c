/* Random of two, and the draws that it and others make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "balance_world.h"
#include "upstream/balance_draws.h"

static struct balance_world world;

static void draws_follow_the_weights(void **state)
{
    unsigned hits[3];

    (void)state;
    for (uint64_t serial = 0; serial < 2; serial++) {
        /* Two of three are drawn and all are idle: weights alone tell them apart. */
        world_init(&world, 3);
        world.serial = serial;
        world.members[0].weight = 8;
        world_start(&world, &balance_random_of_two);
        world_pick_many(&world, 10000, hits);
        assert_true(hits[0] > 7500);
        assert_in_range(hits[1], 300, 1500);
        assert_in_range(hits[2], 300, 1500);
        world_end(&world);
    }
}

static void a_table_draws_as_often_as_weights_say(void **state)
{
    static unsigned hits[WORLD_MAX];
    struct balance_draws draws;
    struct balance_ask ask = {.choices = &world.choices, .choices_serial = 1};
    size_t two[2];
    double total = 0;

    (void)state;
    memset(hits, 0, sizeof(hits));
    world_init(&world, 100);
    for (size_t i = 0; i < 100; i++) {
        world.members[i].weight = i % 10 == 0 ? 1000 : (unsigned)i; /* far apart */
        if (i % 7 == 3) {
            world_remove(&world, i);
        } else {
            total += world.members[i].weight;
        }
    }
    balance_draws_init(&draws, world.members, 100);
    for (unsigned i = 0; i < 200000; i++) {
        ask.random = hash_mix(i + 1);
        balance_draw_two(&draws, &ask, two);
        assert_int_not_equal(two[0], two[1]);
        hits[two[0]]++;
    }
    for (size_t i = 0; i < 100; i++) {
        double expected =
            balance_set_has(&world.choices, i) ? 200000 * world.members[i].weight / total : 0;
        assert_true(hits[i] >= 0.8 * expected - 40 && hits[i] <= 1.2 * expected + 40);
        assert_true(expected != 0 || hits[i] == 0);
    }
    balance_draws_free(&draws);
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
        cmocka_unit_test(a_table_draws_as_often_as_weights_say),
        cmocka_unit_test(equal_ones_get_equal_shares),
        cmocka_unit_test(of_two_the_emptier_is_taken),
        cmocka_unit_test(one_choice_is_the_choice),
        cmocka_unit_test(two_are_two_though_one_has_all_the_weight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

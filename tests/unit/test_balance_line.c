/* Turns by weight and the least load, with the choices in a heap and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "balance_world.h"
#include "upstream/balance_line.h"

static struct balance_world world;
static unsigned hits[WORLD_MAX];

static void start(const unsigned weights[], size_t count, const struct balance_type *type,
                  uint64_t serial)
{
    world_init(&world, count);
    for (size_t i = 0; i < count; i++) {
        world.members[i].weight = weights[i];
    }
    world.serial = serial;
    world_start(&world, type);
}

static unsigned sum_of(const unsigned weights[], size_t count)
{
    unsigned sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += weights[i];
    }
    return sum;
}

static void check_turns(const unsigned weights[], size_t count, const struct balance_type *type,
                        uint64_t serial)
{
    unsigned sum = sum_of(weights, count);

    start(weights, count, type, serial);
    world_pick_many(&world, sum / 3, hits); /* it does not matter where a run begins */
    for (unsigned run = 0; run < 20; run++) {
        world_pick_many(&world, sum, hits);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(hits[i], weights[i]);
        }
    }
    world_end(&world);
}

static void each_run_of_all_weights_has_each_one_as_often_as_its_weight(void **state)
{
    static const unsigned some[][4] = {
        {1, 1, 1, 2}, {5, 1, 1, 1}, {3, 7, 11, 2}, {100, 1, 50, 1}, {9, 9, 1, 9}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(some); i++) {
        for (uint64_t serial = 0; serial < 2; serial++) {
            check_turns(some[i], 4, &balance_round_robin, serial);
            check_turns(some[i], 4, &balance_least_requests, serial); /* all are idle */
        }
    }
}

/* No gap is longer than its share of the whole and what the others may put in between. */
static void turns_are_evenly_spaced(void **state)
{
    static const unsigned weights[] = {10, 10, 10, 10, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    size_t count = ARRAY_LEN(weights);
    unsigned last[ARRAY_LEN(weights)] = {0};

    (void)state;
    start(weights, count, &balance_round_robin, 1);
    for (unsigned i = 1; i <= 500; i++) {
        size_t member = world_pick(&world, 0);
        assert_in_range(i - last[member], 1, member < 4 ? 7 : 51);
        last[member] = i;
    }
    world_end(&world);
}

static void the_heap_and_a_look_at_all_come_to_the_same_turns(void **state)
{
    static unsigned weights[300];
    static size_t picks[5000];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
        weights[i] = (unsigned)(hash_mix(i + 1) % 20) + 1;
    }
    start(weights, ARRAY_LEN(weights), &balance_round_robin, 0);
    for (size_t i = 0; i < ARRAY_LEN(picks); i++) {
        picks[i] = world_pick(&world, 0);
    }
    world_end(&world);
    start(weights, ARRAY_LEN(weights), &balance_round_robin, 1);
    for (size_t i = 0; i < ARRAY_LEN(picks); i++) {
        assert_int_equal(world_pick(&world, 0), picks[i]);
    }
    world_end(&world);
}

static void who_was_away_does_not_make_up_for_it(void **state)
{
    static const unsigned weights[] = {1, 2, 1};

    (void)state;
    start(weights, 3, &balance_round_robin, 1);
    world_remove(&world, 0);
    world.serial = 2;
    world_pick_many(&world, 300, hits);
    assert_int_equal(hits[0], 0);
    balance_set_add(&world.choices, 0);
    world.serial = 3;
    world_pick_many(&world, 40, hits);
    assert_in_range(hits[0], 9, 11);
    world_end(&world);
}

/* ---- the least of all ---- */

static uint64_t least(void)
{
    uint64_t load = UINT64_MAX;

    for (size_t i = 0; i < world.count; i++) {
        uint64_t has = balance_load(&world.members[i]) * 1000000 / world.members[i].weight;
        load = has < load ? has : load;
    }
    return load;
}

static void change_load(size_t member, int by)
{
    endpoint_count(&world.shares[member].leases, by);
    world.balance->type->moved(world.balance, member);
}

static void the_least_is_found_however_loads_change(void **state)
{
    static unsigned weights[100];
    uint64_t random = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
        weights[i] = (unsigned)(hash_mix(i + 1) % 5) + 1;
    }
    start(weights, ARRAY_LEN(weights), &balance_least_requests, 1);
    for (unsigned i = 0; i < 20000; i++) {
        size_t some = (size_t)(hash_mix(++random) % world.count);
        size_t member = world_pick(&world, 0);
        assert_int_equal(balance_load(&world.members[member]) * 1000000 / weights[member], least());
        change_load(member, 1);
        if (balance_load(&world.members[some]) != 0 && hash_mix(++random) % 100 < 97) {
            change_load(some, -1);
        }
    }
    world_end(&world);
}

/* Servers that several backends have: nobody tells. */
static void what_others_do_with_members_is_found_out(void **state)
{
    static const unsigned weights[] = {1, 1, 1, 1, 1, 1, 1, 1};

    (void)state;
    start(weights, 8, &balance_least_requests, 1);
    for (size_t i = 0; i < 8; i++) {
        world_load(&world, i, 3);
    }
    (void)world_pick(&world, 0);
    world_load(&world, 5, 9);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_not_equal(world_pick(&world, 0), 5);
    }
    world_load(&world, 2, 1); /* less than it is known to have: it is looked at in its turn */
    world_pick_many(&world, 8, hits);
    assert_int_equal(world_pick(&world, 0), 2);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_run_of_all_weights_has_each_one_as_often_as_its_weight),
        cmocka_unit_test(turns_are_evenly_spaced),
        cmocka_unit_test(the_heap_and_a_look_at_all_come_to_the_same_turns),
        cmocka_unit_test(who_was_away_does_not_make_up_for_it),
        cmocka_unit_test(the_least_is_found_however_loads_change),
        cmocka_unit_test(what_others_do_with_members_is_found_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

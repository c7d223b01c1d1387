/* Maglev: shares, and how few keys move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "balance_world.h"

static struct balance_world world;

#define KEYS 20000

static size_t homes[KEYS];

static void find_homes(size_t count, const struct balance_type *type)
{
    world_init(&world, count);
    world_start(&world, type);
    for (unsigned i = 0; i < KEYS; i++) {
        homes[i] = world_pick(&world, hash_mix(i) | 1);
    }
}

static void a_key_stays_with_its_member(void **state)
{
    (void)state;
    find_homes(10, &balance_hash);
    for (unsigned i = 0; i < KEYS; i++) {
        world_load(&world, homes[i], i);
        assert_int_equal(world_pick(&world, hash_mix(i) | 1), homes[i]);
    }
    world_end(&world);
}

static void keys_are_shared_by_weight(void **state)
{
    unsigned hits[10] = {0};

    (void)state;
    world_init(&world, 10);
    world.members[3].weight = 11;
    world_start(&world, &balance_hash);
    for (unsigned i = 0; i < KEYS; i++) {
        hits[world_pick(&world, hash_mix(i) | 1)]++;
    }
    for (unsigned i = 0; i < 10; i++) {
        unsigned share = i == 3 ? KEYS * 11 / 20 : KEYS / 20;
        assert_in_range(hits[i], share * 8 / 10, share * 12 / 10);
    }
    world_end(&world);
}

/* One that is down: the table stays, and only its keys move, to all others. */
static void who_is_away_moves_no_keys_but_its_own(void **state)
{
    unsigned hits[10] = {0};
    unsigned moved = 0;

    (void)state;
    find_homes(10, &balance_hash);
    world_remove(&world, 4);
    for (unsigned i = 0; i < KEYS; i++) {
        size_t now = world_pick(&world, hash_mix(i) | 1);
        if (homes[i] == 4) {
            hits[now]++;
            moved++;
        } else {
            assert_int_equal(now, homes[i]);
        }
    }
    assert_in_range(moved, KEYS / 10 * 8 / 10, KEYS / 10 * 12 / 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_in_range(hits[i], i == 4 ? 0 : moved / 18, moved / 6);
    }
    world_end(&world);
}

/* One that is gone from the configuration, be it the first, in the middle, or the last. */
static void at_most_one_nth_and_two_percent_of_the_keys_move(void **state)
{
    static const size_t counts[] = {3, 10, 100, 1000};

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
        size_t count = counts[c];
        for (size_t out = 0; out < count; out += count / 2) {
            unsigned moved = 0;
            find_homes(count, &balance_hash);
            world_end(&world);
            world_init(&world, count);
            world.count = count - 1;
            memmove(&world.members[out], &world.members[out + 1],
                    (count - 1 - out) * sizeof(world.members[0]));
            world_remove(&world, count - 1);
            world_start(&world, &balance_hash);
            for (unsigned i = 0; i < KEYS; i++) {
                size_t now = world_pick(&world, hash_mix(i) | 1);
                moved += (now >= out ? now + 1 : now) != homes[i];
            }
            world_end(&world);
            assert_true(moved <= KEYS / count + KEYS / 50);
        }
    }
}

static void without_a_key_the_emptier_of_two_is_taken(void **state)
{
    unsigned hits[3];

    (void)state;
    world_init(&world, 3);
    world_load(&world, 0, 7);
    world_start(&world, &balance_hash);
    world_pick_many(&world, 1000, hits);
    assert_int_equal(hits[0], 0);
    assert_true(hits[1] > 300 && hits[2] > 300);
    world_end(&world);
}

/* All requests have one key: with a bound no member gets more than its share and a quarter. */
static void a_key_that_all_have_is_spread_where_load_is_bounded(void **state)
{
    uint64_t most = 0;
    uint64_t loads[8] = {0};

    (void)state;
    world_init(&world, 8);
    world.backend.bounded_load = 125;
    world_start(&world, &balance_hash);
    for (unsigned i = 0; i < 800; i++) {
        size_t member = world_pick(&world, 99);
        world_load(&world, member, ++loads[member]);
        most = loads[member] > most ? loads[member] : most;
    }
    assert_true(most <= 800 / 8 * 125 / 100 + 1);
    world_end(&world);
}

static void a_bound_leaves_a_key_where_there_is_room(void **state)
{
    size_t home;

    (void)state;
    world_init(&world, 8);
    world.backend.bounded_load = 125;
    world_start(&world, &balance_hash);
    home = world_pick(&world, 99);
    for (size_t i = 0; i < 8; i++) {
        world_load(&world, i, 10);
    }
    assert_int_equal(world_pick(&world, 99), home);
    world_load(&world, home, 20);
    assert_int_not_equal(world_pick(&world, 99), home);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_stays_with_its_member),
        cmocka_unit_test(keys_are_shared_by_weight),
        cmocka_unit_test(who_is_away_moves_no_keys_but_its_own),
        cmocka_unit_test(at_most_one_nth_and_two_percent_of_the_keys_move),
        cmocka_unit_test(without_a_key_the_emptier_of_two_is_taken),
        cmocka_unit_test(a_key_that_all_have_is_spread_where_load_is_bounded),
        cmocka_unit_test(a_bound_leaves_a_key_where_there_is_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

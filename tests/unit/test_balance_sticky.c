/* Sticky: tokens of servers, and who has which. Also the first in the list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "balance_world.h"

static struct balance_world world;

static uint64_t key_of(size_t member)
{
    char token[STICKY_TOKEN_LEN];

    sticky_token(world.backend.sticky_key, "b", world.members[member].name, token);
    return balance_key_of(span_make(token, sizeof(token)));
}

static void a_token_leads_to_its_member_whatever_is_on_it(void **state)
{
    (void)state;
    world_init(&world, 200);
    sticky_key_of_process(world.backend.sticky_key);
    world_start(&world, &balance_sticky);
    for (size_t i = 0; i < 200; i++) {
        world_load(&world, i, 1000 + i);
        assert_int_equal(world_pick(&world, key_of(i)), i);
    }
    world_end(&world);
}

static void whose_member_is_gone_gets_the_emptiest(void **state)
{
    (void)state;
    world_init(&world, 3);
    world_start(&world, &balance_sticky);
    world_load(&world, 0, 2);
    world_load(&world, 2, 1);
    world_remove(&world, 1);
    assert_int_equal(world_pick(&world, key_of(1)), 2);
    assert_int_equal(world_pick(&world, balance_key_of(SPAN_OF("made-up"))), 2);
    assert_int_equal(world_pick(&world, 0), 2);
    world_end(&world);
}

static void tokens_depend_on_key_backend_and_server_and_on_nothing_else(void **state)
{
    const unsigned char keys[2][STICKY_KEY_BYTES] = {{1}, {2}};
    char tokens[5][STICKY_TOKEN_LEN];

    (void)state;
    sticky_token(keys[0], "b", "10.0.0.1:80", tokens[0]);
    sticky_token(keys[1], "b", "10.0.0.1:80", tokens[1]);
    sticky_token(keys[0], "c", "10.0.0.1:80", tokens[2]);
    sticky_token(keys[0], "b", "10.0.0.2:80", tokens[3]);
    sticky_token(keys[0], "b1", "0.0.0.1:80", tokens[4]);
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned j = 0; j < i; j++) {
            assert_memory_not_equal(tokens[i], tokens[j], STICKY_TOKEN_LEN);
        }
    }
    sticky_token(keys[0], "b", "10.0.0.1:80", tokens[1]);
    assert_memory_equal(tokens[0], tokens[1], STICKY_TOKEN_LEN);
}

static void keys_of_the_process_are_all_one(void **state)
{
    unsigned char keys[2][STICKY_KEY_BYTES];

    (void)state;
    sticky_key_of_process(keys[0]);
    sticky_key_of_process(keys[1]);
    assert_memory_equal(keys[0], keys[1], STICKY_KEY_BYTES);
}

static void the_first_choice_is_taken(void **state)
{
    (void)state;
    world_init(&world, 3);
    world_start(&world, &balance_first);
    assert_int_equal(world_pick(&world, 0), 0);
    assert_int_equal(world_pick(&world, 0), 0);
    world_remove(&world, 0);
    assert_int_equal(world_pick(&world, 0), 1);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_leads_to_its_member_whatever_is_on_it),
        cmocka_unit_test(whose_member_is_gone_gets_the_emptiest),
        cmocka_unit_test(tokens_depend_on_key_backend_and_server_and_on_nothing_else),
        cmocka_unit_test(keys_of_the_process_are_all_one),
        cmocka_unit_test(the_first_choice_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

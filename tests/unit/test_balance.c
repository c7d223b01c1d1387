/* Balancing and the worker's view of a backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/upstream.h"

#define SECOND UINT64_C(1000000)

static struct server servers[3];
static struct backend backend = {.name = "b",
                                 .servers = servers,
                                 .server_count = 3,
                                 .policy = &balance_round_robin,
                                 .idle_connections = 2};

static int set_up(void **state)
{
    static struct upstream upstream;
    struct sock_address address;

    if (!sock_address_from_ip(&address, "127.0.0.1", 1)) {
        return 1;
    }
    for (size_t i = 0; i < 3; i++) {
        servers[i] = (struct server){.text = "s", .weight = 1};
        server_publish(&servers[i], &address, 1);
    }
    upstream_init(&upstream, &backend);
    *state = &upstream;
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < 3; i++) {
        server_free_addresses(&servers[i]);
    }
    upstream_free(*state);
    return 0;
}

/* Makes `count` picks, each for a request of its own, and ends their leases. */
static void pick_many(struct upstream *upstream, unsigned count, size_t picks[])
{
    for (unsigned i = 0; i < count; i++) {
        struct upstream_tried tried = {0};
        picks[i] = upstream_pick(upstream, &tried, SECOND);
        if (picks[i] != BALANCE_NONE) {
            upstream_done(upstream, picks[i], true);
        }
    }
}

static void equal_weights_take_turns(void **state)
{
    size_t picks[6];

    pick_many(*state, 6, picks);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(picks[i], i % 3);
    }
}

static void weights_are_met_exactly_and_spread_evenly(void **state)
{
    struct upstream *upstream = *state;
    static const size_t expected[] = {0, 0, 1, 0, 2, 0, 0};
    size_t picks[70];

    /* 5 : 1 : 1, the example of the algorithm's description */
    upstream->balance[0].weight = 5;
    pick_many(upstream, 70, picks);
    for (unsigned i = 0; i < 70; i++) {
        assert_int_equal(picks[i], expected[i % 7]);
    }
}

static void a_request_tries_each_server_once(void **state)
{
    struct upstream_tried tried = {0};
    unsigned seen = 0;

    for (unsigned i = 0; i < 3; i++) {
        size_t server = upstream_pick(*state, &tried, SECOND);
        assert_true(server < 3);
        assert_int_equal(seen >> server & 1, 0);
        seen |= 1U << server;
        upstream_done(*state, server, false);
    }
    assert_true(upstream_pick(*state, &tried, SECOND) == BALANCE_NONE);
}

static void a_server_found_down_is_passed_over_until_its_time_is_up(void **state)
{
    struct upstream *upstream = *state;
    size_t picks[6];

    upstream_mark_down(upstream, 1, SECOND);
    pick_many(upstream, 6, picks);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_not_equal(picks[i], 1);
    }
    struct upstream_tried tried = {0};
    unsigned seen = 0;
    for (unsigned i = 0; i < 3; i++) {
        size_t server = upstream_pick(upstream, &tried, SECOND + UPSTREAM_DOWN_US);
        seen |= 1U << server;
        upstream_done(upstream, server, true);
    }
    assert_int_equal(seen, 7);
}

static void when_all_are_down_one_is_tried_all_the_same(void **state)
{
    struct upstream_tried tried = {0};

    for (size_t i = 0; i < 3; i++) {
        upstream_mark_down(*state, i, SECOND);
    }
    size_t server = upstream_pick(*state, &tried, SECOND);
    assert_true(server < 3);
    upstream_done(*state, server, true);
}

static void a_server_without_addresses_is_never_chosen(void **state)
{
    size_t picks[4];

    server_free_addresses(&servers[0]);
    pick_many(*state, 4, picks);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_not_equal(picks[i], 0);
    }
    server_free_addresses(&servers[1]);
    server_free_addresses(&servers[2]);
    pick_many(*state, 1, picks);
    assert_true(picks[0] == BALANCE_NONE);
}

static bool any(struct list *node, const void *arg)
{
    (void)node;
    (void)arg;
    return true;
}

static bool is_other(struct list *node, const void *arg)
{
    return node != arg;
}

static void the_pool_gives_what_fits_and_leaves_the_rest(void **state)
{
    struct list nodes[2];

    list_init(&nodes[0]);
    list_init(&nodes[1]);
    assert_true(upstream_park(*state, 0, &nodes[0]));
    assert_true(upstream_park(*state, 0, &nodes[1]));
    assert_ptr_equal(upstream_unpark(*state, 0, is_other, &nodes[1]), &nodes[0]);
    assert_null(upstream_unpark(*state, 0, is_other, &nodes[1]));
    assert_ptr_equal(upstream_unpark(*state, 0, any, NULL), &nodes[1]);
}

static void the_pool_is_bounded_and_gives_the_newest_first(void **state)
{
    struct list nodes[3];

    for (size_t i = 0; i < 3; i++) {
        list_init(&nodes[i]);
    }
    assert_true(upstream_park(*state, 0, &nodes[0]));
    assert_true(upstream_park(*state, 0, &nodes[1]));
    assert_false(upstream_park(*state, 0, &nodes[2]));
    assert_ptr_equal(upstream_unpark(*state, 0, any, NULL), &nodes[1]);
    assert_null(upstream_unpark(*state, 1, any, NULL));
    upstream_remove_parked(*state, 0, &nodes[0]);
    assert_null(upstream_unpark(*state, 0, any, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_weights_take_turns),
        TEST(weights_are_met_exactly_and_spread_evenly),
        TEST(a_request_tries_each_server_once),
        TEST(a_server_found_down_is_passed_over_until_its_time_is_up),
        TEST(when_all_are_down_one_is_tried_all_the_same),
        TEST(a_server_without_addresses_is_never_chosen),
        TEST(the_pool_gives_what_fits_and_leaves_the_rest),
        TEST(the_pool_is_bounded_and_gives_the_newest_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

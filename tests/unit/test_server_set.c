/* The servers of a backend change while requests are under way: who is chosen next, what becomes of
 * those that were begun, and that nothing of an old set stays when its last user has gone. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "upstream/lease.h"

#define SECOND UINT64_C(1000000)
#define CHANGES 2000

static struct upstreams upstreams;
static const struct backend *backend;
static struct upstream *upstream;

/* On these ports; 0 ends them. */
static struct server_set *make_set(const uint16_t *ports)
{
    struct server servers[8];
    size_t count = 0;

    for (; ports[count] != 0; count++) {
        const struct endpoint_key key = {.host = "127.0.0.1", .port = ports[count]};
        servers[count] = (struct server){.text = "s", .weight = 1, .endpoint = endpoint_take(&key)};
    }
    return server_set_create(servers, count, count == 0 ? "none" : NULL);
}

#define SET(...) make_set((const uint16_t[]){__VA_ARGS__, 0})

static int set_up(void **state)
{
    const struct backend plan = {
        .name = "b", .balance = &balance_round_robin, .idle_connections = 8};

    (void)state;
    backend = backend_create(&plan, SET(1, 2));
    upstreams_init(&upstreams);
    upstreams_add(&upstreams, backend);
    upstream = upstreams_find(&upstreams, backend);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    upstreams_remove(&upstreams, backend);
    upstreams_free(&upstreams);
    backend_release(backend);
    return 0;
}

static uint16_t port_of(const struct lease *lease)
{
    return lease_server(lease)->endpoint->key.port;
}

/* Of a lease that is ended at once; 0: there is none. */
static uint16_t pick_with(struct lease_tried *tried)
{
    struct lease lease;
    uint16_t port;

    lease_init(&lease);
    if (!lease_pick(&lease, upstream, tried, SECOND)) {
        return 0;
    }
    port = port_of(&lease);
    lease_end(&lease, LEASE_OK, NULL);
    lease_reset(&lease);
    return port;
}

static uint16_t pick(void)
{
    return pick_with(&(struct lease_tried){0});
}

static void the_next_request_goes_to_the_servers_that_are_there_now(void **state)
{
    (void)state;
    assert_int_equal(pick(), 1);
    backend_publish(backend, SET(3));
    assert_int_equal(pick(), 3);
    backend_publish(backend, SET(4, 5));
    assert_int_equal(pick(), 4);
    assert_int_equal(pick(), 5);
}

static void a_backend_may_have_none_for_a_while(void **state)
{
    struct server_set *set;

    (void)state;
    backend_publish(backend, make_set((const uint16_t[]){0}));
    assert_int_equal(pick(), 0);
    set = backend_servers(backend);
    assert_string_equal(set->problem, "none");
    server_set_release(set);
    assert_false(lease_has_untried(upstream, &(struct lease_tried){0}));
    backend_publish(backend, SET(1));
    assert_int_equal(pick(), 1);
}

static void what_was_tried_before_is_no_reason_not_to_try_what_is_new(void **state)
{
    struct lease_tried tried = {0};

    (void)state;
    assert_int_equal(pick_with(&tried), 1);
    assert_int_equal(pick_with(&tried), 2);
    assert_int_equal(pick_with(&tried), 0);
    assert_false(lease_has_untried(upstream, &tried));
    backend_publish(backend, SET(3));
    assert_true(lease_has_untried(upstream, &tried));
    assert_int_equal(pick_with(&tried), 3);
    assert_int_equal(pick_with(&tried), 0);
}

static void a_dial_for_one_server_stays_at_that(void **state)
{
    struct lease_tried tried = {.set = LEASE_TRIED_ALL};

    (void)state;
    assert_int_equal(pick_with(&tried), 0);
    backend_publish(backend, SET(3));
    assert_int_equal(pick_with(&tried), 0);
    assert_false(lease_has_untried(upstream, &tried));
}

static void a_lease_goes_on_with_its_server_and_counts_for_it(void **state)
{
    struct lease lease;
    struct endpoint *endpoint;

    (void)state;
    lease_init(&lease);
    assert_true(lease_pick(&lease, upstream, &(struct lease_tried){0}, SECOND));
    endpoint = endpoint_hold(lease_server(&lease)->endpoint);
    backend_publish(backend, SET(3));
    assert_int_equal(pick(), 3);
    assert_int_equal(port_of(&lease), 1);
    assert_int_equal(endpoint_tally(endpoint).leases, 1);
    assert_int_equal(upstream->leases, 1);
    lease_end(&lease, LEASE_OK, NULL);
    assert_int_equal(endpoint_tally(endpoint).served, 1);
    assert_int_equal(upstream->leases, 0);
    assert_int_equal(port_of(&lease), 1); /* for the log, which comes behind */
    lease_reset(&lease);
    lease_reset(&lease);
    assert_null(lease_server(&lease));
    assert_int_equal(endpoint->uses, 1); /* ours alone */
    endpoint_release(endpoint);
}

static bool any(struct list *node, const void *arg)
{
    (void)node;
    (void)arg;
    return true;
}

static void connections_stay_with_servers_that_stay(void **state)
{
    struct list nodes[2];
    struct pool_entry *kept = upstream->set->entries[1];
    struct pool_entry *gone = upstream->set->entries[0];
    struct upstream_set *old = upstream_set_hold(upstream->set);

    (void)state;
    list_init(&nodes[0]);
    list_init(&nodes[1]);
    assert_true(pool_park(kept, &nodes[0]));
    backend_publish(backend, SET(3, 2));
    upstreams_follow(&upstreams);
    assert_ptr_equal(upstream->set->entries[1], kept);
    assert_ptr_equal(pool_unpark(kept, any, NULL), &nodes[0]);
    assert_int_equal(gone->present, 0);
    assert_false(pool_park(gone, &nodes[1])); /* nothing comes to rest there any more */
    assert_false(pool_rest(gone));
    upstream_set_release(old);
}

static void one_that_comes_back_is_the_one_that_it_was(void **state)
{
    struct upstream_set *old = upstream_set_hold(upstream->set);
    struct pool_entry *entry = old->entries[0];
    struct list node;

    (void)state;
    list_init(&node);
    backend_publish(backend, SET(2));
    upstreams_follow(&upstreams);
    backend_publish(backend, SET(2, 1));
    upstreams_follow(&upstreams);
    assert_ptr_equal(upstream->set->entries[1], entry);
    assert_true(pool_park(entry, &node));
    pool_remove_parked(entry, &node);
    upstream_set_release(old);
}

static void round_robin_goes_on_where_it_was(void **state)
{
    (void)state;
    backend_publish(backend, SET(1, 2, 3));
    assert_int_equal(pick(), 1);
    assert_int_equal(pick(), 2);
    backend_publish(backend, SET(2, 1, 3));
    assert_int_equal(pick(), 3);
    assert_int_equal(pick(), 2);
    assert_int_equal(pick(), 1);
    assert_int_equal(pick(), 3);
}

static void nothing_changes_where_nothing_was_published(void **state)
{
    struct upstream_set *set = upstream->set;

    (void)state;
    assert_int_equal(pick(), 1);
    upstreams_follow(&upstreams);
    assert_ptr_equal(upstream->set, set);
}

static void *publish_many(void *arg)
{
    (void)arg;
    for (uint16_t i = 0; i < CHANGES; i++) {
        backend_publish(backend, SET(1, (uint16_t)(10 + i % 3)));
    }
    return NULL;
}

static void sets_are_published_while_others_are_chosen_from(void **state)
{
    pthread_t thread;
    struct lease old;

    (void)state;
    lease_init(&old);
    assert_true(lease_pick(&old, upstream, &(struct lease_tried){0}, SECOND));
    assert_int_equal(pthread_create(&thread, NULL, publish_many, NULL), 0);
    for (unsigned i = 0; i < CHANGES; i++) {
        assert_int_not_equal(pick(), 0);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    lease_end(&old, LEASE_OK, NULL);
    lease_reset(&old);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_next_request_goes_to_the_servers_that_are_there_now),
        TEST(a_backend_may_have_none_for_a_while),
        TEST(what_was_tried_before_is_no_reason_not_to_try_what_is_new),
        TEST(a_dial_for_one_server_stays_at_that),
        TEST(a_lease_goes_on_with_its_server_and_counts_for_it),
        TEST(connections_stay_with_servers_that_stay),
        TEST(one_that_comes_back_is_the_one_that_it_was),
        TEST(round_robin_goes_on_where_it_was),
        TEST(nothing_changes_where_nothing_was_published),
        TEST(sets_are_published_while_others_are_chosen_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A worker's connections by endpoint: who may share them, and that two configurations with servers
 * in another order never mix them up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls/tls_context.h"
#include "upstream/lease.h"
#include "upstream/server_health.h"

#define SECOND UINT64_C(1000000)

static struct upstreams upstreams;

static int set_up(void **state)
{
    (void)state;
    upstreams_init(&upstreams);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    upstreams_free(&upstreams);
    return 0;
}

/* Of servers on these ports of one host. */
static struct backend *make(const uint16_t *ports, size_t count, const struct backend *terms)
{
    struct server servers[8];
    struct backend plan = {.name = "b", .balance = &balance_round_robin, .idle_connections = 2};

    if (terms != NULL) {
        plan.idle_connections = terms->idle_connections;
        plan.idle_timeout_ms = terms->idle_timeout_ms;
        plan.proxy_protocol = terms->proxy_protocol;
        plan.tls = terms->tls;
        plan.tls_owner = terms->tls_owner;
    }
    for (size_t i = 0; i < count; i++) {
        const struct endpoint_key key = {.host = "127.0.0.1", .port = ports[i]};
        servers[i] = (struct server){.text = "s", .weight = 1, .endpoint = endpoint_take(&key)};
    }
    return backend_create(&plan, server_set_create(servers, count, NULL));
}

/* The lease ends, and nobody asks any more what it was on. */
static void finish(struct lease *lease, enum lease_how how, const struct lease_seen *seen)
{
    lease_end(lease, how, seen);
    lease_reset(lease);
}

/* The worker begins to forward to it. */
static struct upstream *add(struct backend *backend)
{
    upstreams_add(&upstreams, backend);
    backend_release(backend); /* the worker has its own use */
    return upstreams_find(&upstreams, backend);
}

static void drop(struct upstream *upstream)
{
    upstreams_remove(&upstreams, upstream->backend);
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

static void make_nodes(struct list *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        list_init(&nodes[i]);
    }
}

static void it_gives_what_fits_and_leaves_the_rest(void **state)
{
    struct upstream *upstream = add(make((uint16_t[]){1}, 1, NULL));
    struct pool_entry *entry = upstream->set->entries[0];
    struct list nodes[2];

    (void)state;
    make_nodes(nodes, 2);
    assert_true(pool_park(entry, &nodes[0]));
    assert_true(pool_park(entry, &nodes[1]));
    assert_ptr_equal(pool_unpark(entry, is_other, &nodes[1]), &nodes[0]);
    assert_null(pool_unpark(entry, is_other, &nodes[1]));
    assert_ptr_equal(pool_unpark(entry, any, NULL), &nodes[1]);
    drop(upstream);
}

static void it_is_bounded_and_gives_the_newest_first(void **state)
{
    struct upstream *upstream = add(make((uint16_t[]){1, 2}, 2, NULL));
    struct pool_entry *entry = upstream->set->entries[0];
    struct list nodes[3];

    (void)state;
    make_nodes(nodes, 3);
    assert_true(pool_park(entry, &nodes[0]));
    assert_true(pool_park(entry, &nodes[1]));
    assert_false(pool_park(entry, &nodes[2]));
    assert_false(pool_rest(entry)); /* the shared ones count as well */
    assert_ptr_equal(pool_unpark(entry, any, NULL), &nodes[1]);
    assert_true(pool_rest(entry));
    pool_wake(entry);
    assert_null(pool_unpark(upstream->set->entries[1], any, NULL));
    pool_remove_parked(entry, &nodes[0]);
    assert_null(pool_unpark(entry, any, NULL));
    drop(upstream);
}

static void backends_share_what_makes_no_difference(void **state)
{
    struct upstream *first = add(make((uint16_t[]){1}, 1, NULL));
    struct upstream *second = add(make((uint16_t[]){2, 1}, 2, NULL));

    (void)state;
    assert_ptr_equal(first->set->entries[0], second->set->entries[1]);
    assert_ptr_not_equal(first->set->entries[0], second->set->entries[0]);
    drop(first);
    drop(second);
}

static struct tls_context *make_context(void)
{
    struct error error;
    struct tls_context *context = tls_client_context_create(
        &(struct tls_client_options){.protocols = TLS_H1_ONLY, .skip_verify = true}, &error);

    assert_non_null(context);
    return context;
}

static void no_connection_goes_to_a_backend_that_treats_them_otherwise(void **state)
{
    struct tls_context *context = make_context();
    const struct backend terms[] = {
        {.idle_connections = 2},
        {.idle_connections = 0},
        {.idle_connections = 2, .idle_timeout_ms = 1},
        {.idle_connections = 2, .proxy_protocol = BACKEND_PROXY_V1},
        {.idle_connections = 2, .proxy_protocol = BACKEND_PROXY_V2},
        {.idle_connections = 2, .tls = context},
        {.idle_connections = 2, .tls = context},
    };
    struct upstream *all[ARRAY_LEN(terms)];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(terms); i++) {
        all[i] = add(make((uint16_t[]){1}, 1, &terms[i]));
        for (size_t before = 0; before < i; before++) {
            assert_ptr_not_equal(all[i]->set->entries[0], all[before]->set->entries[0]);
            assert_ptr_equal(upstream_endpoint(all[i], 0), upstream_endpoint(all[before], 0));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(terms); i++) {
        drop(all[i]);
    }
    tls_context_destroy(context);
}

/* ---- two configurations ---- */

static void servers_in_another_order_keep_their_connections_and_health(void **state)
{
    struct upstream *one = add(make((uint16_t[]){1, 2}, 2, NULL));   /* of the first */
    struct upstream *other = add(make((uint16_t[]){7, 8}, 2, NULL)); /* of the first */
    struct upstream *new_other = add(make((uint16_t[]){8, 7}, 2, NULL));
    struct upstream *new_one = add(make((uint16_t[]){3, 2, 1}, 3, NULL));
    struct list nodes[3];

    (void)state;
    make_nodes(nodes, 3);
    assert_true(pool_park(one->set->entries[0], &nodes[0]));   /* port 1 */
    assert_true(pool_park(one->set->entries[1], &nodes[1]));   /* port 2 */
    assert_true(pool_park(other->set->entries[1], &nodes[2])); /* port 8 */
    server_note_unreachable(upstream_set_ref(one->set, 1), "refused", SECOND);

    assert_null(pool_unpark(new_one->set->entries[0], any, NULL));
    assert_ptr_equal(pool_unpark(new_one->set->entries[1], any, NULL), &nodes[1]);
    assert_ptr_equal(pool_unpark(new_one->set->entries[2], any, NULL), &nodes[0]);
    assert_null(pool_unpark(new_other->set->entries[1], any, NULL));
    assert_ptr_equal(pool_unpark(new_other->set->entries[0], any, NULL), &nodes[2]);

    /* Port 2 is the one that is down, whatever its place. */
    for (unsigned i = 0; i < 6; i++) {
        struct lease_tried tried = {0};
        struct lease lease;
        lease_init(&lease);
        assert_true(lease_pick(&lease, new_one, &tried, SECOND));
        assert_int_not_equal(lease.member, 1);
        finish(&lease, LEASE_OK, NULL);
        assert_true(lease_pick(&lease, new_other, &(struct lease_tried){0}, SECOND));
        assert_int_equal(lease.member, i % 2);
        finish(&lease, LEASE_OK, NULL);
    }
    drop(one);
    drop(other);
    drop(new_one);
    drop(new_other);
}

static void connections_with_tls_stay_with_the_contexts_they_were_made_by(void **state)
{
    struct tls_context *context = make_context();
    const struct backend before = {.idle_connections = 2, .tls = context, .tls_owner = 5};
    const struct backend others = {.idle_connections = 2, .tls = context, .tls_owner = 6};
    struct upstream *old = add(make((uint16_t[]){1}, 1, &before));
    struct upstream *same = add(make((uint16_t[]){1}, 1, &before));
    struct upstream *changed = add(make((uint16_t[]){1}, 1, &others));
    struct list node;

    (void)state;
    make_nodes(&node, 1);
    assert_true(pool_park(old->set->entries[0], &node));
    drop(old);
    assert_null(pool_unpark(changed->set->entries[0], any, NULL));
    assert_ptr_equal(pool_unpark(same->set->entries[0], any, NULL), &node);
    drop(same);
    drop(changed);
    tls_context_destroy(context);
}

static void an_endpoint_outlives_the_configuration_that_brought_it(void **state)
{
    struct upstream *old = add(make((uint16_t[]){1, 2}, 2, NULL));
    struct endpoint *endpoint = upstream_endpoint(old, 1);
    struct lease lease;
    struct upstream *new;

    (void)state;
    server_note_unreachable(upstream_set_ref(old->set, 1), "refused", SECOND);
    lease_init(&lease);
    lease_take(&lease, old->set, 1);
    finish(&lease, LEASE_OK, NULL);
    new = add(make((uint16_t[]){2}, 1, NULL));
    drop(old);
    assert_ptr_equal(upstream_endpoint(new, 0), endpoint);
    assert_int_equal(health_state_of(&endpoint->health), HEALTH_EJECTED);
    assert_int_equal(endpoint_tally(endpoint).served, 1);
    drop(new);
}

/* Who has a connection under way that was made for a backend may look at it, though the worker has
 * gone on to another configuration. */
static void a_backend_lives_as_long_as_connections_that_were_made_for_it(void **state)
{
    struct upstream *upstream = add(make((uint16_t[]){1}, 1, NULL));
    struct upstream_set *old = upstream_set_hold(upstream->set);
    struct upstream *new = add(make((uint16_t[]){1}, 1, NULL));
    struct list node;

    (void)state;
    make_nodes(&node, 1);
    drop(upstream);
    assert_string_equal(upstream_set_backend(old)->name, "b");
    assert_true(pool_park(old->entries[0], &node));
    assert_ptr_equal(pool_unpark(new->set->entries[0], any, NULL), &node);
    upstream_set_release(old);
    drop(new);
}

static void many_backends_are_found_among_each_other(void **state)
{
    struct upstream *all[100];

    (void)state;
    for (uint16_t i = 0; i < 100; i++) {
        all[i] = add(make((uint16_t[]){(uint16_t)(i + 1)}, 1, NULL));
    }
    for (size_t i = 0; i < 100; i += 2) {
        drop(all[i]);
    }
    for (size_t i = 1; i < 100; i += 2) {
        assert_ptr_equal(upstreams_find(&upstreams, all[i]->backend), all[i]);
        assert_int_equal(upstream_endpoint(all[i], 0)->key.port, i + 1);
    }
    for (size_t i = 1; i < 100; i += 2) {
        drop(all[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_gives_what_fits_and_leaves_the_rest),
        TEST(it_is_bounded_and_gives_the_newest_first),
        TEST(backends_share_what_makes_no_difference),
        TEST(no_connection_goes_to_a_backend_that_treats_them_otherwise),
        TEST(servers_in_another_order_keep_their_connections_and_health),
        TEST(connections_with_tls_stay_with_the_contexts_they_were_made_by),
        TEST(an_endpoint_outlives_the_configuration_that_brought_it),
        TEST(a_backend_lives_as_long_as_connections_that_were_made_for_it),
        TEST(many_backends_are_found_among_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

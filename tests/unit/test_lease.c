/* Leases: who is picked, that each is taken and ended once, and what the balancing hears of it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "upstream/lease.h"

#define SECOND UINT64_C(1000000)
#define SERVERS 3

/* A policy that takes the first choice, and writes down what it was asked and told. */
static struct balance_ask asked;
static unsigned done_count;
static size_t done_member;
static struct balance_outcome done_outcome;

static struct balance_type witness;

static struct balance *create(const struct backend *backend, const struct balance_member *members)
{
    struct balance *self = xcalloc(1, sizeof(*self));

    (void)backend;
    (void)members;
    self->type = &witness;
    return self;
}

static size_t pick(struct balance *self, const struct balance_ask *ask)
{
    size_t member = 0;

    (void)self;
    asked = *ask;
    while (!balance_set_has(ask->choices, member)) {
        member++;
    }
    return member;
}

static void done(struct balance *self, size_t member, const struct balance_outcome *outcome)
{
    (void)self;
    done_count++;
    done_member = member;
    done_outcome = *outcome;
}

static void destroy(struct balance *self)
{
    free(self);
}

static struct balance_type witness = {.name = "witness",
                                      .is_random = true,
                                      .create = create,
                                      .pick = pick,
                                      .done = done,
                                      .destroy = destroy};

static struct upstreams upstreams;
static struct upstream *upstream;

/* A backend of servers on ports from 1 on; the first `named` of them without addresses yet. */
static const struct backend *make_backend(unsigned named)
{
    struct server servers[SERVERS];
    const struct backend plan = {
        .name = "b", .servers = servers, .server_count = SERVERS, .balance = &witness};

    for (unsigned i = 0; i < SERVERS; i++) {
        const struct endpoint_key key = {.host = i < named ? "server.example" : "127.0.0.1",
                                         .port = (uint16_t)(i + 1)};
        servers[i] = (struct server){.text = "s", .weight = 1, .endpoint = endpoint_take(&key)};
    }
    return backend_create(&plan);
}

static int set_up_with(void **state, unsigned named)
{
    const struct backend *backend = make_backend(named);

    upstreams_init(&upstreams);
    upstreams_add(&upstreams, backend);
    upstream = upstreams_find(&upstreams, backend);
    backend_release(backend);
    done_count = 0;
    *state = upstream;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, 0);
}

static int tear_down(void **state)
{
    upstreams_remove(&upstreams, ((struct upstream *)*state)->backend);
    upstreams_free(&upstreams);
    return 0;
}

/* The member of a lease that is ended at once. */
static size_t pick_one(struct balance_set *tried, uint64_t now_us)
{
    struct lease lease;

    lease_init(&lease);
    if (!lease_pick(&lease, upstream, tried, now_us)) {
        assert_false(lease_is_held(&lease));
        return BALANCE_NONE;
    }
    assert_true(lease_is_held(&lease));
    lease_end(&lease, LEASE_UNUSED, NULL);
    assert_false(lease_is_held(&lease));
    return lease.member;
}

static void a_request_tries_each_server_once(void **state)
{
    struct balance_set tried = {0};

    (void)state;
    for (size_t i = 0; i < SERVERS; i++) {
        assert_int_equal(pick_one(&tried, SECOND), i);
        assert_int_equal(tried.count, i + 1);
    }
    assert_true(pick_one(&tried, SECOND) == BALANCE_NONE);
}

static void a_server_found_down_is_passed_over_until_its_time_is_up(void **state)
{
    struct balance_set tried = {0};

    (void)state;
    endpoint_mark_down(upstream_endpoint(upstream, 0), SECOND);
    assert_int_equal(pick_one(&tried, SECOND), 1);
    tried = (struct balance_set){0};
    assert_int_equal(pick_one(&tried, SECOND + ENDPOINT_DOWN_US), 0);
    endpoint_mark_down(upstream_endpoint(upstream, 0), SECOND);
    endpoint_mark_up(upstream_endpoint(upstream, 0));
    tried = (struct balance_set){0};
    assert_int_equal(pick_one(&tried, SECOND), 0);
}

static void those_found_down_are_tried_when_no_other_is_left(void **state)
{
    struct balance_set tried = {0};

    (void)state;
    endpoint_mark_down(upstream_endpoint(upstream, 0), SECOND);
    endpoint_mark_down(upstream_endpoint(upstream, 2), SECOND);
    assert_int_equal(pick_one(&tried, SECOND), 1);
    assert_int_equal(pick_one(&tried, SECOND), 0);
    assert_int_equal(pick_one(&tried, SECOND), 2);
}

static void a_server_without_addresses_is_never_chosen(void **state)
{
    struct balance_set tried = {0};
    struct sock_address address;

    assert_int_equal(tear_down(state), 0);
    assert_int_equal(set_up_with(state, 1), 0);
    assert_int_equal(pick_one(&tried, SECOND), 1);
    assert_int_equal(tear_down(state), 0);
    assert_int_equal(set_up_with(state, SERVERS), 0);
    tried = (struct balance_set){0};
    assert_true(pick_one(&tried, SECOND) == BALANCE_NONE);
    assert_int_equal(tried.count, 0);
    assert_true(sock_address_from_ip(&address, "127.0.0.1", 1));
    endpoint_publish(upstream_endpoint(upstream, 2), &address, 1);
    assert_int_equal(pick_one(&tried, SECOND), 2);
}

static void the_policy_is_asked_with_the_key_the_time_and_what_was_tried(void **state)
{
    struct balance_set tried = {0};
    struct lease lease;
    uint64_t random;

    lease_init(&lease);
    lease.key = 42;
    balance_set_add(&tried, 1);
    assert_true(lease_pick(&lease, *state, &tried, 7 * SECOND));
    assert_int_equal(asked.key, 42);
    assert_int_equal(asked.now_us, 7 * SECOND);
    assert_ptr_equal(asked.tried, &tried);
    random = asked.random;
    lease_end(&lease, LEASE_UNUSED, NULL);
    assert_true(lease_pick(&lease, *state, &tried, 7 * SECOND));
    assert_int_equal(asked.key, 42);
    assert_true(asked.random != random);
    lease_end(&lease, LEASE_UNUSED, NULL);
    tried = (struct balance_set){0};
    witness.is_random = false;
    assert_true(lease_pick(&lease, *state, &tried, 7 * SECOND));
    witness.is_random = true;
    assert_true(asked.random == 0); /* it costs something, and not all want it */
    lease_end(&lease, LEASE_UNUSED, NULL);
}

static void what_was_seen_reaches_the_policy(void **state)
{
    const struct lease_seen seen = {.status = 503, .latency_us = 1234, .now_us = SECOND};
    struct lease lease;

    lease_init(&lease);
    lease_take(&lease, *state, 2);
    lease_end(&lease, LEASE_OK, &seen);
    assert_int_equal(done_count, 1);
    assert_int_equal(done_member, 2);
    assert_int_equal(done_outcome.how, LEASE_OK);
    assert_int_equal(done_outcome.seen.status, 503);
    assert_int_equal(done_outcome.seen.latency_us, 1234);
    lease_take(&lease, *state, 1);
    lease_end(&lease, LEASE_SERVER_FAILED, NULL);
    assert_int_equal(done_count, 2);
    assert_int_equal(done_outcome.how, LEASE_SERVER_FAILED);
    assert_int_equal(done_outcome.seen.status, 0);
}

static void a_client_that_leaves_counts_for_nothing(void **state)
{
    struct lease lease;

    lease_init(&lease);
    lease_take(&lease, *state, 0);
    lease_end(&lease, LEASE_CLIENT_LEFT, NULL);
    lease_take(&lease, *state, 0);
    lease_end(&lease, LEASE_UNUSED, NULL);
    assert_int_equal(done_count, 0);
}

static void open_leases_are_counted_by_member(void **state)
{
    struct lease leases[2];

    (void)state;
    lease_init(&leases[0]);
    lease_init(&leases[1]);
    lease_take(&leases[0], upstream, 1);
    lease_take(&leases[1], upstream, 1);
    assert_int_equal(balance_load(&upstream->members[1]), 2);
    assert_int_equal(upstream->leases, 2);
    lease_end(&leases[0], LEASE_OK, NULL);
    assert_int_equal(balance_load(&upstream->members[1]), 1);
    assert_int_equal(balance_load(&upstream->members[0]), 0);
    lease_end(&leases[1], LEASE_CLIENT_LEFT, NULL);
    assert_int_equal(balance_load(&upstream->members[1]), 0);
    assert_int_equal(upstream->leases, 0);
}

static void what_was_seen_reaches_the_endpoint(void **state)
{
    struct endpoint *endpoint = upstream_endpoint(upstream, 0);
    struct endpoint_tally tally;
    struct lease lease;

    (void)state;
    lease_init(&lease);
    lease_take(&lease, upstream, 0);
    assert_int_equal(endpoint_tally(endpoint).leases, 1);
    lease_end(&lease, LEASE_OK, &(struct lease_seen){.status = 200, .latency_us = 10});
    lease_take(&lease, upstream, 0);
    lease_end(&lease, LEASE_OK, &(struct lease_seen){.status = 503, .latency_us = 30});
    lease_take(&lease, upstream, 0);
    lease_end(&lease, LEASE_SERVER_FAILED, NULL);
    lease_take(&lease, upstream, 0);
    lease_end(&lease, LEASE_CLIENT_LEFT, &(struct lease_seen){.status = 200, .latency_us = 50});
    tally = endpoint_tally(endpoint);
    assert_int_equal(tally.leases, 0);
    assert_int_equal(tally.served, 2);
    assert_int_equal(tally.errors, 1);
    assert_int_equal(tally.failed, 1);
    assert_int_equal(tally.timed, 2);
    assert_int_equal(tally.latency_us, 40);
}

/* ---- our own mistakes ---- */

static void end_twice(void)
{
    struct lease lease;

    lease_init(&lease);
    lease_take(&lease, upstream, 0);
    lease_end(&lease, LEASE_OK, NULL);
    lease_end(&lease, LEASE_OK, NULL);
}

static void take_twice(void)
{
    struct lease lease;

    lease_init(&lease);
    lease_take(&lease, upstream, 0);
    lease_take(&lease, upstream, 1);
}

static void leave_open(void)
{
    struct lease lease;

    lease_init(&lease);
    lease_take(&lease, upstream, 0);
    upstreams_remove(&upstreams, upstream->backend);
}

static bool aborts(void (*mistake)(void))
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL); /* not the test's own way to fail */
        (void)close(STDERR_FILENO);
        mistake();
        _exit(0);
    }
    assert_true(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void a_lease_that_is_ended_or_taken_twice_or_lost_is_found(void **state)
{
    (void)state;
    assert_true(aborts(end_twice));
    assert_true(aborts(take_twice));
    assert_true(aborts(leave_open));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_tries_each_server_once),
        TEST(a_server_found_down_is_passed_over_until_its_time_is_up),
        TEST(those_found_down_are_tried_when_no_other_is_left),
        TEST(a_server_without_addresses_is_never_chosen),
        TEST(the_policy_is_asked_with_the_key_the_time_and_what_was_tried),
        TEST(what_was_seen_reaches_the_policy),
        TEST(a_client_that_leaves_counts_for_nothing),
        TEST(open_leases_are_counted_by_member),
        TEST(what_was_seen_reaches_the_endpoint),
        TEST(a_lease_that_is_ended_or_taken_twice_or_lost_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

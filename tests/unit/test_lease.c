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

#include "base/hash.h"
#include "upstream/lease.h"
#include "upstream/server_changes.h"
#include "upstream/server_health.h"

#define SECOND UINT64_C(1000000)
#define SERVERS 3

/* A policy that takes the first choice, and writes down what it was asked and told. */
static struct balance_ask asked;
static uint64_t asked_bits; /* the choices */
static unsigned done_count;
static size_t done_member;
static struct balance_outcome done_outcome;

static struct balance_type witness;

static struct balance *create(const struct backend *backend, const struct balance_member *members,
                              size_t count)
{
    struct balance *self = xcalloc(1, sizeof(*self));

    (void)backend;
    (void)members;
    (void)count;
    self->type = &witness;
    return self;
}

static size_t pick(struct balance *self, const struct balance_ask *ask)
{
    size_t member = 0;

    (void)self;
    asked = *ask;
    asked_bits = ask->choices->bits[0];
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
/* Where servers have a limit, the one that is chosen is asked whether it is full. It comes to the
 * same: all tests run both ways. */
static unsigned limit;

/* A backend of servers on ports from 1 on; the first `named` of them without addresses yet. */
static const struct backend *make_backend(unsigned named)
{
    struct server servers[SERVERS];
    const struct backend plan = {.name = "b", .balance = &witness, .max_ejected = 50, .panic = 50};

    for (unsigned i = 0; i < SERVERS; i++) {
        const struct endpoint_key key = {
            .host = i < named ? "server.example" : "127.0.0.1",
            .port = (uint16_t)(i + 1),
            .health = {
                .rise = 2, .fall = 3, .failures = 3, .eject_us = SECOND, .eject_max_us = SECOND}};
        servers[i] = (struct server){
            .text = "s", .weight = 1, .max_in_use = limit, .endpoint = endpoint_take(&key)};
    }
    return backend_create(&plan, server_set_create(servers, SERVERS, NULL));
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

static struct server *change(size_t member)
{
    return &upstream->set->servers->servers[member];
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

/* The lease ends, and nobody asks any more what it was on. */
static void finish(struct lease *lease, enum lease_how how, const struct lease_seen *seen)
{
    lease_end(lease, how, seen);
    lease_reset(lease);
}

/* The member of a lease that is ended at once. */
static size_t pick_one(struct lease_tried *tried, uint64_t now_us)
{
    struct lease lease;

    lease_init(&lease);
    if (!lease_pick(&lease, upstream, tried, now_us)) {
        assert_false(lease_is_held(&lease));
        return BALANCE_NONE;
    }
    size_t member = lease.member;
    assert_true(lease_is_held(&lease));
    finish(&lease, LEASE_UNUSED, NULL);
    assert_false(lease_is_held(&lease));
    return member;
}

static size_t pick_at(uint64_t now_us)
{
    return pick_one(&(struct lease_tried){0}, now_us);
}

static void a_request_tries_each_server_once(void **state)
{
    struct lease_tried tried = {0};

    (void)state;
    for (size_t i = 0; i < SERVERS; i++) {
        assert_int_equal(pick_one(&tried, SECOND), i);
        assert_int_equal(tried.members.count, i + 1);
    }
    assert_true(pick_one(&tried, SECOND) == BALANCE_NONE);
}

static struct server_ref server_of(size_t member)
{
    return upstream_set_ref(upstream->set, member);
}

/* It has been out, and was found to be there again. */
static void let_try(size_t member)
{
    static const struct health_answer good = {true, true, NULL};

    server_note_unreachable(server_of(member), "refused", SECOND);
    server_note_probe(server_of(member), &good, SECOND);
}

static enum health_state state_of(size_t member)
{
    return health_state_of(&upstream_endpoint(upstream, member)->health);
}

static void a_server_that_could_not_be_reached_is_passed_over(void **state)
{
    struct lease_tried tried = {0};

    (void)state;
    server_note_unreachable(server_of(0), "refused", SECOND);
    assert_int_equal(pick_one(&tried, 10 * SECOND), 1);
    server_note_reached(server_of(0), SECOND);
    tried = (struct lease_tried){0};
    assert_int_equal(pick_one(&tried, SECOND), 0);
}

static void those_that_cannot_be_reached_are_tried_when_no_other_is_left(void **state)
{
    struct lease_tried tried = {0};

    (void)state;
    server_note_unreachable(server_of(0), "refused", SECOND);
    server_note_unreachable(server_of(2), "refused", SECOND);
    assert_int_equal(pick_one(&tried, SECOND), 1);
    assert_int_equal(pick_one(&tried, SECOND), 0);
    assert_int_equal(pick_one(&tried, SECOND), 2);
}

static void one_request_at_a_time_tries_a_server_that_was_out(void **state)
{
    struct lease_tried tried = {0};
    struct lease lease;

    (void)state;
    let_try(0);
    lease_init(&lease);
    assert_true(lease_pick(&lease, upstream, &tried, SECOND));
    assert_int_equal(lease.member, 0);
    tried = (struct lease_tried){0};
    assert_int_equal(pick_one(&tried, SECOND), 1); /* the others do not wait for it */
    finish(&lease, LEASE_CLIENT_LEFT, NULL);       /* which says nothing: another may */
    tried = (struct lease_tried){0};
    assert_true(lease_pick(&lease, upstream, &tried, SECOND));
    assert_int_equal(lease.member, 0);
    finish(&lease, LEASE_OK, &(struct lease_seen){.status = 200, .now_us = SECOND});
    assert_int_equal(state_of(0), HEALTH_UP);
}

static void fail_with(size_t member, unsigned status, unsigned times)
{
    const struct lease_seen seen = {.status = status, .now_us = SECOND};
    struct lease lease;

    lease_init(&lease);
    for (unsigned i = 0; i < times; i++) {
        lease_take(&lease, upstream->set, member);
        finish(&lease, status != 0 ? LEASE_OK : LEASE_SERVER_FAILED, &seen);
    }
}

static void a_server_that_fails_in_a_row_is_out_while_another_does_better(void **state)
{
    (void)state;
    fail_with(0, 503, 2);
    fail_with(0, 404, 1); /* is an answer like any other */
    fail_with(0, 503, 2);
    assert_int_equal(state_of(0), HEALTH_UP);
    fail_with(0, 0, 1);
    assert_int_equal(state_of(0), HEALTH_EJECTED);
    fail_with(1, 503, 3); /* 67 % would be out */
    assert_int_equal(state_of(1), HEALTH_UP);
}

static void servers_that_all_fail_alike_stay(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        for (size_t member = 0; member < SERVERS; member++) {
            fail_with(member, 500, 1);
        }
    }
    for (size_t member = 0; member < SERVERS; member++) {
        assert_int_equal(state_of(member), HEALTH_UP);
    }
}

static void with_too_few_left_those_out_are_used_too_but_not_the_unreachable(void **state)
{
    static const struct health_answer bad = {false, true, "it answered with status 503"};
    struct lease_tried tried = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        server_note_check(server_of(0), &bad, SECOND);
    }
    assert_int_equal(pick_one(&tried, SECOND), 1); /* 67 % are well */
    server_note_unreachable(server_of(1), "refused", SECOND);
    tried = (struct lease_tried){0};
    assert_int_equal(pick_one(&tried, SECOND), 0); /* 33 %: so 0 comes before 2 */
    assert_int_equal(pick_one(&tried, SECOND), 2);
    assert_int_equal(pick_one(&tried, SECOND), 1);
}

static void a_server_without_addresses_is_never_chosen(void **state)
{
    struct lease_tried tried = {0};
    struct sock_address address;

    assert_int_equal(tear_down(state), 0);
    assert_int_equal(set_up_with(state, 1), 0);
    assert_int_equal(pick_one(&tried, SECOND), 1);
    assert_int_equal(tear_down(state), 0);
    assert_int_equal(set_up_with(state, SERVERS), 0);
    tried = (struct lease_tried){0};
    assert_true(pick_one(&tried, SECOND) == BALANCE_NONE);
    assert_int_equal(tried.members.count, 0);
    assert_true(sock_address_from_ip(&address, "127.0.0.1", 1));
    endpoint_publish(upstream_endpoint(upstream, 2), &address, 1);
    assert_int_equal(pick_one(&tried, SECOND), 2);
}

static void the_policy_is_asked_with_the_key_the_time_and_what_was_tried(void **state)
{
    struct lease_tried tried = {0};
    struct lease lease;
    uint64_t random;

    lease_init(&lease);
    lease.key = 42;
    tried.set = upstream->set->serial;
    balance_set_add(&tried.members, 1);
    assert_true(lease_pick(&lease, *state, &tried, 7 * SECOND));
    assert_int_equal(asked.key, 42);
    assert_int_equal(asked.now_us, 7 * SECOND);
    assert_ptr_equal(asked.tried, &tried.members);
    random = asked.random;
    finish(&lease, LEASE_UNUSED, NULL);
    assert_true(lease_pick(&lease, *state, &tried, 7 * SECOND));
    assert_int_equal(asked.key, 42);
    assert_true(asked.random != random);
    finish(&lease, LEASE_UNUSED, NULL);
    tried = (struct lease_tried){0};
    witness.is_random = false;
    assert_true(lease_pick(&lease, *state, &tried, 7 * SECOND));
    witness.is_random = true;
    assert_true(asked.random == 0); /* it costs something, and not all want it */
    finish(&lease, LEASE_UNUSED, NULL);
}

static void what_was_seen_reaches_the_policy(void **state)
{
    const struct lease_seen seen = {.status = 503, .latency_us = 1234, .now_us = SECOND};
    struct lease lease;

    (void)state;
    lease_init(&lease);
    lease_take(&lease, upstream->set, 2);
    finish(&lease, LEASE_OK, &seen);
    assert_int_equal(done_count, 1);
    assert_int_equal(done_member, 2);
    assert_int_equal(done_outcome.how, LEASE_OK);
    assert_int_equal(done_outcome.seen.status, 503);
    assert_int_equal(done_outcome.seen.latency_us, 1234);
    lease_take(&lease, upstream->set, 1);
    finish(&lease, LEASE_SERVER_FAILED, NULL);
    assert_int_equal(done_count, 2);
    assert_int_equal(done_outcome.how, LEASE_SERVER_FAILED);
    assert_int_equal(done_outcome.seen.status, 0);
}

static void a_client_that_leaves_counts_for_nothing(void **state)
{
    struct lease lease;

    (void)state;
    lease_init(&lease);
    lease_take(&lease, upstream->set, 0);
    finish(&lease, LEASE_CLIENT_LEFT, NULL);
    lease_take(&lease, upstream->set, 0);
    finish(&lease, LEASE_UNUSED, NULL);
    assert_int_equal(done_count, 0);
}

static void open_leases_are_counted_by_member(void **state)
{
    struct lease leases[2];

    (void)state;
    lease_init(&leases[0]);
    lease_init(&leases[1]);
    lease_take(&leases[0], upstream->set, 1);
    lease_take(&leases[1], upstream->set, 1);
    assert_int_equal(balance_load(&upstream->set->members[1]), 2);
    assert_int_equal(upstream->leases, 2);
    finish(&leases[0], LEASE_OK, NULL);
    assert_int_equal(balance_load(&upstream->set->members[1]), 1);
    assert_int_equal(balance_load(&upstream->set->members[0]), 0);
    finish(&leases[1], LEASE_CLIENT_LEFT, NULL);
    assert_int_equal(balance_load(&upstream->set->members[1]), 0);
    assert_int_equal(upstream->leases, 0);
}

static void what_was_seen_reaches_the_endpoint(void **state)
{
    struct endpoint *endpoint = upstream_endpoint(upstream, 0);
    struct endpoint_tally tally;
    struct lease lease;

    (void)state;
    lease_init(&lease);
    lease_take(&lease, upstream->set, 0);
    assert_int_equal(endpoint_tally(endpoint).leases, 1);
    finish(&lease, LEASE_OK, &(struct lease_seen){.status = 200, .latency_us = 10});
    lease_take(&lease, upstream->set, 0);
    finish(&lease, LEASE_OK, &(struct lease_seen){.status = 503, .latency_us = 30});
    lease_take(&lease, upstream->set, 0);
    finish(&lease, LEASE_SERVER_FAILED, NULL);
    lease_take(&lease, upstream->set, 0);
    finish(&lease, LEASE_CLIENT_LEFT, &(struct lease_seen){.status = 200, .latency_us = 50});
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
    lease_take(&lease, upstream->set, 0);
    finish(&lease, LEASE_OK, NULL);
    finish(&lease, LEASE_OK, NULL);
}

static void take_twice(void)
{
    struct lease lease;

    lease_init(&lease);
    lease_take(&lease, upstream->set, 0);
    lease_take(&lease, upstream->set, 1);
}

static void leave_open(void)
{
    struct lease lease;

    lease_init(&lease);
    lease_take(&lease, upstream->set, 0);
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

/* ---- ranks, limits, slow starts ---- */

static void the_lowest_rank_that_is_well_is_used_and_no_other(void **state)
{
    (void)state;
    change(0)->rank = SERVER_BACKUP;
    change(1)->rank = SERVER_ELSEWHERE;
    change(2)->rank = SERVER_OF_ZONE;
    assert_int_equal(pick_at(SECOND), 2);
    server_note_unreachable(upstream_set_ref(upstream->set, 2), "refused", SECOND);
    assert_int_equal(pick_at(SECOND), 1);
    server_note_unreachable(upstream_set_ref(upstream->set, 1), "refused", SECOND);
    assert_int_equal(pick_at(SECOND), 0);
}

static void a_full_one_is_passed_over_and_brings_no_backup_in(void **state)
{
    struct lease leases[3];
    struct lease_tried tried[3] = {{0}};

    (void)state;
    change(0)->max_in_use = 1;
    change(1)->max_in_use = 1;
    change(2)->rank = SERVER_BACKUP;
    for (unsigned i = 0; i < 3; i++) {
        lease_init(&leases[i]);
        assert_int_equal(lease_pick(&leases[i], upstream, &tried[i], SECOND), i < 2);
        assert_int_equal(leases[i].is_refused_by_limit, i == 2);
    }
    assert_int_equal(leases[0].member, 0);
    assert_int_equal(leases[1].member, 1);
    finish(&leases[1], LEASE_OK, NULL);
    assert_true(lease_pick(&leases[2], upstream, &tried[2], SECOND));
    assert_int_equal(leases[2].member, 1);
    finish(&leases[2], LEASE_OK, NULL);
    finish(&leases[0], LEASE_OK, NULL);
    assert_int_equal(atomic_load(&change(0)->endpoint->load->in_use), 0);
    assert_int_equal(atomic_load(&change(1)->endpoint->load->in_use), 0);
}

static void whoever_is_down_is_no_reason_to_wait(void **state)
{
    struct lease lease;
    struct lease_tried tried = {.set = upstream->set->serial};

    (void)state;
    for (size_t i = 0; i < SERVERS; i++) {
        change(i)->max_in_use = 1;
        balance_set_add(&tried.members, i);
    }
    lease_init(&lease);
    assert_false(lease_pick(&lease, upstream, &tried, SECOND));
    assert_false(lease.is_refused_by_limit);
}

static unsigned shares_of_0(uint64_t now_us)
{
    unsigned hits = 0;

    for (unsigned i = 0; i < 1000; i++) {
        hits += pick_at(now_us) == 0;
    }
    return hits;
}

static void one_that_came_back_starts_slowly(void **state)
{
    (void)state;
    ((struct backend *)(uintptr_t)upstream->backend)->slow_start_us = 10 * SECOND;
    assert_int_equal(shares_of_0(SECOND), 1000); /* at the beginning all are alike */
    atomic_store(&change(0)->endpoint->health.since_us, 100 * SECOND);
    server_changes_note();
    assert_in_range(shares_of_0(101 * SECOND), 50, 150);
    assert_in_range(shares_of_0(105 * SECOND), 420, 580);
    assert_int_equal(shares_of_0(110 * SECOND), 1000);
    /* With nobody else it gets all. */
    server_note_unreachable(upstream_set_ref(upstream->set, 1), "refused", 101 * SECOND);
    server_note_unreachable(upstream_set_ref(upstream->set, 2), "refused", 101 * SECOND);
    assert_int_equal(shares_of_0(101 * SECOND), 1000);
}

/* ---- what people order ---- */

static void an_ordered_weight_holds_from_the_next_choice_on(void **state)
{
    struct lease open;

    (void)state;
    lease_init(&open);
    assert_true(lease_pick(&open, upstream, &(struct lease_tried){0}, SECOND));
    uint64_t before = upstream->set->serial;
    assert_true(server_order_weigh("b/s", 5));
    assert_int_equal(pick_at(SECOND), 0);
    assert_true(upstream->set->serial != before); /* policies are made anew with it */
    assert_int_equal(upstream->set->members[0].weight, 5);
    before = upstream->set->serial;
    assert_true(server_order_weigh("b/s", 5)); /* nothing new */
    assert_int_equal(pick_at(SECOND), 0);
    assert_true(upstream->set->serial == before);
    assert_true(server_order_weigh("b/s", 0)); /* all three have that name */
    assert_true(pick_at(SECOND) == BALANCE_NONE);
    assert_true(server_order_weigh("b/s", SERVER_WEIGHT_DEFAULT));
    assert_int_equal(pick_at(SECOND), 0);
    assert_int_equal(upstream->set->members[0].weight, 1);
    finish(&open, LEASE_OK, NULL); /* of a set that is long gone */
}

static void an_order_is_kept_by_its_name_alone(void **state)
{
    struct server_order *order = server_order_take("kept", "one");
    struct server server = {.weight = 700, .unit = 1000, .order = order};

    (void)state;
    assert_false(server_order_weigh("kept/other", 3));
    assert_false(server_order_weigh("kept", 3));
    assert_int_equal(server_weight(&server), 700);
    assert_true(server_order_weigh("kept/one", 3));
    assert_int_equal(server_weight(&server), 3000);
    assert_true(server_order_weigh("kept/one", SERVER_WEIGHT_SAID_MAX));
    assert_int_equal(server_weight(&server), SERVER_WEIGHT_MAX);
    server_order_release(order);
    order = server_order_take("kept", "one"); /* another configuration */
    assert_int_equal(server_order_weight(order), SERVER_WEIGHT_SAID_MAX);
    server_order_release(order);
    assert_true(server_order_weigh("kept/one", SERVER_WEIGHT_DEFAULT)); /* and it is gone */
    assert_false(server_order_weigh("kept/one", 1));
}

/* By whatever a server ceases to be a choice, and is one again. */
static void what_changes_counts_from_the_next_request_on(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 3; turn++) {
        assert_int_equal(pick_at(SECOND), 0);
    }
    server_note_unreachable(server_of(0), "refused", SECOND);
    assert_int_equal(pick_at(SECOND), 1);
    server_note_reached(server_of(0), 2 * SECOND);
    assert_int_equal(pick_at(2 * SECOND), 0);
    assert_true(server_order_give("b/s", SERVER_DRAINING));
    assert_true(pick_at(2 * SECOND) == BALANCE_NONE);
    assert_true(server_order_give("b/s", SERVER_ENABLED));
    assert_int_equal(pick_at(2 * SECOND), 0);
    server_eject(server_of(0), "by somebody's word", 2 * SECOND);
    assert_int_equal(pick_at(2 * SECOND), 1);
}

static uint64_t draw(uint64_t below)
{
    static uint64_t drawn;

    return hash_mix(++drawn) % below;
}

static void change_at_random(size_t member, uint64_t now_us)
{
    static const enum health_state states[] = {
        HEALTH_UP, HEALTH_UP, HEALTH_UP, HEALTH_DOWN, HEALTH_EJECTED, HEALTH_EJECTED, HEALTH_TRIAL};
    struct health *health = &change(member)->endpoint->health;

    change(member)->rank = (unsigned)draw(2);
    atomic_store(&health->state, (int)states[draw(ARRAY_LEN(states))]);
    atomic_store(&health->until_us, now_us + draw(3 * SECOND));
    atomic_store(&health->is_unreachable,
                 health_state_of(health) == HEALTH_EJECTED && draw(2) == 0);
    atomic_store(&health->trial_until_us, draw(3) == 0 ? now_us + draw(3 * SECOND) : 0);
}

static uint64_t choices_of(struct lease_tried *tried, uint64_t now_us)
{
    struct lease lease;

    lease_init(&lease);
    asked.choices = NULL;
    if (!lease_pick(&lease, upstream, tried, now_us)) {
        return 0;
    }
    finish(&lease, LEASE_UNUSED, NULL);
    return asked_bits;
}

/* What was found by a look at all, and holds until something changes or its time is up, is what
 * each other look finds. One of the tried makes that necessary. */
static void choices_that_are_known_are_those_that_a_look_finds(void **state)
{
    unsigned known = 0;

    (void)state;
    for (unsigned world = 0; world < 500; world++) {
        uint64_t now_us = 100 * SECOND;
        for (size_t i = 0; i < SERVERS; i++) {
            change_at_random(i, now_us);
        }
        server_changes_note();
        for (unsigned turn = 0; turn < 8; turn++, now_us += SECOND / 2) {
            struct lease_tried looks = {.set = upstream->set->serial, .members = {.count = 1}};
            uint64_t found = choices_of(&looks, now_us);
            assert_true(choices_of(&(struct lease_tried){0}, now_us) == found);
            known += asked.choices_serial != 0;
        }
    }
    assert_in_range(known, 500, 3500);
}

int main(void)
{
    static const unsigned limits[] = {1000, 0};
    int failed = 0;
    const struct CMUnitTest tests[] = {
        TEST(a_request_tries_each_server_once),
        TEST(what_changes_counts_from_the_next_request_on),
        TEST(choices_that_are_known_are_those_that_a_look_finds),
        TEST(the_lowest_rank_that_is_well_is_used_and_no_other),
        TEST(a_full_one_is_passed_over_and_brings_no_backup_in),
        TEST(whoever_is_down_is_no_reason_to_wait),
        TEST(one_that_came_back_starts_slowly),
        TEST(an_ordered_weight_holds_from_the_next_choice_on),
        cmocka_unit_test(an_order_is_kept_by_its_name_alone),
        TEST(a_server_that_could_not_be_reached_is_passed_over),
        TEST(those_that_cannot_be_reached_are_tried_when_no_other_is_left),
        TEST(one_request_at_a_time_tries_a_server_that_was_out),
        TEST(a_server_that_fails_in_a_row_is_out_while_another_does_better),
        TEST(servers_that_all_fail_alike_stay),
        TEST(with_too_few_left_those_out_are_used_too_but_not_the_unreachable),
        TEST(a_server_without_addresses_is_never_chosen),
        TEST(the_policy_is_asked_with_the_key_the_time_and_what_was_tried),
        TEST(what_was_seen_reaches_the_policy),
        TEST(a_client_that_leaves_counts_for_nothing),
        TEST(open_leases_are_counted_by_member),
        TEST(what_was_seen_reaches_the_endpoint),
        TEST(a_lease_that_is_ended_or_taken_twice_or_lost_is_found),
    };

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        limit = limits[i];
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    }
    return failed;
}

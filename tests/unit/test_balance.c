/* The seam of balancing: round robin, and that a policy which uses all that it is asked with can be
 * one short file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "upstream/backend.h"
#include "upstream/balance.h"

#define MEMBERS 3

static struct endpoint_share shares[MEMBERS];
static struct balance_member members[MEMBERS];
static const struct backend backend = {.name = "b"};
static const struct balance_set none;

static struct balance_set all_but(size_t left_out)
{
    struct balance_set set = {0};

    for (size_t i = 0; i < MEMBERS; i++) {
        if (i != left_out) {
            balance_set_add(&set, i);
        }
    }
    return set;
}

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMBERS; i++) {
        members[i] = (struct balance_member){.name = "s", .weight = 1, .share = &shares[i]};
        atomic_store(&shares[i].leases, 0);
    }
    return 0;
}

static struct balance *create(const struct balance_type *type)
{
    struct balance *balance = type->create(&backend, members, MEMBERS);

    assert_ptr_equal(balance->type, type);
    return balance;
}

/* ---- round robin ---- */

static void pick_many(struct balance *balance, const struct balance_set *choices, unsigned count,
                      size_t picks[])
{
    const struct balance_ask ask = {.tried = &none, .choices = choices};

    for (unsigned i = 0; i < count; i++) {
        picks[i] = balance->type->pick(balance, &ask);
    }
}

static void equal_weights_take_turns(void **state)
{
    struct balance *balance = create(&balance_round_robin);
    const struct balance_set choices = all_but(BALANCE_NONE);
    size_t picks[6];

    (void)state;
    pick_many(balance, &choices, 6, picks);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(picks[i], i % 3);
    }
    balance->type->destroy(balance);
}

static void weights_are_met_exactly_and_spread_evenly(void **state)
{
    static const size_t expected[] = {0, 1, 0, 0, 0, 2, 0};
    const struct balance_set choices = all_but(BALANCE_NONE);
    struct balance *balance;
    size_t picks[70];

    (void)state;
    members[0].weight = 5; /* 5 : 1 : 1 */
    balance = create(&balance_round_robin);
    pick_many(balance, &choices, 70, picks);
    for (unsigned i = 0; i < 70; i++) {
        assert_int_equal(picks[i], expected[i % 7]);
    }
    balance->type->destroy(balance);
}

static void round_robin_picks_among_the_choices_alone(void **state)
{
    struct balance *balance = create(&balance_round_robin);
    size_t picks[4];

    (void)state;
    for (size_t out = 0; out < MEMBERS; out++) {
        const struct balance_set choices = all_but(out);
        pick_many(balance, &choices, 4, picks);
        for (unsigned i = 0; i < 4; i++) {
            assert_int_not_equal(picks[i], out);
        }
        assert_int_not_equal(picks[0], picks[1]);
    }
    balance->type->destroy(balance);
}

static void two_objects_of_one_policy_share_nothing(void **state)
{
    struct balance *first = create(&balance_round_robin);
    struct balance *second = create(&balance_round_robin);
    const struct balance_set choices = all_but(BALANCE_NONE);
    size_t picks[2];

    (void)state;
    pick_many(first, &choices, 1, &picks[0]);
    pick_many(second, &choices, 1, &picks[1]);
    assert_int_equal(picks[0], picks[1]);
    first->type->destroy(first);
    second->type->destroy(second);
}

/* ---- a policy that uses everything ---- */

/* Requests with a key go to its member, or the next one in the ring where that was tried; those
 * without to the better of two that are drawn: the one with less on it, counting what it answers
 * badly or slowly. Who failed is new again for a second. */
struct choosy {
    struct balance base;
    const struct balance_member *members;
    size_t count;
    uint64_t cost[MEMBERS];
    uint64_t new_until_us[MEMBERS];
};

static const struct balance_type choosy_type;

static struct balance *choosy_create(const struct backend *of, const struct balance_member *all,
                                     size_t count)
{
    struct choosy *self = xcalloc(1, sizeof(*self));

    self->base.type = &choosy_type;
    self->members = all;
    (void)of;
    self->count = count;
    return &self->base;
}

static size_t draw(const struct choosy *self, const struct balance_ask *ask, uint64_t random)
{
    size_t i = (size_t)(random % self->count);

    while (!balance_set_has(ask->choices, i)) {
        i = (i + 1) % self->count;
    }
    return i;
}

static uint64_t cost_of(const struct choosy *self, const struct balance_ask *ask, size_t i)
{
    uint64_t cost = self->cost[i] + 1000 * balance_load(&self->members[i]);

    return ask->now_us < self->new_until_us[i] ? cost + 10000 : cost;
}

static size_t choosy_pick(struct balance *base, const struct balance_ask *ask)
{
    struct choosy *self = CONTAINER_OF(base, struct choosy, base);

    if (ask->key != 0) {
        return draw(self, ask, ask->key + ask->tried->count);
    }
    size_t one = draw(self, ask, (uint32_t)ask->random);
    size_t other = draw(self, ask, ask->random >> 32);
    return cost_of(self, ask, one) <= cost_of(self, ask, other) ? one : other;
}

static void choosy_done(struct balance *base, size_t member, const struct balance_outcome *outcome)
{
    struct choosy *self = CONTAINER_OF(base, struct choosy, base);

    if (outcome->how == LEASE_SERVER_FAILED || outcome->seen.status >= 500) {
        self->new_until_us[member] = outcome->seen.now_us + 1000000;
    }
    self->cost[member] = (self->cost[member] + outcome->seen.latency_us) / 2;
}

static void choosy_destroy(struct balance *base)
{
    free(CONTAINER_OF(base, struct choosy, base));
}

static const struct balance_type choosy_type = {
    .name = "choosy",
    .create = choosy_create,
    .pick = choosy_pick,
    .done = choosy_done,
    .destroy = choosy_destroy,
};

static size_t pick_for(struct balance *balance, uint64_t key, uint64_t random, uint64_t now_us,
                       const struct balance_set *tried)
{
    struct balance_set choices = {0};

    for (size_t i = 0; i < MEMBERS; i++) {
        if (!balance_set_has(tried, i)) {
            balance_set_add(&choices, i);
        }
    }
    const struct balance_ask ask = {
        .key = key, .random = random, .now_us = now_us, .tried = tried, .choices = &choices};
    return balance->type->pick(balance, &ask);
}

static void a_policy_can_keep_a_key_at_its_member_until_that_was_tried(void **state)
{
    struct balance *balance = create(&choosy_type);
    struct balance_set tried = {0};

    (void)state;
    for (uint64_t random = 0; random < 10; random++) {
        assert_int_equal(pick_for(balance, 4, random, 0, &tried), 1);
        assert_int_equal(pick_for(balance, 5, random, 0, &tried), 2);
    }
    balance_set_add(&tried, 1);
    assert_int_equal(pick_for(balance, 4, 0, 0, &tried), 2);
    balance->type->destroy(balance);
}

static void a_policy_can_draw_two_and_take_the_one_with_less_on_it(void **state)
{
    struct balance *balance = create(&choosy_type);
    uint64_t draws_0_and_1 = UINT64_C(1) << 32;

    (void)state;
    assert_int_equal(pick_for(balance, 0, draws_0_and_1, 0, &none), 0);
    endpoint_count(&shares[0].leases, 1);
    assert_int_equal(pick_for(balance, 0, draws_0_and_1, 0, &none), 1);
    balance->type->destroy(balance);
}

static void a_policy_can_learn_from_latency_status_and_failures(void **state)
{
    struct balance *balance = create(&choosy_type);
    const struct balance_outcome slow = {LEASE_OK, {200, 4000, 0}};
    const struct balance_outcome error = {LEASE_OK, {503, 0, 1000000}};
    const struct balance_outcome failure = {LEASE_SERVER_FAILED, {0, 0, 5000000}};
    uint64_t draws_0_and_1 = UINT64_C(1) << 32;

    (void)state;
    balance->type->done(balance, 0, &slow);
    assert_int_equal(pick_for(balance, 0, draws_0_and_1, 0, &none), 1);
    balance->type->done(balance, 1, &error);
    assert_int_equal(pick_for(balance, 0, draws_0_and_1, 1999999, &none), 0);
    assert_int_equal(pick_for(balance, 0, draws_0_and_1, 2000000, &none), 1);
    balance->type->done(balance, 1, &failure);
    assert_int_equal(pick_for(balance, 0, draws_0_and_1, 5999999, &none), 0);
    balance->type->destroy(balance);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_weights_take_turns),
        TEST(weights_are_met_exactly_and_spread_evenly),
        TEST(round_robin_picks_among_the_choices_alone),
        TEST(two_objects_of_one_policy_share_nothing),
        TEST(a_policy_can_keep_a_key_at_its_member_until_that_was_tried),
        TEST(a_policy_can_draw_two_and_take_the_one_with_less_on_it),
        TEST(a_policy_can_learn_from_latency_status_and_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

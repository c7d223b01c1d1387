/* Members for the tests of balancing: their names, weights and loads are the test's to set. */
#ifndef TIDEGATE_TESTS_BALANCE_WORLD_H
#define TIDEGATE_TESTS_BALANCE_WORLD_H

#include <stdio.h>
#include <string.h>

#include "upstream/backend.h"
#include "upstream/balance.h"

#define WORLD_MAX BALANCE_MEMBERS_MAX

struct balance_world {
    struct backend backend;
    size_t count;
    struct endpoint_share shares[WORLD_MAX];
    struct balance_member members[WORLD_MAX];
    char names[WORLD_MAX][24];
    struct balance *balance;
    struct balance_set choices;
    uint64_t random;
    uint64_t now_us;
    uint64_t serial; /* of the choices; 0: they are one request's */
};

/* All are choices, of weight 1 and idle. */
static inline void world_init(struct balance_world *world, size_t count)
{
    memset(world, 0, sizeof(*world));
    world->backend.name = "b";
    world->count = count;
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(world->names[i], sizeof(world->names[i]), "10.0.%u.%u:80",
                       (unsigned)(i / 256) % 256, (unsigned)(i % 256));
        world->members[i] = (struct balance_member){
            .name = world->names[i], .weight = 1, .share = &world->shares[i]};
        balance_set_add(&world->choices, i);
    }
    world->now_us = 1000000;
}

static inline void world_start(struct balance_world *world, const struct balance_type *type)
{
    world->balance = type->create(&world->backend, world->members, world->count);
}

static inline void world_end(struct balance_world *world)
{
    world->balance->type->destroy(world->balance);
}

static inline void world_remove(struct balance_world *world, size_t member)
{
    world->choices.bits[member / 64] &= ~(UINT64_C(1) << (member % 64));
    world->choices.count--;
}

static inline void world_load(struct balance_world *world, size_t member, uint64_t load)
{
    atomic_store(&world->shares[member].leases, load);
}

static inline size_t world_pick(struct balance_world *world, uint64_t key)
{
    static const struct balance_set none;
    const struct balance_ask ask = {
        .key = key,
        .random = hash_mix(++world->random),
        .now_us = world->now_us,
        .tried = &none,
        .choices = &world->choices,
        .choices_serial = world->serial,
    };

    return world->balance->type->pick(world->balance, &ask);
}

/* How often each one of the first `count` is picked. */
static inline void world_pick_many(struct balance_world *world, unsigned times, unsigned hits[])
{
    memset(hits, 0, world->count * sizeof(hits[0]));
    for (unsigned i = 0; i < times; i++) {
        hits[world_pick(world, 0)]++;
    }
}

static inline void world_answer(struct balance_world *world, size_t member, unsigned status,
                                uint64_t latency_us)
{
    const struct balance_outcome outcome = {LEASE_OK, {status, latency_us, world->now_us}};

    world->balance->type->done(world->balance, member, &outcome);
}

#endif

#include "upstream/lease.h"

/* Whom a request may be put to, the best first. */
enum tier { TIER_WELL, TIER_REACHABLE, TIER_ANY };

static bool is_choice(const struct endpoint *endpoint, enum tier tier, uint64_t now_us)
{
    switch (tier) {
    case TIER_WELL:
        return health_is_choice(&endpoint->health, now_us);
    case TIER_REACHABLE:
        return !health_is_unreachable(&endpoint->health);
    case TIER_ANY:
        break;
    }
    return true;
}

/* `choices` become those of the tier that were not tried. How many of the group are of the tier,
 * tried or not, is the result; *known: how many there are at all. */
static size_t find_choices(const struct upstream_set *set, const struct balance_ask *ask,
                           enum tier tier, struct balance_set *choices, size_t *known)
{
    size_t count = set->servers->count;
    size_t of_tier = 0;

    memset(choices->bits, 0, (count + 63) / 64 * sizeof(choices->bits[0]));
    choices->count = 0;
    *known = 0;
    for (size_t i = 0; i < count; i++) {
        const struct endpoint *endpoint = set->servers->servers[i].endpoint;
        if (!endpoint_has_addresses(endpoint)) {
            continue;
        }
        ++*known;
        if (is_choice(endpoint, tier, ask->now_us)) {
            of_tier++;
            if (!balance_set_has(ask->tried, i)) {
                balance_set_add(choices, i);
            }
        }
    }
    return of_tier;
}

/* Whether so few are well that they would go down under what all of them carry. */
static bool is_panic(const struct upstream_set *set, size_t well, size_t known)
{
    return well * 100 < upstream_set_backend(set)->panic * known;
}

static size_t pick_member(struct upstream_set *set, struct balance_ask *ask,
                          struct balance_set *choices)
{
    size_t known;
    size_t well = find_choices(set, ask, TIER_WELL, choices, &known);
    size_t member;

    if (choices->count == 0 || is_panic(set, well, known)) {
        (void)find_choices(set, ask, TIER_REACHABLE, choices, &known);
    }
    if (choices->count == 0) {
        (void)find_choices(set, ask, TIER_ANY, choices, &known);
    }
    if (choices->count == 0) {
        return BALANCE_NONE;
    }
    ask->choices = choices;
    member = set->balance->type->pick(set->balance, ask);
    CHECK(member < set->servers->count && balance_set_has(choices, member));
    return member;
}

bool lease_pick(struct lease *lease, struct upstream *upstream, struct lease_tried *tried,
                uint64_t now_us)
{
    struct upstream_set *set = upstream_follow(upstream);
    struct balance_ask ask = {
        .key = lease->key,
        .random = upstream->backend->balance->is_random ? upstream_random(upstream) : 0,
        .now_us = now_us,
        .tried = &tried->members,
    };
    struct balance_set choices;
    size_t member;
    struct health *health;

    if (tried->set == LEASE_TRIED_ALL) {
        return false;
    }
    if (tried->set != set->serial) {
        *tried = (struct lease_tried){.set = set->serial};
    }
    member = pick_member(set, &ask, &choices);
    if (member == BALANCE_NONE) {
        return false;
    }
    balance_set_add(&tried->members, member);
    lease_take(lease, set, member);
    health = &upstream_set_server(set, member)->endpoint->health;
    lease->is_trial = health_state_of(health) != HEALTH_UP && health_may_try(health, now_us) &&
                      health_claim_trial(health, now_us);
    return true;
}

bool lease_has_untried(struct upstream *upstream, const struct lease_tried *tried)
{
    const struct upstream_set *set = upstream_follow(upstream);
    size_t count = tried->set == set->serial ? tried->members.count : 0;

    return tried->set != LEASE_TRIED_ALL && count < set->servers->count;
}

void lease_take(struct lease *lease, struct upstream_set *set, size_t member)
{
    CHECK(!lease->is_held);
    (void)upstream_set_hold(set); /* first: it may be the one that is let go */
    lease_reset(lease);
    lease->set = set;
    lease->member = member;
    lease->is_held = true;
    set->upstream->leases++;
    endpoint_count(&set->entries[member]->share.leases, 1);
}

void lease_reset(struct lease *lease)
{
    CHECK(!lease->is_held);
    if (lease->set != NULL) {
        upstream_set_release(lease->set);
    }
    lease->set = NULL;
    lease->member = BALANCE_NONE;
}

/* What it says of the server's health. */
static void judge(const struct lease *lease, enum lease_how how, const struct lease_seen *seen)
{
    const struct server_ref ref = upstream_set_ref(lease->set, lease->member);

    if (ref.backend->is_of_checks) {
        return;
    }
    if (how == LEASE_OK && !server_status_is_bad(seen->status)) {
        server_note_success(ref, seen->now_us);
    } else if (how == LEASE_OK || how == LEASE_SERVER_FAILED) {
        server_note_failure(ref, how == LEASE_OK ? seen->status : 0, seen->now_us);
    } else if (lease->is_trial) {
        health_end_trial(&lease_server(lease)->endpoint->health);
    }
}

static void note(struct endpoint_share *share, enum lease_how how, const struct lease_seen *seen)
{
    endpoint_count(how == LEASE_OK ? &share->served : &share->failed, 1);
    if (how == LEASE_OK && seen->status >= 500) {
        endpoint_count(&share->errors, 1);
    }
    if (seen->latency_us != 0) {
        endpoint_count(&share->timed, 1);
        endpoint_count(&share->latency_us, (int64_t)seen->latency_us);
    }
}

void lease_end(struct lease *lease, enum lease_how how, const struct lease_seen *seen)
{
    struct upstream_set *set = lease->set;
    struct endpoint_share *share;
    struct balance_outcome outcome = {.how = how};

    CHECK(lease->is_held && set->upstream->leases > 0);
    lease->is_held = false;
    set->upstream->leases--;
    share = &set->entries[lease->member]->share;
    endpoint_count(&share->leases, -1);
    if (seen != NULL) {
        outcome.seen = *seen;
    }
    judge(lease, how, &outcome.seen);
    lease->is_trial = false;
    if (how != LEASE_OK && how != LEASE_SERVER_FAILED) {
        return;
    }
    note(share, how, &outcome.seen);
    if (set->balance->type->done != NULL) {
        set->balance->type->done(set->balance, lease->member, &outcome);
    }
}

#include "upstream/lease.h"

#include "upstream/server_health.h"

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
static size_t find_choices(const struct upstream *upstream, const struct balance_ask *ask,
                           enum tier tier, struct balance_set *choices, size_t *known)
{
    size_t count = upstream->backend->server_count;
    size_t of_tier = 0;

    memset(choices->bits, 0, (count + 63) / 64 * sizeof(choices->bits[0]));
    choices->count = 0;
    *known = 0;
    for (size_t i = 0; i < count; i++) {
        const struct endpoint *endpoint = upstream_endpoint(upstream, i);
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
static bool is_panic(const struct upstream *upstream, size_t well, size_t known)
{
    return well * 100 < upstream->backend->panic * known;
}

static size_t pick_member(struct upstream *upstream, struct balance_ask *ask,
                          struct balance_set *choices)
{
    size_t known;
    size_t well = find_choices(upstream, ask, TIER_WELL, choices, &known);
    size_t member;

    if (choices->count == 0 || is_panic(upstream, well, known)) {
        (void)find_choices(upstream, ask, TIER_REACHABLE, choices, &known);
    }
    if (choices->count == 0) {
        (void)find_choices(upstream, ask, TIER_ANY, choices, &known);
    }
    if (choices->count == 0) {
        return BALANCE_NONE;
    }
    ask->choices = choices;
    member = upstream->balance->type->pick(upstream->balance, ask);
    CHECK(member < upstream->backend->server_count && balance_set_has(choices, member));
    return member;
}

bool lease_pick(struct lease *lease, struct upstream *upstream, struct balance_set *tried,
                uint64_t now_us)
{
    struct balance_ask ask = {
        .key = lease->key,
        .random = upstream->balance->type->is_random ? upstream_random(upstream) : 0,
        .now_us = now_us,
        .tried = tried,
    };
    struct balance_set choices;
    size_t member = pick_member(upstream, &ask, &choices);
    struct health *health;

    if (member == BALANCE_NONE) {
        return false;
    }
    balance_set_add(tried, member);
    lease_take(lease, upstream, member);
    health = &upstream_endpoint(upstream, member)->health;
    lease->is_trial = health_state_of(health) != HEALTH_UP && health_may_try(health, now_us) &&
                      health_claim_trial(health, now_us);
    return true;
}

void lease_take(struct lease *lease, struct upstream *upstream, size_t member)
{
    CHECK(lease->of == NULL);
    lease->of = upstream;
    lease->member = member;
    upstream->leases++;
    endpoint_count(&upstream->entries[member]->share.leases, 1);
}

/* What it says of the server's health. */
static void judge(const struct lease *lease, const struct upstream *upstream, enum lease_how how,
                  const struct lease_seen *seen)
{
    const struct server_ref ref = {upstream->backend, lease->member};

    if (upstream->backend->is_of_checks) {
        return;
    }
    if (how == LEASE_OK && !server_status_is_bad(seen->status)) {
        server_note_success(ref, seen->now_us);
    } else if (how == LEASE_OK || how == LEASE_SERVER_FAILED) {
        server_note_failure(ref, how == LEASE_OK ? seen->status : 0, seen->now_us);
    } else if (lease->is_trial) {
        health_end_trial(&upstream_endpoint(upstream, lease->member)->health);
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
    struct upstream *upstream = lease->of;
    struct endpoint_share *share;
    struct balance_outcome outcome = {.how = how};

    CHECK(upstream != NULL && upstream->leases > 0);
    lease->of = NULL;
    upstream->leases--;
    share = &upstream->entries[lease->member]->share;
    endpoint_count(&share->leases, -1);
    if (seen != NULL) {
        outcome.seen = *seen;
    }
    judge(lease, upstream, how, &outcome.seen);
    lease->is_trial = false;
    if (how != LEASE_OK && how != LEASE_SERVER_FAILED) {
        return;
    }
    note(share, how, &outcome.seen);
    if (upstream->balance->type->done != NULL) {
        upstream->balance->type->done(upstream->balance, lease->member, &outcome);
    }
}

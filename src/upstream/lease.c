#include "upstream/lease.h"

/* `choices` is what the policy is shown. */
static size_t pick_among(struct upstream *upstream, struct balance_ask *ask,
                         struct balance_set *choices, bool take_down_ones)
{
    size_t count = upstream->backend->server_count;
    size_t member;

    memset(choices->bits, 0, (count + 63) / 64 * sizeof(choices->bits[0]));
    choices->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct endpoint *endpoint = upstream_endpoint(upstream, i);
        if (!balance_set_has(ask->tried, i) &&
            (take_down_ones || !endpoint_is_down(endpoint, ask->now_us)) &&
            endpoint_has_addresses(endpoint)) {
            balance_set_add(choices, i);
        }
    }
    if (choices->count == 0) {
        return BALANCE_NONE;
    }
    ask->choices = choices;
    member = upstream->balance->type->pick(upstream->balance, ask);
    CHECK(member < count && balance_set_has(choices, member));
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
    size_t member = pick_among(upstream, &ask, &choices, false);

    if (member == BALANCE_NONE) {
        member = pick_among(upstream, &ask, &choices, true);
    }
    if (member == BALANCE_NONE) {
        return false;
    }
    balance_set_add(tried, member);
    lease_take(lease, upstream, member);
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
    if (how != LEASE_OK && how != LEASE_SERVER_FAILED) {
        return;
    }
    if (seen != NULL) {
        outcome.seen = *seen;
    }
    note(share, how, &outcome.seen);
    if (upstream->balance->type->done != NULL) {
        upstream->balance->type->done(upstream->balance, lease->member, &outcome);
    }
}

#include "upstream/lease.h"
#include "upstream/server_changes.h"

/* Of a group in which something is under way that is not told of when it ends: until all of it is
 * looked at again. */
#define LOOK_AGAIN_US (UINT64_C(1) * 1000 * 1000)

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

/* Servers that a request may be put to, as far as they have been looked at. */
struct found {
    struct balance_set *choices; /* of the lowest rank that has one; not tried, and not full */
    unsigned rank;               /* theirs; SERVER_RANKS: none yet */
    size_t of_tier;              /* tried and full ones, too */
    size_t known;                /* in the group at all */
    bool has_full;
    bool has_full_primary;
};

static void clear(struct balance_set *choices, size_t count)
{
    memset(choices->bits, 0, (count + 63) / 64 * sizeof(choices->bits[0]));
    choices->count = 0;
}

static bool is_full(const struct server *server)
{
    return server->max_in_use != 0 &&
           atomic_load_explicit(&server->endpoint->load->in_use, memory_order_relaxed) >=
               server->max_in_use;
}

static void add_choice(const struct upstream_set *set, size_t member, struct found *found)
{
    const struct server *server = upstream_set_server(set, member);

    if (server->rank > found->rank) {
        return;
    }
    if (server->rank < found->rank) {
        clear(found->choices, set->servers->count);
        found->rank = server->rank;
    }
    balance_set_add(found->choices, member);
}

static void offer(const struct upstream_set *set, size_t member, struct found *found)
{
    const struct server *server = upstream_set_server(set, member);

    if (is_full(server)) {
        found->has_full = true;
        found->has_full_primary |= server->rank < SERVER_BACKUP;
        return;
    }
    add_choice(set, member, found);
}

/* Whether it can be used at all. */
static bool may_be_used(const struct upstream_set *set, const struct server *server)
{
    return endpoint_has_addresses(server->endpoint) &&
           (upstream_set_backend(set)->is_of_checks || server_order_allows(server->order));
}

/* That the others are full brings no backup in: requests wait for them. */
static void find_choices(const struct upstream_set *set, const struct balance_ask *ask,
                         enum tier tier, struct found *found)
{
    size_t count = set->servers->count;

    *found = (struct found){.choices = found->choices, .rank = SERVER_RANKS};
    clear(found->choices, count);
    for (size_t i = 0; i < count; i++) {
        const struct server *server = upstream_set_server(set, i);
        if (!may_be_used(set, server)) {
            continue;
        }
        found->known++;
        if (is_choice(server->endpoint, tier, ask->now_us)) {
            found->of_tier++;
            if (!balance_set_has(ask->tried, i)) {
                offer(set, i, found);
            }
        }
    }
    if (found->has_full_primary && found->rank >= SERVER_BACKUP) {
        clear(found->choices, count);
    }
}

/* When its slow start ends; 0: it has none. */
static uint64_t slow_start_ends(const struct upstream_set *set, const struct health *health)
{
    uint64_t since_us = atomic_load_explicit(&health->since_us, memory_order_relaxed);
    uint64_t whole_us = upstream_set_backend(set)->slow_start_us;
    bool has_one = whole_us != 0 && since_us != 0 && health_state_of(health) == HEALTH_UP;

    return has_one ? since_us + whole_us : 0;
}

/* Whether one that came back gets this request: the longer it is there, the more likely. */
static bool is_its_turn(struct upstream_set *set, size_t member, uint64_t now_us)
{
    uint64_t whole_us = upstream_set_backend(set)->slow_start_us;
    uint64_t end_us = slow_start_ends(set, &upstream_set_server(set, member)->endpoint->health);

    return end_us <= now_us ||
           upstream_random(set->upstream) % whole_us < whole_us - (end_us - now_us);
}

/* Leaves out those whose slow start says so, unless all would be. */
static void start_slowly(struct upstream_set *set, const struct balance_ask *ask,
                         struct balance_set *choices)
{
    struct balance_set left = {0};

    for (size_t i = 0; i < set->servers->count; i++) {
        if (balance_set_has(choices, i) && is_its_turn(set, i, ask->now_us)) {
            balance_set_add(&left, i);
        }
    }
    if (left.count != 0) {
        *choices = left;
    }
}

/* Whether so few are well that they would go down under what all of them carry. */
static bool is_panic(const struct upstream_set *set, size_t well, size_t known)
{
    return !upstream_set_backend(set)->spares_down &&
           well * 100 < upstream_set_backend(set)->panic * known;
}

/* Of the first tier that has any, full ones too: who is well will have a place again. */
static void find_best(const struct upstream_set *set, const struct balance_ask *ask,
                      struct found *found)
{
    find_choices(set, ask, TIER_WELL, found);
    if (upstream_set_backend(set)->spares_down) {
        return;
    }
    if ((found->choices->count == 0 && !found->has_full) ||
        is_panic(set, found->of_tier, found->known)) {
        find_choices(set, ask, TIER_REACHABLE, found);
    }
    if (found->choices->count == 0 && !found->has_full) {
        find_choices(set, ask, TIER_ANY, found);
    }
}

/* A client stays with its server whatever that is short of. */
static bool is_held_by_key(const struct upstream_set *set, const struct balance_ask *ask)
{
    return ask->key != 0 && upstream_set_backend(set)->balance == &balance_sticky;
}

/* What a look at all servers has come to. */
struct survey {
    struct found found;
    size_t well;
    bool is_settled; /* nothing but a change, or the time below, makes others the choices */
    uint64_t until_us;
};

static void survey_one(const struct upstream_set *set, size_t member, uint64_t now_us,
                       struct survey *survey)
{
    const struct health *health = &upstream_set_server(set, member)->endpoint->health;
    bool is_up = health_state_of(health) == HEALTH_UP;
    uint64_t until_us = health_settled_until(health, now_us);
    uint64_t starts_until_us = slow_start_ends(set, health);

    survey->found.known++;
    if (is_up) {
        survey->well++;
        add_choice(set, member, &survey->found);
    }
    if (until_us <= now_us) {
        survey->is_settled = false;
        until_us = now_us + LOOK_AGAIN_US;
    } else if (starts_until_us > now_us) {
        survey->is_settled = false;
        until_us = starts_until_us;
    }
    survey->until_us = until_us < survey->until_us ? until_us : survey->until_us;
}

/* Whether all stand as they will for a while, so that who may be chosen is known until something
 * changes: a request does not go over a thousand servers, then. Those that are out for some time do
 * not matter; whether one that is chosen is full is another question. */
static bool is_as_usual(struct upstream_set *set, uint64_t now_us)
{
    uint64_t changes = server_changes();
    struct balance_set choices = {0};
    struct survey survey = {.found = {.choices = &choices, .rank = SERVER_RANKS},
                            .is_settled = true,
                            .until_us = UINT64_MAX};

    if (set->changes == changes && now_us < set->usual_until_us) {
        return set->is_usual;
    }
    for (size_t i = 0; i < set->servers->count; i++) {
        if (may_be_used(set, upstream_set_server(set, i))) {
            survey_one(set, i, now_us, &survey);
        }
    }
    set->changes = changes;
    set->usual_until_us = survey.until_us;
    set->is_usual =
        survey.is_settled && choices.count != 0 && !is_panic(set, survey.well, survey.found.known);
    if (set->is_usual && memcmp(&choices, &set->usual, sizeof(choices)) != 0) {
        set->usual = choices;
        set->usual_serial++;
    }
    return set->is_usual;
}

/* BALANCE_NONE: it is full. */
static size_t pick_usual(struct upstream_set *set, struct balance_ask *ask)
{
    size_t member;

    ask->choices = &set->usual;
    ask->choices_serial = set->usual_serial;
    member = set->balance->type->pick(set->balance, ask);
    CHECK(member < set->servers->count && balance_set_has(&set->usual, member));
    ask->choices_serial = 0;
    return is_full(upstream_set_server(set, member)) ? BALANCE_NONE : member;
}

static size_t pick_member(struct upstream_set *set, struct balance_ask *ask,
                          struct balance_set *choices, bool *is_none_free)
{
    struct found found = {.choices = choices};
    size_t member = BALANCE_NONE;

    if (ask->tried->count == 0 && is_as_usual(set, ask->now_us)) {
        member = pick_usual(set, ask);
    }
    if (member != BALANCE_NONE) {
        *is_none_free = false;
        return member;
    }
    find_best(set, ask, &found);
    *is_none_free = found.has_full && choices->count == 0;
    if (choices->count == 0) {
        return BALANCE_NONE;
    }
    if (upstream_set_backend(set)->slow_start_us != 0 && !is_held_by_key(set, ask)) {
        start_slowly(set, ask, choices);
    }
    ask->choices = choices;
    member = set->balance->type->pick(set->balance, ask);
    CHECK(member < set->servers->count && balance_set_has(choices, member));
    return member;
}

/* One of the places of a server that has a limit; false: another worker took the last one. */
static bool claim_place(struct lease *lease, const struct server *server)
{
    _Atomic uint32_t *in_use = &server->endpoint->load->in_use;
    uint32_t now = atomic_load_explicit(in_use, memory_order_relaxed);

    lease->is_limited = server->max_in_use != 0;
    if (!lease->is_limited) {
        return true;
    }
    do {
        if (now >= server->max_in_use) {
            lease->is_limited = false;
            return false;
        }
    } while (!atomic_compare_exchange_weak(in_use, &now, now + 1));
    return true;
}

/* Whoever waits for one is called. */
static void give_place_back(struct lease *lease)
{
    struct server_queue *queue = upstream_set_backend(lease->set)->queue;

    if (!lease->is_limited) {
        return;
    }
    lease->is_limited = false;
    atomic_fetch_sub(&lease_server(lease)->endpoint->load->in_use, 1);
    if (server_queue_count(queue) != 0) {
        server_queue_call(queue);
    }
}

/* ---- the backend's own limit ---- */

static bool claim_of_backend(struct lease *lease, const struct upstream *upstream, uint64_t now_us)
{
    struct concurrency *concurrency = upstream->backend->concurrency;

    if (concurrency == NULL || !lease->is_of_request) {
        return true;
    }
    lease->has_place = concurrency_claim(concurrency, lease->priority, now_us);
    return lease->has_place;
}

/* Servers and gateways on the way say these where they have too much. */
static bool is_of_load(enum lease_how how, unsigned status)
{
    return how == LEASE_SERVER_FAILED || (how == LEASE_OK && (status == 503 || status == 504));
}

/* Whoever waits for it is called. */
static void end_place(struct lease *lease, enum lease_how how, const struct lease_seen *seen)
{
    const struct backend *backend = upstream_set_backend(lease->set);
    uint32_t places = 1;

    if (!lease->has_place) {
        return;
    }
    lease->has_place = false;
    if (is_of_load(how, seen->status)) {
        places = concurrency_note(backend->concurrency, 0, seen->now_us);
    } else if (how == LEASE_OK && seen->latency_us != 0) {
        places = concurrency_note(backend->concurrency, seen->latency_us, seen->now_us);
    } else {
        concurrency_give_back(backend->concurrency);
    }
    for (size_t waiting = server_queue_count(backend->queue); waiting != 0 && places != 0;
         waiting--, places--) {
        server_queue_call(backend->queue);
    }
}

void lease_answered(struct lease *lease, const struct lease_seen *seen)
{
    end_place(lease, LEASE_OK, seen);
}

/* ---- taken and ended ---- */

static bool pick_server(struct lease *lease, struct upstream_set *set, struct balance_ask *ask)
{
    struct balance_set choices;
    size_t member;

    do {
        member = pick_member(set, ask, &choices, &lease->is_refused_by_limit);
        if (member == BALANCE_NONE) {
            return false;
        }
    } while (!claim_place(lease, upstream_set_server(set, member)));
    lease_take(lease, set, member);
    return true;
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
    struct health *health;

    lease->is_refused_by_limit = false;
    if (tried->set == LEASE_TRIED_ALL) {
        return false;
    }
    if (tried->set != set->serial) {
        *tried = (struct lease_tried){.set = set->serial};
    }
    if (!claim_of_backend(lease, upstream, now_us)) {
        lease->is_refused_by_limit = tried->members.count < set->servers->count;
        return false;
    }
    if (!pick_server(lease, set, &ask)) {
        if (lease->has_place) { /* which nobody who waits could use either */
            lease->has_place = false;
            concurrency_give_back(upstream->backend->concurrency);
        }
        return false;
    }
    balance_set_add(&tried->members, lease->member);
    health = &upstream_set_server(set, lease->member)->endpoint->health;
    lease->is_trial = health_state_of(health) != HEALTH_UP && health_may_try(health, now_us) &&
                      health_claim_trial(health, now_us);
    return true;
}

bool lease_has_choice(struct upstream *upstream, uint64_t now_us)
{
    static const struct balance_set nobody;
    struct upstream_set *set = upstream_follow(upstream);
    const struct balance_ask ask = {.now_us = now_us, .tried = &nobody};
    struct balance_set choices;
    struct found found = {.choices = &choices};

    if (is_as_usual(set, now_us)) {
        return true;
    }
    find_choices(set, &ask, TIER_WELL, &found);
    return found.of_tier != 0;
}

bool lease_has_untried(struct upstream *upstream, const struct lease_tried *tried)
{
    const struct upstream_set *set = upstream_follow(upstream);
    size_t count = tried->set == set->serial ? tried->members.count : 0;

    return tried->set != LEASE_TRIED_ALL && count < set->servers->count;
}

static void count_lease(struct upstream_set *set, size_t member, int more)
{
    const struct balance_type *type = set->balance->type;

    endpoint_count(&set->entries[member]->share.leases, more);
    if (type->moved != NULL) {
        type->moved(set->balance, member);
    }
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
    count_lease(set, member, 1);
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
        latency_count(&share->latency, seen->latency_us);
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
    count_lease(set, lease->member, -1);
    give_place_back(lease);
    if (seen != NULL) {
        outcome.seen = *seen;
    }
    end_place(lease, how, &outcome.seen);
    judge(lease, how, &outcome.seen);
    lease->is_trial = false;
    if (set->upstream->backend->is_of_checks || (how != LEASE_OK && how != LEASE_SERVER_FAILED)) {
        return;
    }
    note(share, how, &outcome.seen);
    if (set->balance->type->done != NULL) {
        set->balance->type->done(set->balance, lease->member, &outcome);
    }
}

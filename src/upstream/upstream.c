#include "upstream/upstream.h"

#include <stdlib.h>
#include <sys/random.h>

#define SLOTS_MIN 8

/* ---- one set ---- */

static void fill(struct upstream_set *set)
{
    const struct server_set *servers = set->servers;
    const struct backend *backend = set->upstream->backend;

    for (size_t i = 0; i < servers->count; i++) {
        struct pool_entry *entry =
            pool_take(set->upstream->pool, backend, servers->servers[i].endpoint);
        set->entries[i] = entry;
        set->members[i] = (struct balance_member){
            .name = servers->servers[i].text,
            .weight = server_weight(&servers->servers[i]),
            .share = &entry->share,
        };
    }
}

/* The use of `servers` becomes the set's. */
static struct upstream_set *set_create(struct upstream *upstream, struct server_set *servers)
{
    static _Atomic uint64_t last_serial;
    struct upstream_set *set = xcalloc(1, sizeof(*set));
    const struct balance_type *type = upstream->backend->balance;

    upstream->uses++;
    set->upstream = upstream;
    set->servers = servers;
    set->serial = atomic_fetch_add(&last_serial, 1) + 1;
    set->members = xcalloc(servers->count + 1, sizeof(*set->members));
    set->entries = xcalloc(servers->count + 1, sizeof(struct pool_entry *));
    set->uses = 1;
    set->weighings = server_order_weighings();
    fill(set);
    set->balance = type->create(upstream->backend, set->members, servers->count);
    return set;
}

/* The connections of a server are of both sets where nothing has changed for it: that makes it the
 * same member. */
static void take_over(struct upstream_set *set, const struct upstream_set *old)
{
    const struct balance_type *type = set->balance->type;
    size_t *from;
    size_t at = 0;

    if (type->take_over == NULL) {
        return;
    }
    from = xcalloc(set->servers->count + 1, sizeof(*from));
    for (size_t i = 0; i < set->servers->count; i++) {
        from[i] = BALANCE_NONE;
        for (size_t looks = 0; looks < old->servers->count; looks++) {
            size_t j = at;
            at = (at + 1) % old->servers->count; /* in most cases the next one is next there too */
            if (old->entries[j] == set->entries[i]) {
                from[i] = j;
                break;
            }
        }
    }
    type->take_over(set->balance, old->balance, from);
    free(from);
}

static void let_go(struct upstream *upstream)
{
    CHECK(upstream->uses > 0);
    if (--upstream->uses == 0) {
        CHECK(upstream->leases == 0);
        backend_release(upstream->backend);
        free(upstream->pace);
        free(upstream);
    }
}

struct upstream_set *upstream_set_hold(struct upstream_set *set)
{
    set->uses++;
    return set;
}

void upstream_set_release(struct upstream_set *set)
{
    CHECK(set->uses > 0);
    if (--set->uses != 0) {
        return;
    }
    set->balance->type->destroy(set->balance);
    for (size_t i = 0; i < set->servers->count; i++) {
        pool_give_back(set->entries[i]);
    }
    free(set->entries);
    free(set->members);
    server_set_release(set->servers);
    let_go(set->upstream);
    free(set);
}

static void retire(struct upstream_set *set)
{
    for (size_t i = 0; i < set->servers->count; i++) {
        pool_retire(set->entries[i]);
    }
    upstream_set_release(set);
}

/* ---- one ---- */

static struct upstream *create(struct pool *pool, const struct backend *backend)
{
    struct upstream *upstream = xcalloc(1, sizeof(*upstream));

    if (backend->balance->is_random || backend->slow_start_us != 0) {
        CHECK(getrandom(&upstream->random, sizeof(upstream->random), 0) ==
              sizeof(upstream->random));
    }
    upstream->backend = backend_hold(backend);
    upstream->pool = pool;
    upstream->uses = 1;
    upstream->set = set_create(upstream, backend_servers(backend));
    return upstream;
}

/* Whether people have ordered other weights of its servers: policies go by those that they were
 * made with. */
static bool has_other_weights(struct upstream_set *set)
{
    uint64_t weighings = server_order_weighings();

    if (set->weighings == weighings) {
        return false;
    }
    set->weighings = weighings;
    for (size_t i = 0; i < set->servers->count; i++) {
        if (set->members[i].weight != server_weight(&set->servers->servers[i])) {
            return true;
        }
    }
    return false;
}

struct upstream_set *upstream_follow(struct upstream *upstream)
{
    struct upstream_set *old = upstream->set;

    if (!backend_has(upstream->backend, old->servers) || has_other_weights(old)) {
        upstream->set = set_create(upstream, backend_servers(upstream->backend));
        take_over(upstream->set, old);
        retire(old);
    }
    return upstream->set;
}

struct hedge_pace *upstream_pace(struct upstream *upstream)
{
    if (upstream->pace == NULL) {
        upstream->pace = xcalloc(1, sizeof(*upstream->pace));
    }
    return upstream->pace;
}

/* splitmix64 */
uint64_t upstream_random(struct upstream *upstream)
{
    uint64_t z = upstream->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- all of a worker ---- */

void upstreams_free(struct upstreams *upstreams)
{
    CHECK(upstreams->count == 0);
    for (size_t i = 0; i < POOL_BUCKETS; i++) {
        CHECK(list_is_empty(&upstreams->pool.entries[i]));
    }
    free(upstreams->slots);
}

/* Serials are given in turn, so those of one configuration lie side by side. Less than half of the
 * slots are used: the search ends at a free one. */
static struct upstream **slot_of(const struct upstreams *upstreams, const struct backend *backend)
{
    size_t i = backend->serial & upstreams->mask;

    while (upstreams->slots[i] != NULL && upstreams->slots[i]->backend != backend) {
        i = (i + 1) & upstreams->mask;
    }
    return &upstreams->slots[i];
}

/* Puts all in their places among so many slots. */
static void rebuild(struct upstreams *upstreams, size_t slot_count)
{
    struct upstream **old = upstreams->slots;
    size_t old_count = old != NULL ? upstreams->mask + 1 : 0;

    upstreams->slots = xcalloc(slot_count, sizeof(struct upstream *));
    upstreams->mask = slot_count - 1;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i] != NULL) {
            *slot_of(upstreams, old[i]->backend) = old[i];
        }
    }
    free(old);
}

void upstreams_init(struct upstreams *upstreams)
{
    *upstreams = (struct upstreams){0};
    pool_init(&upstreams->pool);
    rebuild(upstreams, SLOTS_MIN);
}

static struct upstream *find_or_make(struct upstreams *upstreams, const struct backend *backend)
{
    struct upstream **slot = slot_of(upstreams, backend);

    if (*slot != NULL) {
        return *slot;
    }
    if (2 * (upstreams->count + 1) > upstreams->mask) {
        rebuild(upstreams, 2 * (upstreams->mask + 1));
    }
    slot = slot_of(upstreams, backend);
    *slot = create(&upstreams->pool, backend);
    upstreams->count++;
    return *slot;
}

void upstreams_add(struct upstreams *upstreams, const struct backend *backend)
{
    find_or_make(upstreams, backend)->additions++;
}

void upstreams_add_after(struct upstreams *upstreams, const struct backend *backend,
                         const struct backend *before)
{
    struct upstream *upstream = find_or_make(upstreams, backend);
    const struct upstream *old = upstreams_look(upstreams, before);

    upstream->additions++;
    CHECK(old != NULL);
    upstream->retries = old->retries;
    if (upstream->backend->balance == old->backend->balance) {
        take_over(upstream->set, old->set);
    }
}

/* Those behind a slot that has become free move up, where a search for them would end at it. */
static void close_gap(struct upstreams *upstreams, size_t gap)
{
    for (size_t i = (gap + 1) & upstreams->mask; upstreams->slots[i] != NULL;
         i = (i + 1) & upstreams->mask) {
        size_t home = upstreams->slots[i]->backend->serial & upstreams->mask;
        if (((i - home) & upstreams->mask) >= ((i - gap) & upstreams->mask)) {
            upstreams->slots[gap] = upstreams->slots[i];
            upstreams->slots[i] = NULL;
            gap = i;
        }
    }
}

void upstreams_remove(struct upstreams *upstreams, const struct backend *backend)
{
    struct upstream **slot = slot_of(upstreams, backend);
    struct upstream *upstream = *slot;

    CHECK(upstream != NULL);
    CHECK(upstream->additions > 0);
    if (--upstream->additions != 0) {
        return;
    }
    CHECK(upstream->leases == 0);
    *slot = NULL;
    upstreams->count--;
    close_gap(upstreams, (size_t)(slot - upstreams->slots));
    retire(upstream->set);
    upstream->set = NULL;
    let_go(upstream);
}

uint64_t upstreams_leases(const struct upstreams *upstreams)
{
    uint64_t leases = 0;

    for (size_t i = 0; i <= upstreams->mask; i++) {
        leases += upstreams->slots[i] != NULL ? upstreams->slots[i]->leases : 0;
    }
    return leases;
}

struct upstream *upstreams_look(const struct upstreams *upstreams, const struct backend *backend)
{
    return *slot_of(upstreams, backend);
}

struct upstream *upstreams_find(struct upstreams *upstreams, const struct backend *backend)
{
    return find_or_make(upstreams, backend);
}

void upstreams_follow(struct upstreams *upstreams)
{
    for (size_t i = 0; i <= upstreams->mask; i++) {
        if (upstreams->slots[i] != NULL) {
            (void)upstream_follow(upstreams->slots[i]);
        }
    }
}

#include "upstream/upstream.h"

#include <stdlib.h>
#include <sys/random.h>

#define SLOTS_MIN 8

/* ---- one ---- */

static struct upstream *create(struct pool *pool, const struct backend *backend)
{
    struct upstream *upstream = xcalloc(1, sizeof(*upstream));
    size_t count = backend->server_count;

    CHECK(count >= 1 && count <= BALANCE_MEMBERS_MAX);
    if (backend->balance->is_random) {
        CHECK(getrandom(&upstream->random, sizeof(upstream->random), 0) ==
              sizeof(upstream->random));
    }
    upstream->backend = backend_hold(backend);
    upstream->members = xcalloc(count, sizeof(*upstream->members));
    upstream->entries = xcalloc(count, sizeof(struct pool_entry *));
    for (size_t i = 0; i < count; i++) {
        struct pool_entry *entry = pool_take(pool, backend, i);
        upstream->entries[i] = entry;
        upstream->members[i] = (struct balance_member){
            .name = backend->servers[i].text,
            .weight = backend->servers[i].weight,
            .share = &entry->share,
        };
    }
    upstream->balance = backend->balance->create(backend, upstream->members);
    upstream->uses = 1;
    return upstream;
}

struct upstream *upstream_hold(struct upstream *upstream)
{
    upstream->uses++;
    return upstream;
}

void upstream_release(struct upstream *upstream)
{
    CHECK(upstream->uses > 0);
    if (--upstream->uses != 0) {
        return;
    }
    CHECK(upstream->leases == 0);
    upstream->balance->type->destroy(upstream->balance);
    for (size_t i = 0; i < upstream->backend->server_count; i++) {
        pool_give_back(upstream->entries[i]);
    }
    free(upstream->entries);
    free(upstream->members);
    backend_release(upstream->backend);
    free(upstream);
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

void upstreams_add(struct upstreams *upstreams, const struct backend *backend)
{
    struct upstream **slot;

    if (2 * (upstreams->count + 1) > upstreams->mask) {
        rebuild(upstreams, 2 * (upstreams->mask + 1));
    }
    slot = slot_of(upstreams, backend);
    if (*slot == NULL) {
        *slot = create(&upstreams->pool, backend);
        upstreams->count++;
    }
    (*slot)->additions++;
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
    if (--upstream->additions != 0) {
        return;
    }
    CHECK(upstream->leases == 0);
    *slot = NULL;
    upstreams->count--;
    close_gap(upstreams, (size_t)(slot - upstreams->slots));
    upstream_release(upstream);
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

struct upstream *upstreams_find(const struct upstreams *upstreams, const struct backend *backend)
{
    struct upstream *upstream = *slot_of(upstreams, backend);

    CHECK(upstream != NULL);
    return upstream;
}

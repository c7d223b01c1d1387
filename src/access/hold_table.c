#include "access/hold_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "access/named.h"
#include "base/check.h"
#include "base/siphash.h"

#define SHARDS 64
#define BUCKETS 256 /* of a shard */

/* A key that has requests in hand. */
struct held {
    struct held *next;
    uint64_t hash;
    uint64_t count;
    uint64_t most; /* as the last one that asked for a place was told: a reload may change it */
    uint64_t waiting;
    struct list waiters; /* the longest first */
};

struct shard {
    pthread_mutex_t lock;
    struct held *buckets[BUCKETS];
};

struct hold_table {
    struct named named;
    uint64_t hash_key[2];
    struct shard shards[SHARDS];
};

static struct named_tables tables = NAMED_TABLES(tables);

/* ---- life ---- */

static struct named *make(uint64_t size)
{
    struct hold_table *table = xcalloc(1, sizeof(*table));

    (void)size;
    CHECK(getrandom(table->hash_key, sizeof(table->hash_key), 0) ==
          (ssize_t)sizeof(table->hash_key));
    for (size_t i = 0; i < SHARDS; i++) {
        CHECK(pthread_mutex_init(&table->shards[i].lock, NULL) == 0);
    }
    return &table->named;
}

struct hold_table *hold_table_get(const char *name)
{
    return CONTAINER_OF(named_get(&tables, name, 0, make), struct hold_table, named);
}

struct hold_table *hold_table_hold(struct hold_table *table)
{
    named_hold(&tables, &table->named);
    return table;
}

void hold_table_release(struct hold_table *table)
{
    if (table == NULL || !named_release(&tables, &table->named)) {
        return;
    }
    for (size_t i = 0; i < SHARDS; i++) {
        for (size_t b = 0; b < BUCKETS; b++) {
            CHECK(table->shards[i].buckets[b] == NULL); /* whoever holds a place has the table */
        }
        (void)pthread_mutex_destroy(&table->shards[i].lock);
    }
    free(table);
}

/* ---- places ---- */

uint64_t hold_hash(const struct hold_table *table, struct span key)
{
    return siphash(table->hash_key, key);
}

static struct shard *shard_of(struct hold_table *table, uint64_t hash)
{
    return &table->shards[hash % SHARDS];
}

static struct held **place_of(struct shard *shard, uint64_t hash)
{
    struct held **place = &shard->buckets[hash / SHARDS % BUCKETS];

    while (*place != NULL && (*place)->hash != hash) {
        place = &(*place)->next;
    }
    return place;
}

/* Under the lock: those that have waited longest get the places that are free. */
static void call_waiters(struct held *held, struct list *called)
{
    while (held->waiting != 0 && held->count < held->most) {
        struct hold_waiter *next =
            LIST_ENTRY(list_pop_front(&held->waiters), struct hold_waiter, node);

        next->is_waiting = false;
        held->waiting--;
        held->count++;
        list_push_back(called, &next->node);
    }
}

/* Without it. */
static void tell_called(struct list *called)
{
    while (!list_is_empty(called)) {
        struct hold_waiter *waiter = LIST_ENTRY(list_pop_front(called), struct hold_waiter, node);

        waiter->on_turn(waiter);
    }
}

enum hold_found hold_take(struct hold_table *table, uint64_t hash, uint64_t most, uint64_t queue,
                          struct hold_waiter *waiter)
{
    struct shard *shard = shard_of(table, hash);
    enum hold_found found = HOLD_FULL;
    struct list called;
    struct held **place;
    struct held *held;

    list_init(&called);
    (void)pthread_mutex_lock(&shard->lock);
    place = place_of(shard, hash);
    if (*place == NULL) {
        *place = xcalloc(1, sizeof(**place));
        (*place)->hash = hash;
        list_init(&(*place)->waiters);
    }
    held = *place;
    held->most = most;
    call_waiters(held, &called);
    if (held->count < most) {
        held->count++;
        found = HOLD_TAKEN;
    } else if (waiter != NULL && held->waiting < queue) {
        held->waiting++;
        waiter->hash = hash;
        waiter->is_waiting = true;
        list_push_back(&held->waiters, &waiter->node);
        found = HOLD_WAITS;
    }
    (void)pthread_mutex_unlock(&shard->lock);
    tell_called(&called);
    return found;
}

void hold_give(struct hold_table *table, uint64_t hash)
{
    struct shard *shard = shard_of(table, hash);
    struct list called;
    struct held **place;
    struct held *held;

    list_init(&called);
    (void)pthread_mutex_lock(&shard->lock);
    place = place_of(shard, hash);
    CHECK(*place != NULL && (*place)->count != 0);
    held = *place;
    held->count--;
    call_waiters(held, &called);
    if (held->count == 0) { /* and so nobody waits: one place there always is */
        *place = held->next;
        free(held);
    }
    (void)pthread_mutex_unlock(&shard->lock);
    tell_called(&called);
}

bool hold_leave(struct hold_table *table, struct hold_waiter *waiter)
{
    struct shard *shard = shard_of(table, waiter->hash);
    bool has_left;

    (void)pthread_mutex_lock(&shard->lock);
    has_left = waiter->is_waiting;
    if (has_left) {
        (*place_of(shard, waiter->hash))->waiting--;
        list_remove(&waiter->node);
        waiter->is_waiting = false;
    }
    (void)pthread_mutex_unlock(&shard->lock);
    return has_left;
}

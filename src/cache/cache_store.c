#include "cache/cache_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/siphash.h"

#define SHARDS 64
#define BUCKETS 1024 /* of a shard */
#define STAMPS 256   /* of a shard, by hash: what changes of one URL says little of others */
#define GHOSTS 1024  /* of a shard: what went by the short queue lately */
/* Variants of a URL: the oldest goes. */
#define VARIANTS_MAX 16
/* The short queue's part of a shard. */
#define SHORT_PERCENT 10
#define USES_MAX 3
/* Steps of the queues while the lock is held. */
#define STEPS_MAX 32
#define PURGE_BUCKETS 64

struct cache_flight {
    struct cache_flight *next; /* of the shard's */
    uint64_t hash;
    char *key; /* url, then rest */
    size_t url_len;
    size_t key_len;
    struct list waiters;
};

struct shard {
    pthread_mutex_t lock;
    struct cache_entry *buckets[BUCKETS];
    struct cache_flight *flights;
    struct list once; /* the newest first */
    struct list often;
    uint64_t once_bytes;
    uint64_t often_bytes;
    uint64_t ghosts[GHOSTS];
    size_t ghost_at;
    /* Count what was taken out because it is not so any more: by URL, and all else. */
    uint32_t stamps[STAMPS];
    uint64_t stamp;
    uint64_t entries;
    struct cache_counts counts;
};

struct cache_store {
    atomic_uint references;
    atomic_uint_least64_t limit_bytes;
    atomic_uint_least64_t bytes;
    atomic_uint_least64_t reserved;
    atomic_uint next_shard; /* whose turn it is to give something up */
    uint64_t key[2];
    struct shard shards[SHARDS];
};

/* Strangers choose URLs. */
static uint64_t hash_of(const struct cache_store *store, struct span text)
{
    return siphash(store->key, text);
}

static struct shard *shard_of(struct cache_store *store, uint64_t hash)
{
    return &store->shards[hash % SHARDS];
}

static struct cache_entry **bucket_of(struct shard *shard, uint64_t hash)
{
    return &shard->buckets[hash / SHARDS % BUCKETS];
}

static void lock(struct shard *shard)
{
    (void)pthread_mutex_lock(&shard->lock);
}

static void unlock(struct shard *shard)
{
    (void)pthread_mutex_unlock(&shard->lock);
}

/* ---- life ---- */

struct cache_store *cache_store_create(uint64_t limit_bytes)
{
    struct cache_store *store = xcalloc(1, sizeof(*store));

    atomic_init(&store->references, 1);
    atomic_init(&store->limit_bytes, limit_bytes);
    CHECK(getrandom(store->key, sizeof(store->key), 0) == (ssize_t)sizeof(store->key));
    for (size_t i = 0; i < SHARDS; i++) {
        CHECK(pthread_mutex_init(&store->shards[i].lock, NULL) == 0);
        list_init(&store->shards[i].once);
        list_init(&store->shards[i].often);
    }
    return store;
}

struct cache_store *cache_store_hold(struct cache_store *store)
{
    atomic_fetch_add_explicit(&store->references, 1, memory_order_relaxed);
    return store;
}

void cache_store_release(struct cache_store *store)
{
    if (store == NULL ||
        atomic_fetch_sub_explicit(&store->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    (void)cache_store_purge_all(store);
    for (size_t i = 0; i < SHARDS; i++) {
        CHECK(store->shards[i].flights == NULL);
        (void)pthread_mutex_destroy(&store->shards[i].lock);
    }
    free(store);
}

/* ---- in and out of a shard, with its lock ---- */

static void enqueue(struct shard *shard, struct cache_entry *entry, bool is_often)
{
    entry->is_often = is_often;
    list_push_front(is_often ? &shard->often : &shard->once, &entry->queue);
    *(is_often ? &shard->often_bytes : &shard->once_bytes) += entry->bytes;
}

static void dequeue(struct shard *shard, struct cache_entry *entry)
{
    list_remove(&entry->queue);
    *(entry->is_often ? &shard->often_bytes : &shard->once_bytes) -= entry->bytes;
}

/* The reference that the shard had is the caller's. */
static void unlink_entry(struct shard *shard, struct cache_entry *entry)
{
    struct cache_entry **at = bucket_of(shard, entry->hash);

    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    entry->next = NULL;
    entry->is_linked = false;
    dequeue(shard, entry);
    shard->entries--;
}

static bool was_here(struct shard *shard, uint64_t mark)
{
    for (size_t i = 0; i < GHOSTS; i++) {
        if (shard->ghosts[i] == mark) {
            shard->ghosts[i] = 0;
            return true;
        }
    }
    return false;
}

static void remember(struct shard *shard, uint64_t mark)
{
    shard->ghosts[shard->ghost_at++ % GHOSTS] = mark;
}

static void link_entry(struct shard *shard, struct cache_entry *entry)
{
    struct cache_entry **bucket = bucket_of(shard, entry->hash);

    entry->next = *bucket;
    *bucket = entry;
    entry->is_linked = true;
    atomic_store_explicit(&entry->uses, 0, memory_order_relaxed);
    enqueue(shard, entry, was_here(shard, entry->hash));
    shard->entries++;
}

static bool is_of(const struct cache_entry *entry, uint64_t hash, const struct cache_key *key)
{
    return entry->hash == hash && span_eq(entry->key.url, key->url) &&
           span_eq(entry->key.rest, key->rest);
}

/* ---- eviction ---- */

/* One step of the queues. The entry that goes, whose reference is the caller's; NULL: none has
 * gone by this step. *is_empty: there is nothing left. */
static struct cache_entry *step(struct shard *shard, bool *is_empty)
{
    uint64_t all = shard->once_bytes + shard->often_bytes;
    bool is_short = shard->often_bytes == 0 ||
                    (shard->once_bytes != 0 && shard->once_bytes * 100 >= all * SHORT_PERCENT);
    struct list *queue = is_short ? &shard->once : &shard->often;
    struct cache_entry *entry;
    unsigned uses;

    *is_empty = list_is_empty(queue);
    if (*is_empty) {
        return NULL;
    }
    entry = LIST_ENTRY(queue->prev, struct cache_entry, queue);
    uses = atomic_load_explicit(&entry->uses, memory_order_relaxed);
    if (is_short ? uses > 1 : uses > 0) {
        dequeue(shard, entry);
        atomic_store_explicit(&entry->uses, (unsigned char)(is_short ? 0 : uses - 1),
                              memory_order_relaxed);
        enqueue(shard, entry, true);
        return NULL;
    }
    if (is_short) {
        remember(shard, entry->hash);
    }
    unlink_entry(shard, entry);
    shard->counts.evicted++;
    return entry;
}

/* False: the shard is empty. */
static bool evict_from(struct shard *shard)
{
    struct cache_entry *gone = NULL;
    bool is_empty = false;

    lock(shard);
    for (int i = 0; i < STEPS_MAX && gone == NULL && !is_empty; i++) {
        gone = step(shard, &is_empty);
    }
    unlock(shard);
    cache_entry_release(gone);
    return !is_empty;
}

static bool is_full(struct cache_store *store)
{
    return atomic_load_explicit(&store->bytes, memory_order_relaxed) >
           atomic_load_explicit(&store->limit_bytes, memory_order_relaxed);
}

/* Until all are below the limit, or there is nothing to be given up. */
static void make_room(struct cache_store *store)
{
    unsigned empty = 0;

    while (is_full(store) && empty < SHARDS) {
        unsigned turn =
            atomic_fetch_add_explicit(&store->next_shard, 1, memory_order_relaxed) % SHARDS;
        empty = evict_from(&store->shards[turn]) ? 0 : empty + 1;
    }
}

void cache_store_set_limit(struct cache_store *store, uint64_t limit_bytes)
{
    atomic_store_explicit(&store->limit_bytes, limit_bytes, memory_order_relaxed);
    make_room(store);
}

/* ---- flights ---- */

static struct cache_flight *find_flight(struct shard *shard, uint64_t hash,
                                        const struct cache_key *key)
{
    struct cache_flight *flight = shard->flights;

    while (flight != NULL &&
           !(flight->hash == hash && span_eq(span_make(flight->key, flight->url_len), key->url) &&
             span_eq(span_make(flight->key + flight->url_len, flight->key_len - flight->url_len),
                     key->rest))) {
        flight = flight->next;
    }
    return flight;
}

static struct cache_flight *begin_flight(struct shard *shard, uint64_t hash,
                                         const struct cache_key *key)
{
    struct cache_flight *flight = xcalloc(1, sizeof(*flight));

    flight->hash = hash;
    flight->url_len = key->url.len;
    flight->key_len = key->url.len + key->rest.len;
    flight->key = xmalloc(flight->key_len + 1);
    memcpy(flight->key, key->url.ptr, key->url.len);
    if (key->rest.len != 0) {
        memcpy(flight->key + key->url.len, key->rest.ptr, key->rest.len);
    }
    list_init(&flight->waiters);
    flight->next = shard->flights;
    shard->flights = flight;
    return flight;
}

void cache_flight_end(struct cache_store *store, struct cache_flight *flight,
                      enum cache_flight_end how)
{
    struct shard *shard = shard_of(store, flight->hash);
    struct cache_flight **at = &shard->flights;
    struct list woken;
    struct list *node;

    list_init(&woken);
    lock(shard);
    while (*at != flight) {
        at = &(*at)->next;
    }
    *at = flight->next;
    while ((node = list_pop_front(&flight->waiters)) != NULL) {
        LIST_ENTRY(node, struct cache_waiter, node)->flight = NULL;
        list_push_back(&woken, node);
    }
    unlock(shard);
    while ((node = list_pop_front(&woken)) != NULL) {
        struct cache_waiter *waiter = LIST_ENTRY(node, struct cache_waiter, node);
        waiter->wake(waiter, how);
    }
    free(flight->key);
    free(flight);
}

bool cache_store_leave(struct cache_store *store, struct cache_waiter *waiter)
{
    /* Which shard it waits in is not known without a lock: the flight may have gone. */
    struct shard *shard = shard_of(store, waiter->hash);
    bool has_waited;

    lock(shard);
    has_waited = waiter->flight != NULL;
    if (has_waited) {
        list_remove(&waiter->node);
        waiter->flight = NULL;
    }
    unlock(shard);
    return has_waited;
}

/* ---- finding ---- */

static struct cache_entry *find_entry(struct shard *shard, uint64_t hash,
                                      const struct cache_find *find)
{
    struct cache_entry *entry = *bucket_of(shard, hash);

    while (entry != NULL && !(is_of(entry, hash, find->key) && entry->status != 0 &&
                              cache_entry_fits(entry, find->request))) {
        entry = entry->next;
    }
    return entry;
}

static bool is_marked(struct shard *shard, uint64_t hash, const struct cache_find *find)
{
    struct cache_entry *entry = *bucket_of(shard, hash);

    while (entry != NULL && !(is_of(entry, hash, find->key) && entry->status == 0)) {
        entry = entry->next;
    }
    return entry != NULL && entry->until_us > find->now_us;
}

static void count_use(struct cache_entry *entry)
{
    unsigned char uses = atomic_load_explicit(&entry->uses, memory_order_relaxed);

    if (uses < USES_MAX) {
        atomic_store_explicit(&entry->uses, (unsigned char)(uses + 1), memory_order_relaxed);
    }
}

/* Nothing fresh is there. */
static enum cache_found seek(struct shard *shard, uint64_t hash, const struct cache_find *find,
                             struct cache_flight **flight)
{
    struct cache_flight *other;

    shard->counts.misses++;
    if (!find->may_fetch) {
        return CACHE_PASS;
    }
    other = find_flight(shard, hash, find->key);
    if (other == NULL) {
        if (is_marked(shard, hash, find)) {
            return CACHE_PASS;
        }
        *flight = begin_flight(shard, hash, find->key);
        return CACHE_LEAD;
    }
    if (find->waiter == NULL) {
        return CACHE_PASS;
    }
    shard->counts.waits++;
    find->waiter->flight = other;
    find->waiter->hash = hash;
    list_push_back(&other->waiters, &find->waiter->node);
    return CACHE_WAITS;
}

static enum cache_found find_locked(struct shard *shard, uint64_t hash,
                                    const struct cache_find *find, struct cache_entry **entry,
                                    struct cache_flight **flight)
{
    struct cache_entry *found = find_entry(shard, hash, find);
    enum cache_use use = CACHE_USE_ASK;
    enum cache_found result;

    if (found != NULL) {
        use = cache_judge(&found->life, cache_entry_resident_ms(found, find->now_us));
        count_use(found);
    }
    if (use == CACHE_USE_FRESH) {
        shard->counts.hits++;
        *entry = cache_entry_hold(found);
        return CACHE_FOUND;
    }
    if (use == CACHE_USE_STALE) {
        shard->counts.stale_hits++;
        *entry = cache_entry_hold(found);
        if (find->may_fetch && find_flight(shard, hash, find->key) == NULL) {
            *flight = begin_flight(shard, hash, find->key);
        }
        return CACHE_FOUND;
    }
    result = seek(shard, hash, find, flight);
    if (found != NULL && result != CACHE_WAITS) {
        *entry = cache_entry_hold(found);
    }
    return result;
}

enum cache_found cache_store_find(struct cache_store *store, const struct cache_find *find,
                                  struct cache_entry **entry, struct cache_flight **flight)
{
    uint64_t hash = hash_of(store, find->key->url);
    struct shard *shard = shard_of(store, hash);
    enum cache_found result;

    *entry = NULL;
    *flight = NULL;
    lock(shard);
    result = find_locked(shard, hash, find, entry, flight);
    unlock(shard);
    return result;
}

/* ---- storing ---- */

static size_t stamp_slot(uint64_t hash)
{
    return (size_t)(hash >> 40) % STAMPS;
}

/* The two only grow, so their sum is another one as soon as either is. */
static uint64_t stamp_of(const struct shard *shard, uint64_t hash)
{
    return shard->stamp + shard->stamps[stamp_slot(hash)];
}

uint64_t cache_store_stamp(struct cache_store *store, struct span url)
{
    uint64_t hash = hash_of(store, url);
    struct shard *shard = shard_of(store, hash);
    uint64_t stamp;

    lock(shard);
    stamp = stamp_of(shard, hash);
    unlock(shard);
    return stamp;
}

/* What the new one replaces: what is like it, markers, and the oldest of too many variants. They
 * are chained by `next`. */
static struct cache_entry *take_replaced(struct shard *shard, const struct cache_entry *by)
{
    struct cache_entry *gone = NULL;
    struct cache_entry *next;
    unsigned variants = 0;

    for (struct cache_entry *entry = *bucket_of(shard, by->hash); entry != NULL; entry = next) {
        next = entry->next;
        if (!is_of(entry, by->hash, &by->key)) {
            continue;
        }
        /* A marker takes nothing's place but another one's. */
        bool is_replaced = by->status == 0 ? entry->status == 0
                                           : entry->status == 0 || cache_entry_is_like(entry, by) ||
                                                 ++variants >= VARIANTS_MAX;
        if (is_replaced) {
            unlink_entry(shard, entry);
            entry->next = gone;
            gone = entry;
        }
    }
    return gone;
}

static uint64_t release_all(struct cache_entry *gone)
{
    uint64_t count = 0;

    while (gone != NULL) {
        struct cache_entry *next = gone->next;
        count += gone->status != 0 ? 1 : 0;
        cache_entry_release(gone);
        gone = next;
    }
    return count;
}

void cache_store_put(struct cache_store *store, struct cache_entry *entry, uint64_t stamp)
{
    struct cache_entry *gone = NULL;
    struct shard *shard;
    bool is_current;

    entry->hash = hash_of(store, entry->key.url);
    entry->sum = &store->bytes;
    atomic_fetch_add_explicit(&store->bytes, entry->bytes, memory_order_relaxed);
    shard = shard_of(store, entry->hash);
    (void)cache_entry_hold(entry); /* it may be evicted at once */
    lock(shard);
    is_current = stamp_of(shard, entry->hash) == stamp;
    if (is_current) {
        gone = take_replaced(shard, entry);
        link_entry(shard, entry);
        shard->counts.stored += entry->status != 0 ? 1 : 0;
    }
    unlock(shard);
    (void)release_all(gone);
    cache_entry_release(entry);
    if (!is_current) {
        cache_entry_release(entry);
    }
    make_room(store);
}

bool cache_store_reserve(struct cache_store *store, size_t bytes)
{
    uint64_t limit = atomic_load_explicit(&store->limit_bytes, memory_order_relaxed) / 2;
    uint64_t before = atomic_fetch_add_explicit(&store->reserved, bytes, memory_order_relaxed);

    if (before + bytes > limit) {
        cache_store_unreserve(store, bytes);
        return false;
    }
    return true;
}

void cache_store_unreserve(struct cache_store *store, size_t bytes)
{
    atomic_fetch_sub_explicit(&store->reserved, bytes, memory_order_relaxed);
}

/* ---- purging ---- */

uint64_t cache_store_purge_url(struct cache_store *store, struct span url)
{
    uint64_t hash = hash_of(store, url);
    struct shard *shard = shard_of(store, hash);
    struct cache_entry *gone = NULL;
    struct cache_entry *next;
    uint64_t count;

    lock(shard);
    shard->stamps[stamp_slot(hash)]++;
    for (struct cache_entry *entry = *bucket_of(shard, hash); entry != NULL; entry = next) {
        next = entry->next;
        if (entry->hash == hash && span_eq(entry->key.url, url)) {
            unlink_entry(shard, entry);
            entry->next = gone;
            gone = entry;
        }
    }
    unlock(shard);
    count = release_all(gone);
    lock(shard);
    shard->counts.purged += count;
    unlock(shard);
    return count;
}

/* Of some buckets; tag ptr NULL: all. */
static struct cache_entry *take_tagged(struct shard *shard, size_t first, struct span tag)
{
    struct cache_entry *gone = NULL;

    for (size_t i = first; i < first + PURGE_BUCKETS; i++) {
        struct cache_entry *next;
        for (struct cache_entry *entry = shard->buckets[i]; entry != NULL; entry = next) {
            next = entry->next;
            if (tag.ptr == NULL || cache_entry_has_tag(entry, tag)) {
                unlink_entry(shard, entry);
                entry->next = gone;
                gone = entry;
            }
        }
    }
    return gone;
}

static uint64_t purge_shard(struct shard *shard, struct span tag)
{
    uint64_t count = 0;

    for (size_t first = 0; first < BUCKETS; first += PURGE_BUCKETS) {
        struct cache_entry *gone;

        lock(shard);
        shard->stamp += first == 0 ? 1 : 0;
        gone = take_tagged(shard, first, tag);
        unlock(shard);
        count += release_all(gone);
    }
    lock(shard);
    shard->counts.purged += count;
    unlock(shard);
    return count;
}

static uint64_t purge(struct cache_store *store, struct span tag)
{
    uint64_t count = 0;

    for (size_t i = 0; i < SHARDS; i++) {
        count += purge_shard(&store->shards[i], tag);
    }
    return count;
}

uint64_t cache_store_purge_tag(struct cache_store *store, struct span tag)
{
    return tag.len != 0 ? purge(store, tag) : 0;
}

uint64_t cache_store_purge_all(struct cache_store *store)
{
    return purge(store, span_make(NULL, 0));
}

void cache_store_counts(struct cache_store *store, struct cache_counts *counts)
{
    *counts = (struct cache_counts){
        .bytes = atomic_load_explicit(&store->bytes, memory_order_relaxed),
        .limit_bytes = atomic_load_explicit(&store->limit_bytes, memory_order_relaxed)};
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &store->shards[i];

        lock(shard);
        counts->entries += shard->entries;
        counts->hits += shard->counts.hits;
        counts->stale_hits += shard->counts.stale_hits;
        counts->misses += shard->counts.misses;
        counts->waits += shard->counts.waits;
        counts->stored += shard->counts.stored;
        counts->evicted += shard->counts.evicted;
        counts->purged += shard->counts.purged;
        unlock(shard);
    }
}

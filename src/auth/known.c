#include "auth/known.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 8
#define SETS (KNOWN_MAX / WAYS)
/* Workers seldom want the same set at the same moment. */
#define LOCKS 64

struct slot {
    struct remembered_key key;
    struct known *known; /* NULL: free */
};

static struct {
    pthread_mutex_t locks[LOCKS];
    pthread_once_t once;
    atomic_uint_fast64_t bytes;
    struct slot slots[SETS][WAYS];
} memory = {.once = PTHREAD_ONCE_INIT};

static void begin(void)
{
    for (size_t i = 0; i < LOCKS; i++) {
        (void)pthread_mutex_init(&memory.locks[i], NULL);
    }
}

static size_t set_of(const struct remembered_key *key)
{
    uint32_t index;

    memcpy(&index, key->bytes, sizeof(index));
    return index % SETS;
}

static pthread_mutex_t *lock_of(size_t set)
{
    CHECK(pthread_once(&memory.once, begin) == 0);
    return &memory.locks[set % LOCKS];
}

struct known *known_create(void)
{
    struct known *known = xcalloc(1, sizeof(*known));

    atomic_init(&known->references, 1);
    arena_init(&known->arena, 1024);
    return known;
}

void known_release(struct known *known)
{
    if (atomic_fetch_sub_explicit(&known->references, 1, memory_order_acq_rel) == 1) {
        arena_destroy(&known->arena);
        free(known);
    }
}

static void hold(struct known *known)
{
    (void)atomic_fetch_add_explicit(&known->references, 1, memory_order_relaxed);
}

struct known *known_find(const struct remembered_key *key, uint64_t now_us)
{
    size_t set = set_of(key);
    pthread_mutex_t *lock = lock_of(set);
    struct known *found = NULL;

    (void)pthread_mutex_lock(lock);
    for (size_t i = 0; i < WAYS && found == NULL; i++) {
        struct slot *slot = &memory.slots[set][i];
        if (slot->known != NULL && slot->known->until_us > now_us &&
            memcmp(&slot->key, key, sizeof(*key)) == 0) {
            found = slot->known;
            hold(found);
        }
    }
    (void)pthread_mutex_unlock(lock);
    return found;
}

/* With the lock. */
static void empty(struct slot *slot)
{
    if (slot->known != NULL) {
        (void)atomic_fetch_sub(&memory.bytes, slot->known->bytes);
        known_release(slot->known);
        slot->known = NULL;
    }
}

/* The slot that the key has, else a free one, else that of what ends first. */
static struct slot *slot_for(struct slot *slots, const struct remembered_key *key)
{
    struct slot *best = &slots[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (slots[i].known != NULL && memcmp(&slots[i].key, key, sizeof(*key)) == 0) {
            return &slots[i];
        }
        if (best->known != NULL &&
            (slots[i].known == NULL || slots[i].known->until_us < best->known->until_us)) {
            best = &slots[i];
        }
    }
    return best;
}

static bool is_full(const struct known *known)
{
    return atomic_load(&memory.bytes) + known->bytes > KNOWN_BYTES_MAX;
}

void known_add(const struct remembered_key *key, struct known *known)
{
    size_t set = set_of(key);
    pthread_mutex_t *lock = lock_of(set);
    struct slot *slot;

    (void)pthread_mutex_lock(lock);
    slot = slot_for(memory.slots[set], key);
    empty(slot);
    for (size_t i = 0; i < WAYS && is_full(known); i++) {
        empty(&memory.slots[set][i]);
    }
    if (!is_full(known)) {
        hold(known);
        slot->key = *key;
        slot->known = known;
        (void)atomic_fetch_add(&memory.bytes, known->bytes);
    }
    (void)pthread_mutex_unlock(lock);
}

static void release(void *arg)
{
    known_release(arg);
}

struct auth_identity *known_lend(struct known *known, struct arena *arena)
{
    struct auth_identity *identity = arena_alloc(arena, sizeof(*identity));

    *identity = known->identity;
    arena_on_reset(arena, release, known);
    return identity;
}

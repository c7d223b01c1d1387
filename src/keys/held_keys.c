#include "keys/held_keys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/list.h"

#define BUCKETS 256

struct held_entry {
    struct list node;
    struct key_id id;
    struct held_key *key;
    atomic_uint references; /* the table's, and of those who sign */
};

struct held_keys {
    pthread_rwlock_t lock;
    struct list buckets[BUCKETS]; /* by the first byte, which is as good as random */
    size_t count;
};

struct held_keys *held_keys_create(void)
{
    struct held_keys *keys = xcalloc(1, sizeof(*keys));

    CHECK(pthread_rwlock_init(&keys->lock, NULL) == 0);
    for (size_t i = 0; i < BUCKETS; i++) {
        list_init(&keys->buckets[i]);
    }
    return keys;
}

void held_keys_let_go(struct held_entry *entry)
{
    if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) == 1) {
        held_key_destroy(entry->key);
        free(entry);
    }
}

void held_keys_destroy(struct held_keys *keys)
{
    struct list *node;

    for (size_t i = 0; i < BUCKETS; i++) {
        while ((node = list_pop_front(&keys->buckets[i])) != NULL) {
            held_keys_let_go(LIST_ENTRY(node, struct held_entry, node));
        }
    }
    (void)pthread_rwlock_destroy(&keys->lock);
    free(keys);
}

/* Under the lock. */
static struct held_entry *find(struct held_keys *keys, const struct key_id *id)
{
    LIST_FOR_EACH(node, &keys->buckets[id->bytes[0]])
    {
        struct held_entry *entry = LIST_ENTRY(node, struct held_entry, node);
        if (key_id_equal(&entry->id, id)) {
            return entry;
        }
    }
    return NULL;
}

bool held_keys_add(struct held_keys *keys, const struct key_id *id, struct held_key *key,
                   size_t max)
{
    struct held_entry *entry;
    struct held_entry *moved = NULL;
    bool is_known;
    bool has_room;

    (void)pthread_rwlock_wrlock(&keys->lock);
    entry = find(keys, id);
    if (entry != NULL && held_key_is_in_token(entry->key) != held_key_is_in_token(key)) {
        moved = entry;
        entry = NULL;
        list_remove(&moved->node);
        keys->count--;
    }
    is_known = entry != NULL;
    has_room = keys->count < max;
    if (!is_known && has_room) {
        entry = xcalloc(1, sizeof(*entry));
        entry->id = *id;
        entry->key = key;
        atomic_init(&entry->references, 1);
        list_push_front(&keys->buckets[id->bytes[0]], &entry->node);
        keys->count++;
    }
    (void)pthread_rwlock_unlock(&keys->lock);
    if (is_known) {
        held_key_destroy(key);
    }
    if (moved != NULL) {
        held_keys_let_go(moved);
    }
    return is_known || has_room;
}

void held_keys_remove(struct held_keys *keys, const struct key_id *id)
{
    struct held_entry *entry;

    (void)pthread_rwlock_wrlock(&keys->lock);
    entry = find(keys, id);
    if (entry != NULL) {
        list_remove(&entry->node);
        keys->count--;
    }
    (void)pthread_rwlock_unlock(&keys->lock);
    if (entry != NULL) {
        held_keys_let_go(entry);
    }
}

struct held_entry *held_keys_hold(struct held_keys *keys, const struct key_id *id)
{
    struct held_entry *entry;

    (void)pthread_rwlock_rdlock(&keys->lock);
    entry = find(keys, id);
    if (entry != NULL) {
        (void)atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    }
    (void)pthread_rwlock_unlock(&keys->lock);
    return entry;
}

struct held_key *held_entry_key(const struct held_entry *entry)
{
    return entry->key;
}

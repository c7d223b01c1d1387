#include "auth/remembered.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"

/* A key can be in any slot of its set. */
#define WAYS 8
#define SETS (REMEMBERED_MAX / WAYS)

struct slot {
    struct remembered_key key;
    uint64_t until_us; /* 0: free */
};

static struct {
    pthread_mutex_t lock;
    struct slot slots[SETS][WAYS];
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool remembered_key_make(const struct span *parts, size_t count, struct remembered_key *key)
{
    struct span all[DIGEST_HMAC_PARTS_MAX];
    char lengths[DIGEST_HMAC_PARTS_MAX * 21];
    size_t len = 0;

    CHECK(count < DIGEST_HMAC_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(lengths + len, sizeof(lengths) - len, "%zu,", parts[i].len);
        all[i + 1] = parts[i];
    }
    all[0] = span_make(lengths, len);
    return digest_hmac_sha256(span_make(secret_of_process(), SECRET_BYTES), all, count + 1,
                              key->bytes);
}

static struct slot *set_of(const struct remembered_key *key)
{
    uint32_t index;

    memcpy(&index, key->bytes, sizeof(index));
    return memory.slots[index % SETS];
}

bool remembered_has(const struct remembered_key *key, uint64_t now_us)
{
    struct slot *set = set_of(key);
    bool has = false;

    (void)pthread_mutex_lock(&memory.lock);
    for (size_t i = 0; i < WAYS && !has; i++) {
        has = set[i].until_us > now_us && memcmp(&set[i].key, key, sizeof(*key)) == 0;
    }
    (void)pthread_mutex_unlock(&memory.lock);
    return has;
}

void remembered_add(const struct remembered_key *key, uint64_t until_us)
{
    struct slot *set = set_of(key);
    struct slot *to = set;

    (void)pthread_mutex_lock(&memory.lock);
    for (size_t i = 0; i < WAYS; i++) {
        if (memcmp(&set[i].key, key, sizeof(*key)) == 0) {
            to = &set[i];
            break;
        }
        if (set[i].until_us < to->until_us) {
            to = &set[i];
        }
    }
    to->key = *key;
    to->until_us = until_us;
    (void)pthread_mutex_unlock(&memory.lock);
}

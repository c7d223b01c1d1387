#include "auth/ended_sessions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define WAYS 8
#define SETS (ENDED_SESSIONS_MAX / WAYS)

struct ended {
    struct remembered_key key;
    int64_t at_s;
    int64_t until_s; /* 0: free */
};

static struct {
    pthread_mutex_t lock;
    atomic_bool has_some;
    struct ended sets[SETS][WAYS];
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct ended *set_of(const struct remembered_key *key)
{
    uint32_t index;

    memcpy(&index, key->bytes, sizeof(index));
    return all.sets[index % SETS];
}

static bool is_same(const struct ended *ended, const struct remembered_key *key)
{
    return ended->until_s != 0 && memcmp(&ended->key, key, sizeof(*key)) == 0;
}

void ended_sessions_add(const struct remembered_key *key, int64_t at_s, int64_t until_s)
{
    struct ended *set = set_of(key);
    struct ended *place = &set[0];

    (void)pthread_mutex_lock(&all.lock);
    for (size_t i = 0; i < WAYS; i++) {
        if (is_same(&set[i], key)) {
            place = &set[i];
            break;
        }
        place = set[i].until_s < place->until_s ? &set[i] : place;
    }
    *place = (struct ended){*key, at_s, until_s};
    (void)pthread_mutex_unlock(&all.lock);
    atomic_store(&all.has_some, true);
}

bool ended_sessions_has(const struct remembered_key *key, int64_t began_s, int64_t now_s)
{
    const struct ended *set = set_of(key);
    bool has = false;

    (void)pthread_mutex_lock(&all.lock);
    for (size_t i = 0; i < WAYS && !has; i++) {
        has = is_same(&set[i], key) && set[i].until_s > now_s && set[i].at_s >= began_s;
    }
    (void)pthread_mutex_unlock(&all.lock);
    return has;
}

bool ended_sessions_is_empty(void)
{
    return !atomic_load_explicit(&all.has_some, memory_order_relaxed);
}

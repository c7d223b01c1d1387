#include "auth/ended_sessions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define WAYS 8
#define SETS (ENDED_SESSIONS_MAX / WAYS)

static struct {
    pthread_mutex_t lock;
    atomic_bool has_some;
    struct ended_session sets[SETS][WAYS]; /* until_s 0: free */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct ended_session *set_of(const struct remembered_key *key)
{
    uint32_t index;

    memcpy(&index, key->bytes, sizeof(index));
    return all.sets[index % SETS];
}

static bool is_same(const struct ended_session *ended, const struct remembered_key *key)
{
    return ended->until_s != 0 && memcmp(&ended->key, key, sizeof(*key)) == 0;
}

static int64_t later(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

void ended_sessions_add(const struct ended_session *ended)
{
    struct ended_session *set = set_of(&ended->key);
    struct ended_session *place = &set[0];
    struct ended_session before = {.until_s = 0};

    (void)pthread_mutex_lock(&all.lock);
    for (size_t i = 0; i < WAYS; i++) {
        if (is_same(&set[i], &ended->key)) {
            place = &set[i];
            before = *place;
            break;
        }
        place = set[i].until_s < place->until_s ? &set[i] : place;
    }
    *place = (struct ended_session){ended->key, later(ended->at_s, before.at_s),
                                    later(ended->until_s, before.until_s)};
    (void)pthread_mutex_unlock(&all.lock);
    atomic_store(&all.has_some, true);
}

bool ended_sessions_has(const struct remembered_key *key, int64_t began_s, int64_t now_s)
{
    const struct ended_session *set = set_of(key);
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

size_t ended_sessions_copy(struct ended_session *ended, size_t max, int64_t now_s)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&all.lock);
    for (size_t i = 0; i < ENDED_SESSIONS_MAX && count < max; i++) {
        const struct ended_session *one = &all.sets[i / WAYS][i % WAYS];
        if (one->until_s > now_s) {
            ended[count++] = *one;
        }
    }
    (void)pthread_mutex_unlock(&all.lock);
    return count;
}

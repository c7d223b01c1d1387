#include "access/ban_list.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/siphash.h"

#define SET_BANS 16
#define SETS (BANS_MAX / SET_BANS)
/* A lock for so many sets. */
#define LOCKS 64

static struct {
    struct ban sets[SETS][SET_BANS]; /* until_us 0: free */
    pthread_mutex_t locks[LOCKS];
    pthread_once_t once;
    uint64_t hash_key[2];
    atomic_size_t used; /* of the places, also by bans that have ended */
    atomic_uint_fast64_t refused;
} list = {.once = PTHREAD_ONCE_INIT};

static void make(void)
{
    CHECK(getrandom(list.hash_key, sizeof(list.hash_key), 0) == (ssize_t)sizeof(list.hash_key));
    for (size_t i = 0; i < LOCKS; i++) {
        CHECK(pthread_mutex_init(&list.locks[i], NULL) == 0);
    }
}

/* What of an address is a client's own. */
static void own_part(const uint8_t ip[16], uint8_t own[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_ipv4 = memcmp(ip, mapped, sizeof(mapped)) == 0;

    memset(own, 0, 16);
    memcpy(own, ip, is_ipv4 ? 16 : 8);
}

static size_t set_of(const uint8_t own[16])
{
    (void)pthread_once(&list.once, make);
    return siphash(list.hash_key, span_make(own, 16)) % SETS;
}

static pthread_mutex_t *lock_of(size_t set)
{
    return &list.locks[set % LOCKS];
}

static void free_place(struct ban *ban)
{
    if (ban->until_us != 0) {
        ban->until_us = 0;
        (void)atomic_fetch_sub_explicit(&list.used, 1, memory_order_relaxed);
    }
}

/* Of one set; those that have ended go. NULL: none. */
static struct ban *find(size_t set, const uint8_t own[16], uint64_t now_us)
{
    struct ban *found = NULL;

    for (size_t i = 0; i < SET_BANS; i++) {
        struct ban *ban = &list.sets[set][i];
        if (ban->until_us != 0 && ban->until_us <= now_us) {
            free_place(ban);
        } else if (ban->until_us != 0 && memcmp(ban->ip, own, 16) == 0) {
            found = ban;
        }
    }
    return found;
}

/* A free place, or that of the ban which ends soonest. */
static struct ban *make_room(size_t set)
{
    struct ban *soonest = &list.sets[set][0];

    for (size_t i = 0; i < SET_BANS; i++) {
        struct ban *ban = &list.sets[set][i];
        if (ban->until_us < soonest->until_us) {
            soonest = ban;
        }
    }
    free_place(soonest);
    return soonest;
}

bool bans_are_any(void)
{
    return atomic_load_explicit(&list.used, memory_order_relaxed) != 0;
}

bool bans_find(const uint8_t ip[16], uint64_t now_us, char by[BAN_NAME_BYTES])
{
    uint8_t own[16];
    const struct ban *ban;
    size_t set;

    own_part(ip, own);
    set = set_of(own);
    (void)pthread_mutex_lock(lock_of(set));
    ban = find(set, own, now_us);
    if (ban != NULL) {
        memcpy(by, ban->by, BAN_NAME_BYTES);
    }
    (void)pthread_mutex_unlock(lock_of(set));
    return ban != NULL;
}

bool bans_have(const uint8_t ip[16], uint64_t now_us)
{
    char by[BAN_NAME_BYTES];

    return bans_find(ip, now_us, by);
}

bool bans_add(const uint8_t ip[16], uint64_t until_us, const char *by, uint64_t now_us)
{
    uint8_t own[16];
    struct ban *ban;
    bool is_new;
    size_t set;

    own_part(ip, own);
    set = set_of(own);
    (void)pthread_mutex_lock(lock_of(set));
    ban = find(set, own, now_us);
    is_new = ban == NULL;
    if (is_new) {
        ban = make_room(set);
        memcpy(ban->ip, own, 16);
        (void)atomic_fetch_add_explicit(&list.used, 1, memory_order_relaxed);
    }
    if (until_us > ban->until_us) {
        ban->until_us = until_us;
        (void)snprintf(ban->by, sizeof(ban->by), "%s", by);
    }
    (void)pthread_mutex_unlock(lock_of(set));
    return is_new;
}

bool bans_lift(const uint8_t ip[16], uint64_t now_us)
{
    uint8_t own[16];
    struct ban *ban;
    size_t set;

    own_part(ip, own);
    set = set_of(own);
    (void)pthread_mutex_lock(lock_of(set));
    ban = find(set, own, now_us);
    if (ban != NULL) {
        free_place(ban);
    }
    (void)pthread_mutex_unlock(lock_of(set));
    return ban != NULL;
}

/* Calls `each` for those in force, under their sets' locks. */
static void walk(void (*each)(void *arg, struct ban *ban), void *arg, uint64_t now_us)
{
    (void)pthread_once(&list.once, make);
    for (size_t set = 0; set < SETS && bans_are_any(); set++) {
        (void)pthread_mutex_lock(lock_of(set));
        for (size_t i = 0; i < SET_BANS; i++) {
            if (list.sets[set][i].until_us > now_us) {
                each(arg, &list.sets[set][i]);
            }
        }
        (void)pthread_mutex_unlock(lock_of(set));
    }
}

static void lift_one(void *arg, struct ban *ban)
{
    ++*(size_t *)arg;
    free_place(ban);
}

size_t bans_lift_all(uint64_t now_us)
{
    size_t count = 0;

    walk(lift_one, &count, now_us);
    return count;
}

struct copying {
    struct ban *to;
    size_t max;
    size_t count;
};

static void copy_one(void *arg, struct ban *ban)
{
    struct copying *copying = arg;

    if (copying->count < copying->max) {
        copying->to[copying->count] = *ban;
    }
    copying->count++;
}

size_t bans_copy(struct ban *bans, size_t max, uint64_t now_us)
{
    struct copying copying = {bans, max, 0};

    walk(copy_one, &copying, now_us);
    return copying.count;
}

void bans_count_refused(void)
{
    (void)atomic_fetch_add_explicit(&list.refused, 1, memory_order_relaxed);
}

uint64_t bans_refused(void)
{
    return atomic_load_explicit(&list.refused, memory_order_relaxed);
}

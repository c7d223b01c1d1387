#include "upstream/concurrency.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"

/* How often it is noted that a priority is about: workers should not write at every request what
 * all of them read. */
#define NOTE_SEEN_US (UINT64_C(1000) * 1000)

struct concurrency {
    char *name;
    struct concurrency_plan plan;
    _Atomic uint32_t in_use;
    _Atomic uint32_t limit;
    _Atomic uint64_t seen_us[PRIORITY_LEVELS]; /* 0: never */
    pthread_mutex_t lock;                      /* of this: */
    struct concurrency_pace pace;
    /* The registry's. */
    struct list node;
    unsigned uses;
};

/* Of the process. Taken when configurations come and go. */
static struct {
    pthread_mutex_t lock;
    struct list all; /* next NULL: nothing was ever in it */
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_same_plan(const struct concurrency_plan *a, const struct concurrency_plan *b)
{
    return a->adapts == b->adapts && a->terms.min == b->terms.min && a->terms.max == b->terms.max &&
           a->terms.start == b->terms.start && a->terms.tolerance == b->terms.tolerance &&
           a->terms.probe_us == b->terms.probe_us &&
           memcmp(&a->shares, &b->shares, sizeof(a->shares)) == 0;
}

static struct concurrency *find(const char *name, const struct concurrency_plan *plan)
{
    LIST_FOR_EACH(node, &registry.all)
    {
        struct concurrency *it = LIST_ENTRY(node, struct concurrency, node);
        if (strcmp(it->name, name) == 0 && is_same_plan(&it->plan, plan)) {
            return it;
        }
    }
    return NULL;
}

static struct concurrency *create(const char *name, const struct concurrency_plan *plan)
{
    struct concurrency *it = xcalloc(1, sizeof(*it));

    it->name = xstrdup(name);
    it->plan = *plan;
    concurrency_pace_init(&it->pace, &plan->terms);
    atomic_init(&it->limit,
                plan->adapts ? concurrency_pace_limit(&it->pace, &plan->terms) : plan->terms.max);
    CHECK(pthread_mutex_init(&it->lock, NULL) == 0);
    return it;
}

struct concurrency *concurrency_take(const char *name, const struct concurrency_plan *plan)
{
    struct concurrency *it;

    (void)pthread_mutex_lock(&registry.lock);
    if (registry.all.next == NULL) {
        list_init(&registry.all);
    }
    it = find(name, plan);
    if (it == NULL) {
        it = create(name, plan);
        list_push_back(&registry.all, &it->node);
    }
    it->uses++;
    (void)pthread_mutex_unlock(&registry.lock);
    return it;
}

void concurrency_release(struct concurrency *concurrency)
{
    if (concurrency == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&registry.lock);
    CHECK(concurrency->uses > 0);
    bool is_last = --concurrency->uses == 0;
    if (is_last) {
        list_remove(&concurrency->node);
    }
    (void)pthread_mutex_unlock(&registry.lock);
    if (is_last) {
        CHECK(atomic_load(&concurrency->in_use) == 0);
        (void)pthread_mutex_destroy(&concurrency->lock);
        free(concurrency->name);
        free(concurrency);
    }
}

/* The highest priority of the last minute, this request's included. */
static enum priority highest_of(struct concurrency *concurrency, enum priority priority,
                                uint64_t now_us)
{
    for (unsigned higher = 0; higher < (unsigned)priority; higher++) {
        uint64_t seen_us =
            atomic_load_explicit(&concurrency->seen_us[higher], memory_order_relaxed);
        if (seen_us != 0 && (now_us < seen_us || now_us - seen_us < CONCURRENCY_SEEN_US)) {
            return (enum priority)higher;
        }
    }
    return priority;
}

static void note_seen(struct concurrency *concurrency, enum priority priority, uint64_t now_us)
{
    _Atomic uint64_t *seen_us = &concurrency->seen_us[priority];
    uint64_t before_us = atomic_load_explicit(seen_us, memory_order_relaxed);

    if (before_us == 0 || now_us > before_us + NOTE_SEEN_US) {
        atomic_store_explicit(seen_us, now_us, memory_order_relaxed);
    }
}

bool concurrency_claim(struct concurrency *concurrency, enum priority priority, uint64_t now_us)
{
    uint32_t limit = atomic_load_explicit(&concurrency->limit, memory_order_relaxed);
    uint32_t in_use = atomic_load_explicit(&concurrency->in_use, memory_order_relaxed);
    uint32_t room = shed_room(&concurrency->plan.shares, limit, priority,
                              highest_of(concurrency, priority, now_us));

    note_seen(concurrency, priority, now_us);
    do {
        if (in_use >= room) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&concurrency->in_use, &in_use, in_use + 1));
    return true;
}

void concurrency_give_back(struct concurrency *concurrency)
{
    uint32_t before = atomic_fetch_sub(&concurrency->in_use, 1);

    CHECK(before > 0);
}

uint32_t concurrency_note(struct concurrency *concurrency, uint64_t us, uint64_t now_us)
{
    uint32_t in_use = atomic_load_explicit(&concurrency->in_use, memory_order_relaxed);
    uint32_t more = 1;

    if (concurrency->plan.adapts) {
        (void)pthread_mutex_lock(&concurrency->lock);
        if (concurrency_pace_note(&concurrency->pace, &concurrency->plan.terms, us, in_use,
                                  now_us)) {
            uint32_t limit = concurrency_pace_limit(&concurrency->pace, &concurrency->plan.terms);
            uint32_t before = atomic_exchange(&concurrency->limit, limit);
            more += limit > before ? limit - before : 0;
        }
        (void)pthread_mutex_unlock(&concurrency->lock);
    }
    concurrency_give_back(concurrency);
    return more;
}

struct concurrency_look concurrency_look(struct concurrency *concurrency)
{
    struct concurrency_look look = {
        .adapts = concurrency->plan.adapts,
        .limit = atomic_load(&concurrency->limit),
        .in_use = atomic_load(&concurrency->in_use),
    };

    (void)pthread_mutex_lock(&concurrency->lock);
    look.base_us = concurrency->pace.base_us;
    (void)pthread_mutex_unlock(&concurrency->lock);
    return look;
}

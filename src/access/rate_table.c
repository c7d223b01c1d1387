#include "access/rate_table.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "access/named.h"
#include "base/check.h"
#include "base/siphash.h"

/* Two lines of the processor's cache. */
#define SET_SLOTS 7
/* Looks at a lock before the thread lets others run: whoever has it may have been interrupted. */
#define SPINS 100

struct slot {
    uint64_t tag;   /* the key's hash; 0: free */
    uint64_t state; /* as the terms' kind has it */
};

struct set {
    atomic_uint lock;
    struct slot slots[SET_SLOTS];
} __attribute__((aligned(128)));

struct rate_table {
    struct named named;
    uint64_t hash_key[2];
    size_t set_count;
    struct set *sets; /* aligned, in: */
    void *memory;
};

static struct named_tables tables = NAMED_TABLES(tables);

/* ---- life ---- */

static struct named *make(uint64_t keys)
{
    struct rate_table *table = xcalloc(1, sizeof(*table));

    table->set_count = (size_t)(keys + SET_SLOTS - 1) / SET_SLOTS;
    /* Zeros of the kernel's, so that only what is used takes memory. */
    table->memory = xcalloc(table->set_count + 1, sizeof(*table->sets));
    table->sets = (struct set *)(((uintptr_t)table->memory + sizeof(struct set) - 1) &
                                 ~(uintptr_t)(sizeof(struct set) - 1));
    CHECK(getrandom(table->hash_key, sizeof(table->hash_key), 0) ==
          (ssize_t)sizeof(table->hash_key));
    return &table->named;
}

struct rate_table *rate_table_get(const char *name, uint64_t keys)
{
    return CONTAINER_OF(named_get(&tables, name, keys, make), struct rate_table, named);
}

void rate_table_release(struct rate_table *table)
{
    if (table != NULL && named_release(&tables, &table->named)) {
        free(table->memory);
        free(table);
    }
}

/* ---- buckets: `state` is the time, in nanoseconds, at which all of the allowance is back ---- */

static uint64_t bucket_step(const struct rate_terms *terms)
{
    uint64_t step = terms->per_us * 1000 / terms->requests;

    return step != 0 ? step : 1;
}

static struct rate_verdict take_of_bucket(uint64_t *state, const struct rate_terms *terms,
                                          uint64_t now_us)
{
    uint64_t now = now_us * 1000;
    uint64_t step = bucket_step(terms);
    uint64_t depth = step * terms->burst;
    uint64_t most = now + depth + terms->wait_us * 1000; /* more is of other terms */
    uint64_t full = (*state > most ? most : *state > now ? *state : now) + step;
    uint64_t early = full > now + depth ? full - now - depth : 0;
    struct rate_verdict verdict = {.wait_us = (early + 999) / 1000};

    verdict.passes = verdict.wait_us <= terms->wait_us;
    if (verdict.passes) {
        *state = full;
    }
    full = *state > now ? *state - now : 0;
    verdict.left = full < depth ? (depth - full) / step : 0;
    verdict.reset_us = (full + 999) / 1000;
    return verdict;
}

/* ---- windows: 24 bits of the window's number, 20 each of what came before and in it ---- */

struct window {
    uint64_t number; /* its low 24 bits */
    uint64_t before;
    uint64_t now;
};

#define NUMBER_MASK ((UINT64_C(1) << 24) - 1)

static struct window read_window(uint64_t state, uint64_t number)
{
    struct window window = {number & NUMBER_MASK, 0, 0};
    uint64_t age = (number - (state >> 40)) & NUMBER_MASK;

    if (age == 0) {
        window.before = state >> 20 & RATE_WINDOW_MAX;
        window.now = state & RATE_WINDOW_MAX;
    } else if (age == 1) {
        window.before = state & RATE_WINDOW_MAX;
    }
    return window;
}

/* What came in the last `per_us`, where what came in the window before came evenly; rounded up. */
static uint64_t count_of(const struct window *window, uint64_t into_us, uint64_t per_us)
{
    return window->now + (window->before * (per_us - into_us) + per_us - 1) / per_us;
}

/* How far into a window so many of the one before have gone by that `left` of them count. */
static uint64_t faded_at(uint64_t before, uint64_t left, uint64_t per_us)
{
    return before <= left ? 0 : per_us - left * per_us / before;
}

/* Until one more would pass, if nothing else comes. */
static uint64_t window_wait(const struct window *window, const struct rate_terms *terms,
                            uint64_t into_us)
{
    uint64_t most = terms->requests - 1;

    if (window->now > most) { /* in the next one, once enough of this one's have gone by */
        return terms->per_us - into_us + faded_at(window->now, most, terms->per_us);
    }
    return faded_at(window->before, most - window->now, terms->per_us) - into_us;
}

static struct rate_verdict take_of_window(uint64_t *state, const struct rate_terms *terms,
                                          uint64_t now_us)
{
    uint64_t number = now_us / terms->per_us;
    uint64_t into_us = now_us % terms->per_us;
    struct window window = read_window(*state, number);
    uint64_t count = count_of(&window, into_us, terms->per_us);
    struct rate_verdict verdict = {.passes = count < terms->requests};

    if (verdict.passes) {
        window.now++;
        count++;
        *state = window.number << 40 | window.before << 20 | window.now;
    } else {
        verdict.wait_us = window_wait(&window, terms, into_us);
    }
    verdict.left = count < terms->requests ? terms->requests - count : 0;
    verdict.reset_us = (window.now != 0 ? 2 : 1) * terms->per_us - into_us;
    return verdict;
}

/* ---- sets ---- */

static void lock(struct set *set)
{
    unsigned expected = 0;

    for (unsigned spins = 0; !atomic_compare_exchange_weak_explicit(
             &set->lock, &expected, 1, memory_order_acquire, memory_order_relaxed);
         spins++) {
        expected = 0;
        if (spins % SPINS == SPINS - 1) {
            (void)sched_yield();
        }
    }
}

static void unlock(struct set *set)
{
    atomic_store_explicit(&set->lock, 0, memory_order_release);
}

/* How much of its allowance a key has used: what may be forgotten first has the least. */
static uint64_t weight_of(uint64_t state, const struct rate_terms *terms, uint64_t now_us)
{
    struct window window;

    if (terms->kind == RATE_BUCKET) {
        return state > now_us * 1000 ? state - now_us * 1000 : 0;
    }
    window = read_window(state, now_us / terms->per_us);
    return count_of(&window, now_us % terms->per_us, terms->per_us);
}

static struct slot *find_slot(struct set *set, uint64_t tag)
{
    for (size_t i = 0; i < SET_SLOTS; i++) {
        if (set->slots[i].tag == tag) {
            return &set->slots[i];
        }
    }
    return NULL;
}

static struct slot *make_room(struct set *set, const struct rate_terms *terms, uint64_t now_us)
{
    struct slot *least = &set->slots[0];
    uint64_t least_weight = UINT64_MAX;

    for (size_t i = 0; i < SET_SLOTS; i++) {
        struct slot *slot = &set->slots[i];
        uint64_t weight = slot->tag != 0 ? weight_of(slot->state, terms, now_us) : 0;
        if (weight < least_weight) {
            least = slot;
            least_weight = weight;
        }
        if (weight == 0) {
            break;
        }
    }
    return least;
}

static struct set *set_of(const struct rate_table *table, struct span key, uint64_t *tag)
{
    uint64_t hash = siphash(table->hash_key, key);

    *tag = hash | 1;
    return &table->sets[(size_t)((hash >> 32) * table->set_count >> 32)];
}

struct rate_verdict rate_table_take(struct rate_table *table, struct span key,
                                    const struct rate_terms *terms, uint64_t now_us)
{
    uint64_t tag;
    struct set *set = set_of(table, key, &tag);
    struct rate_verdict verdict;
    struct slot *slot;
    uint64_t state;

    lock(set);
    slot = find_slot(set, tag);
    state = slot != NULL ? slot->state : 0;
    verdict = terms->kind == RATE_BUCKET ? take_of_bucket(&state, terms, now_us)
                                         : take_of_window(&state, terms, now_us);
    if (verdict.passes) {
        slot = slot != NULL ? slot : make_room(set, terms, now_us);
        *slot = (struct slot){tag, state};
    }
    unlock(set);
    return verdict;
}

void rate_table_forget(struct rate_table *table, struct span key)
{
    uint64_t tag;
    struct set *set = set_of(table, key, &tag);
    struct slot *slot;

    lock(set);
    slot = find_slot(set, tag);
    if (slot != NULL) {
        *slot = (struct slot){0, 0};
    }
    unlock(set);
}

#include "tls/replay_guard.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "tls/digest.h"

#define CAPACITY_MIN 256U
#define SECRET_BYTES 16

/* Open addressing; 0 is free. */
struct window {
    uint64_t *slots;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};

struct replay_guard {
    pthread_mutex_t lock;
    struct window current;
    struct window previous;
    int64_t began; /* the current window */
    int64_t latest;
    int64_t closed_until; /* nothing is taken before */
    bool has_secret;      /* not before the first use, by the process that serves clients */
    unsigned char secret[SECRET_BYTES];
};

static bool has_secret(struct replay_guard *guard)
{
    bool has;

    (void)pthread_mutex_lock(&guard->lock);
    if (!guard->has_secret) {
        guard->has_secret = RAND_priv_bytes(guard->secret, sizeof(guard->secret)) == 1;
    }
    has = guard->has_secret;
    (void)pthread_mutex_unlock(&guard->lock);
    return has;
}

/* Which slot an entry takes must not be for a client to choose: with the secret it can neither make
 * two of its own collide nor fill one place of the table. 0 when the library fails. */
static uint64_t entry_of(struct replay_guard *guard, const unsigned char *random)
{
    unsigned char digest[SHA256_BYTES];
    uint64_t entry;

    if (!has_secret(guard)) {
        return 0;
    }
    if (!digest_sha256((struct span[]){span_make(guard->secret, SECRET_BYTES),
                                       span_make(random, REPLAY_RANDOM_BYTES)},
                       2, digest)) {
        return 0;
    }
    memcpy(&entry, digest, sizeof(entry));
    return entry != 0 ? entry : 1;
}

static uint64_t *find(const struct window *window, uint64_t entry)
{
    uint32_t at = (uint32_t)entry & (window->capacity - 1);

    while (window->slots[at] != 0 && window->slots[at] != entry) {
        at = (at + 1) & (window->capacity - 1);
    }
    return &window->slots[at];
}

static bool has(const struct window *window, uint64_t entry)
{
    return window->capacity != 0 && *find(window, entry) == entry;
}

static void grow(struct window *window)
{
    struct window bigger = {.capacity =
                                window->capacity != 0 ? window->capacity * 2 : CAPACITY_MIN};

    bigger.slots = xcalloc(bigger.capacity, sizeof(*bigger.slots));
    bigger.count = window->count;
    for (uint32_t i = 0; i < window->capacity; i++) {
        if (window->slots[i] != 0) {
            *find(&bigger, window->slots[i]) = window->slots[i];
        }
    }
    free(window->slots);
    *window = bigger;
}

static void add(struct window *window, uint64_t entry)
{
    if (window->count >= window->capacity / 2) {
        grow(window);
    }
    *find(window, entry) = entry;
    window->count++;
}

static void forget(struct window *window)
{
    free(window->slots);
    *window = (struct window){0};
}

/* What came in the current window is kept for the next one, too. */
static void move_on(struct replay_guard *guard, int64_t now)
{
    if (now - guard->began < REPLAY_WINDOW_S) {
        return;
    }
    forget(&guard->previous);
    if (now - guard->began < 2 * (int64_t)REPLAY_WINDOW_S) {
        guard->previous = guard->current;
        guard->current = (struct window){0};
    } else {
        forget(&guard->current);
    }
    guard->began = now;
}

bool replay_guard_is_first(struct replay_guard *guard,
                           const unsigned char random[REPLAY_RANDOM_BYTES], int64_t now)
{
    uint64_t entry = entry_of(guard, random);
    bool is_first = false;

    (void)pthread_mutex_lock(&guard->lock);
    /* Threads read the clock before they come here, so one may be a second behind. */
    if (entry != 0 && now >= guard->latest - 1) {
        if (now > guard->latest) {
            guard->latest = now;
            move_on(guard, now);
        }
        is_first = now >= guard->closed_until && guard->current.count < REPLAY_ENTRIES_MAX &&
                   !has(&guard->current, entry) && !has(&guard->previous, entry);
        if (is_first) {
            add(&guard->current, entry);
        }
    }
    (void)pthread_mutex_unlock(&guard->lock);
    return is_first;
}

void replay_guard_close_until(struct replay_guard *guard, int64_t then)
{
    (void)pthread_mutex_lock(&guard->lock);
    guard->closed_until = then;
    (void)pthread_mutex_unlock(&guard->lock);
}

size_t replay_guard_count(struct replay_guard *guard)
{
    size_t count;

    (void)pthread_mutex_lock(&guard->lock);
    count = (size_t)guard->current.count + guard->previous.count;
    (void)pthread_mutex_unlock(&guard->lock);
    return count;
}

struct replay_guard *replay_guard_create(void)
{
    struct replay_guard *guard = xcalloc(1, sizeof(*guard));

    CHECK(pthread_mutex_init(&guard->lock, NULL) == 0);
    return guard;
}

void replay_guard_destroy(struct replay_guard *guard)
{
    if (guard == NULL) {
        return;
    }
    forget(&guard->current);
    forget(&guard->previous);
    OPENSSL_cleanse(guard->secret, sizeof(guard->secret));
    (void)pthread_mutex_destroy(&guard->lock);
    free(guard);
}

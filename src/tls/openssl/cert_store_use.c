/* The later part of tls/cert_store.h: which of the folder's certificates a connection is given. */
#include <openssl/err.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "tls/cert_store.h"
#include "tls/openssl/cert_store_internal.h"

/* A certificate whose files cannot be used is tried again after so many seconds, and not by each
 * client in between. */
#define TRY_AGAIN_S 1

/* What is loaded of one entry, with a reference for the caller, or NULL with why it cannot be. */
static struct cert_loaded *take_loaded(struct cert_store *store, struct cert_entry *entry,
                                       struct error *error)
{
    struct cert_loaded *loaded;

    (void)pthread_mutex_lock(&store->lock);
    loaded = entry->loaded;
    if (loaded != NULL) {
        (void)atomic_fetch_add_explicit(&loaded->references, 1, memory_order_relaxed);
        list_remove(&loaded->node);
        list_push_front(&store->loaded, &loaded->node);
    }
    (void)pthread_mutex_unlock(&store->lock);
    if (loaded != NULL) {
        return loaded;
    }
    loaded = cert_store_load(store, entry, NULL, error);
    (void)pthread_mutex_lock(&store->lock);
    free(entry->trouble);
    entry->trouble = loaded == NULL ? xstrdup(error->text) : NULL;
    entry->try_again = clock_wall_s() + TRY_AGAIN_S;
    if (loaded != NULL) {
        (void)atomic_fetch_add_explicit(&loaded->references, 1, memory_order_relaxed);
        cert_store_keep(store, entry, loaded);
    }
    (void)pthread_mutex_unlock(&store->lock);
    return loaded;
}

/* Those of one rank that could be loaded, by kind. */
struct offer {
    struct cert_loaded *of_kind[CERT_KIND_COUNT];
    bool has_trouble; /* some could not be */
};

static void offer_free(struct offer *offer)
{
    for (size_t k = 0; k < CERT_KIND_COUNT; k++) {
        if (offer->of_kind[k] != NULL) {
            cert_loaded_release(offer->of_kind[k]);
        }
    }
    *offer = (struct offer){0};
}

/* Whether the client can use one of them. */
static bool suits(const struct offer *offer, SSL *ssl)
{
    for (size_t k = 0; k < CERT_KIND_COUNT; k++) {
        if (offer->of_kind[k] != NULL && identity_suits(offer->of_kind[k]->identity, ssl)) {
            return true;
        }
    }
    return false;
}

static bool is_empty(const struct offer *offer)
{
    for (size_t k = 0; k < CERT_KIND_COUNT; k++) {
        if (offer->of_kind[k] != NULL) {
            return false;
        }
    }
    return true;
}

/* Loads the best of a rank; true: some are there. */
static bool load_rank(struct cert_store *store, void *const entries[CERT_KIND_COUNT],
                      struct offer *offer, struct error *error)
{
    *offer = (struct offer){0};
    for (size_t k = 0; k < CERT_KIND_COUNT; k++) {
        if (entries[k] != NULL) {
            offer->of_kind[k] = take_loaded(store, entries[k], error);
            offer->has_trouble |= offer->of_kind[k] == NULL;
        }
    }
    return !is_empty(offer);
}

static bool give(const struct offer *offer, SSL *ssl)
{
    struct identity *of_kind[CERT_KIND_COUNT];
    bool ok;

    for (size_t k = 0; k < CERT_KIND_COUNT; k++) {
        of_kind[k] = offer->of_kind[k] != NULL ? offer->of_kind[k]->identity : NULL;
    }
    ok = identity_give(of_kind, ssl);
    ERR_clear_error();
    return ok;
}

/* Something else may be served in its place, so this is the one word on it. */
static void say_trouble(struct span host, const struct error *trouble)
{
    static __thread struct log_limiter limiter;

    log_limited(&limiter, LOG_LEVEL_ERROR, "a certificate for %.*s cannot be used: %s",
                (int)host.len, host.ptr, trouble->text);
}

/* The entries of all ranks, held; or with none left, why the best one could not be loaded. */
static bool hold_ranks(struct cert_store *store, struct span host, struct cert_ranking *ranking,
                       size_t *count, struct error *error)
{
    int64_t now = clock_wall_s();
    void **all = &ranking->best[0][0];

    *count = 0;
    (void)pthread_mutex_lock(&store->lock);
    cert_index_rank(store->index, host, now, true, ranking);
    for (size_t i = 0; i < (size_t)CERT_RANK_COUNT * CERT_KIND_COUNT; i++) {
        if (all[i] != NULL) {
            (void)cert_entry_hold(all[i]);
            (*count)++;
        }
    }
    if (*count == 0) {
        struct cert_ranking troubled;
        cert_index_rank(store->index, host, now, false, &troubled);
        (void)error_set(error, "'%s' has no certificate for the name", store->folder);
        for (size_t i = 0; i < (size_t)CERT_RANK_COUNT * CERT_KIND_COUNT; i++) {
            const struct cert_entry *entry = (&troubled.best[0][0])[i];
            if (entry != NULL && entry->trouble != NULL) {
                (void)error_set(error, "%s", entry->trouble);
                break;
            }
        }
    }
    (void)pthread_mutex_unlock(&store->lock);
    return *count != 0;
}

static void release_ranks(struct cert_store *store, struct cert_ranking *ranking)
{
    void **all = &ranking->best[0][0];

    (void)pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < (size_t)CERT_RANK_COUNT * CERT_KIND_COUNT; i++) {
        if (all[i] != NULL) {
            cert_entry_release(all[i]);
        }
    }
    (void)pthread_mutex_unlock(&store->lock);
}

/* Goes through the ranks until one has something that the client can use; where none has, the first
 * with anything decides, and the library tells what the client lacks. has_trouble: some could not
 * be loaded, so that there may be others in their place. */
static bool choose(struct cert_store *store, SSL *ssl, const struct cert_ranking *ranking,
                   size_t count, struct offer *chosen, bool *has_trouble, struct error *error)
{
    *chosen = (struct offer){0};
    *has_trouble = false;
    for (size_t r = 0; r < CERT_RANK_COUNT; r++) {
        struct offer offer;
        bool has_any = load_rank(store, ranking->best[r], &offer, error);
        *has_trouble |= offer.has_trouble;
        if (!has_any) {
            continue;
        }
        if (count == 1 || suits(&offer, ssl)) {
            offer_free(chosen);
            *chosen = offer;
            return true;
        }
        if (is_empty(chosen)) {
            *chosen = offer;
        } else {
            offer_free(&offer);
        }
    }
    return !is_empty(chosen);
}

/* Rounds of looking for something in the place of what cannot be loaded. */
#define ROUNDS_MAX 4

bool cert_store_use(struct cert_store *store, SSL *ssl, struct span host, struct error *error)
{
    struct cert_ranking ranking = {0};
    struct error trouble = {""};
    size_t count;
    bool is_done = false;

    for (int round = 0; !is_done && round < ROUNDS_MAX; round++) {
        struct offer chosen;
        bool has_trouble;
        bool has_any;
        if (!hold_ranks(store, host, &ranking, &count, error)) {
            break;
        }
        has_any = choose(store, ssl, &ranking, count, &chosen, &has_trouble, &trouble);
        if (has_trouble) {
            say_trouble(host, &trouble);
            *error = trouble;
        }
        /* Without the troubled ones the next round may find a better one. */
        is_done = has_any && (!has_trouble || round + 1 == ROUNDS_MAX);
        if (is_done && !give(&chosen, ssl)) {
            is_done = false;
            (void)error_set(error, "the TLS library does not take the certificate for %.*s",
                            (int)host.len, host.ptr);
            round = ROUNDS_MAX;
        }
        offer_free(&chosen);
        release_ranks(store, &ranking);
    }
    return is_done;
}

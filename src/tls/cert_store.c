#include "tls/cert_store.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/list.h"
#include "base/log.h"
#include "tls/cert_check.h"
#include "tls/cert_index.h"
#include "tls/certificate.h"
#include "tls/file_opener.h"
#include "tls/identity.h"
#include "tls/ocsp_staple.h"

/* A certificate in use, with its key. Connections have references of their own to the library's
 * objects. */
struct cert_loaded {
    atomic_uint references; /* the store's, and of workers that are just handing it out */
    struct list node;       /* in the store's list, most recently used first */
    struct cert_entry *entry;
    struct identity *identity;
};

struct cert_store {
    char *folder;
    size_t loaded_max;
    struct ocsp_registry *ocsp; /* NULL: no responses are fetched */
    enum tls_context_ocsp ocsp_fetch;
    pthread_mutex_t lock; /* of all below; held for lookups, never for reading files */
    struct cert_index *index;
    struct list loaded;
    size_t loaded_count;
};

static char *path_of(const struct cert_store *store, const char *file)
{
    size_t size = strlen(store->folder) + strlen(file) + 2;
    char *path = xmalloc(size);

    (void)snprintf(path, size, "%s/%s", store->folder, file);
    return path;
}

/* ---- loading ---- */

static void loaded_release(struct cert_loaded *loaded)
{
    if (atomic_fetch_sub_explicit(&loaded->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    identity_release(loaded->identity);
    free(loaded);
}

/* Takes the identity over. */
static struct cert_loaded *loaded_create(struct identity *identity)
{
    struct cert_loaded *loaded = xcalloc(1, sizeof(*loaded));

    atomic_init(&loaded->references, 1);
    list_init(&loaded->node);
    loaded->identity = identity;
    return loaded;
}

/* ocsp_path NULL: there is no file with a response. */
static void staple(const struct cert_store *store, const struct certificate *certificate,
                   const char *ocsp_path)
{
    static __thread struct log_limiter limiter; /* clients cause loads */
    struct error warning;

    if (ocsp_path != NULL) {
        if (!ocsp_staple_attach(certificate, ocsp_path, &warning)) {
            log_limited(&limiter, LOG_LEVEL_WARN, "%s", warning.text);
        }
        return;
    }
    ocsp_staple_fetch(certificate, store->ocsp, store->ocsp_fetch);
    if (store->ocsp != NULL && ocsp_staple_is_required(certificate) &&
        !ocsp_staple_can_fetch(certificate, &warning)) {
        log_limited(&limiter, LOG_LEVEL_WARN,
                    "certificate %s asks for a stapled OCSP response (must-staple), and there is "
                    "none: %s",
                    certificate_path(certificate), warning.text);
    }
}

/* Reads the files, without the lock. */
static struct cert_loaded *load(const struct cert_store *store, const struct cert_entry *entry,
                                struct error *error)
{
    char *path = path_of(store, entry->files[CERT_FILE_CERTIFICATE]);
    char *key_path =
        entry->files[CERT_FILE_KEY] != NULL ? path_of(store, entry->files[CERT_FILE_KEY]) : NULL;
    char *ocsp_path =
        entry->files[CERT_FILE_OCSP] != NULL ? path_of(store, entry->files[CERT_FILE_OCSP]) : NULL;
    struct certificate *certificate = certificate_load(path, error);
    struct cert_loaded *loaded = NULL;
    struct identity *identity = NULL;

    if (certificate != NULL && certificate_check_strength(certificate, error)) {
        identity = identity_load(certificate, key_path != NULL ? key_path : path, error);
    }
    if (identity != NULL) {
        loaded = loaded_create(identity);
        staple(store, certificate, ocsp_path);
    }
    certificate_destroy(certificate);
    free(path);
    free(key_path);
    free(ocsp_path);
    ERR_clear_error();
    return loaded;
}

/* ---- the list of loaded ones, under the lock ---- */

static void forget(struct cert_store *store, struct cert_loaded *loaded)
{
    list_remove(&loaded->node);
    store->loaded_count--;
    loaded->entry->loaded = NULL;
    cert_entry_release(loaded->entry);
    loaded_release(loaded);
}

static void keep(struct cert_store *store, struct cert_entry *entry, struct cert_loaded *loaded)
{
    if (entry->loaded != NULL) {
        loaded_release(loaded); /* another thread was faster */
        return;
    }
    loaded->entry = cert_entry_hold(entry);
    entry->loaded = loaded;
    list_push_front(&store->loaded, &loaded->node);
    store->loaded_count++;
    if (store->loaded_count > store->loaded_max) {
        forget(store, LIST_ENTRY(store->loaded.prev, struct cert_loaded, node));
    }
}

/* ---- the folder ---- */

struct complaints {
    const struct cert_listener *listener;
    size_t count;
};

static void complain(struct complaints *complaints, const char *text)
{
    if (complaints->count++ < CERT_COMPLAINTS_MAX) {
        complaints->listener->complain(complaints->listener->arg, text);
    }
}

static void complain_in_all(struct complaints *complaints, const char *folder)
{
    char text[512];

    if (complaints->count > CERT_COMPLAINTS_MAX) {
        (void)snprintf(text, sizeof(text), "%zu more files in '%s' are not used",
                       complaints->count - CERT_COMPLAINTS_MAX, folder);
        complaints->listener->complain(complaints->listener->arg, text);
    }
}

static void complain_of(struct complaints *complaints, const struct cert_store *store,
                        const struct cert_entry *entry)
{
    char text[1024];

    if (entry->complaint != NULL) {
        (void)snprintf(text, sizeof(text), "'%s/%s' %s: it is not used", store->folder,
                       entry->files[CERT_FILE_CERTIFICATE], entry->complaint);
        complain(complaints, text);
    }
}

struct cert_store *cert_store_open(const char *folder, size_t loaded_max,
                                   const struct cert_listener *listener, struct error *error)
{
    struct cert_index *index = cert_index_read(folder, NULL, error);
    struct complaints complaints = {listener, 0};
    struct cert_store *store;

    if (index == NULL) {
        return NULL;
    }
    cert_index_arrange(index);
    store = xcalloc(1, sizeof(*store));
    store->folder = xstrdup(folder);
    store->loaded_max = loaded_max;
    store->index = index;
    list_init(&store->loaded);
    CHECK(pthread_mutex_init(&store->lock, NULL) == 0);
    for (size_t i = 0; i < index->count; i++) {
        complain_of(&complaints, store, index->entries[i]);
    }
    complain_in_all(&complaints, folder);
    return store;
}

void cert_store_fetch_ocsp(struct cert_store *store, struct ocsp_registry *registry,
                           enum tls_context_ocsp when)
{
    store->ocsp = registry;
    store->ocsp_fetch = when;
}

/* A changed file whose new contents cannot be used gives way to what was there: its entry, with the
 * new stamps so that it is not tried again until it changes, takes the old one's facts, and later
 * what is loaded of it. */
static void fall_back(struct cert_entry *entry, const struct cert_entry *old)
{
    const char *end = old->names;

    for (size_t i = 0; i < old->name_count; i++) {
        end += strlen(end) + 1;
    }
    free(entry->names);
    entry->names = xmalloc((size_t)(end - old->names));
    memcpy(entry->names, old->names, (size_t)(end - old->names));
    entry->name_count = old->name_count;
    entry->kind = old->kind;
    entry->not_before = old->not_before;
    entry->not_after = old->not_after;
    entry->is_usable = true;
    entry->keeps_old = true;
}

/* Tries what is new before it is used: the few that a renewal brings, not a folder's whole load. */
static void try_new(struct cert_store *store, struct cert_index *index,
                    struct complaints *complaints, struct cert_loaded **loaded)
{
    size_t tried = 0;

    for (size_t i = 0; i < index->count; i++) {
        struct cert_entry *entry = index->entries[i];
        struct cert_entry *old;
        struct error error;
        char text[1200];

        if (!entry->is_new) {
            continue;
        }
        old = cert_index_entry(store->index, entry->files[CERT_FILE_CERTIFICATE]);
        complain_of(complaints, store, entry);
        if (entry->is_usable && tried < store->loaded_max) {
            tried++;
            loaded[i] = load(store, entry, &error);
            if (loaded[i] == NULL) {
                (void)snprintf(text, sizeof(text), "%s; %s", error.text,
                               old != NULL ? "the old certificate stays" : "it is not used yet");
                complain(complaints, text);
                entry->is_usable = false;
            }
        }
        if (!entry->is_usable && old != NULL && old->is_usable) {
            fall_back(entry, old);
        }
    }
}

static void move_loaded(struct cert_entry *from, struct cert_entry *to)
{
    to->loaded = from->loaded;
    to->loaded->entry = cert_entry_hold(to);
    from->loaded = NULL;
    cert_entry_release(from);
}

static void take_over(struct cert_store *store, struct cert_index *index,
                      struct cert_loaded **loaded)
{
    struct cert_index *old;

    (void)pthread_mutex_lock(&store->lock);
    old = store->index;
    store->index = index;
    for (size_t i = 0; i < old->count; i++) {
        struct cert_entry *entry = old->entries[i];
        struct cert_entry *now = cert_index_entry(index, entry->files[CERT_FILE_CERTIFICATE]);
        if (entry->loaded == NULL || entry == now) {
            continue;
        }
        if (now != NULL && now->keeps_old) {
            move_loaded(entry, now);
        } else {
            forget(store, entry->loaded);
        }
    }
    for (size_t i = 0; i < index->count; i++) {
        if (loaded[i] != NULL) {
            keep(store, index->entries[i], loaded[i]);
        }
    }
    (void)pthread_mutex_unlock(&store->lock);
    cert_index_destroy(old);
}

bool cert_store_refresh(struct cert_store *store, const struct cert_listener *listener,
                        struct error *error)
{
    /* Only this function replaces the index, and one thread calls it, so it may look without the
     * lock. */
    struct cert_index *index = cert_index_read(store->folder, store->index, error);
    struct complaints complaints = {listener, 0};
    struct cert_loaded **loaded;

    if (index == NULL) {
        return false;
    }
    if (index->added + index->changed + index->removed == 0) {
        cert_index_destroy(index);
        store->index->added = store->index->changed = store->index->removed = 0;
        return true;
    }
    loaded = xcalloc(index->count + 1, sizeof(struct cert_loaded *));
    try_new(store, index, &complaints, loaded);
    complain_in_all(&complaints, store->folder);
    cert_index_arrange(index);
    take_over(store, index, loaded);
    free(loaded);
    return true;
}

void cert_store_destroy(struct cert_store *store)
{
    struct list *node;

    if (store == NULL) {
        return;
    }
    while ((node = list_pop_front(&store->loaded)) != NULL) {
        forget(store, LIST_ENTRY(node, struct cert_loaded, node));
    }
    cert_index_destroy(store->index);
    (void)pthread_mutex_destroy(&store->lock);
    free(store->folder);
    free(store);
}

/* ---- questions ---- */

bool cert_store_is_file_name(const char *name)
{
    return cert_index_is_file_name(name);
}

struct cert_counts cert_store_counts(struct cert_store *store)
{
    struct cert_counts counts;

    (void)pthread_mutex_lock(&store->lock);
    counts =
        (struct cert_counts){store->index->usable, store->index->names.count, store->index->added,
                             store->index->changed, store->index->removed};
    (void)pthread_mutex_unlock(&store->lock);
    return counts;
}

bool cert_store_has(struct cert_store *store, struct span host)
{
    bool has;

    (void)pthread_mutex_lock(&store->lock);
    has = cert_index_has(store->index, host);
    (void)pthread_mutex_unlock(&store->lock);
    return has;
}

size_t cert_store_loaded(struct cert_store *store)
{
    size_t count;

    (void)pthread_mutex_lock(&store->lock);
    count = store->loaded_count;
    (void)pthread_mutex_unlock(&store->lock);
    return count;
}

static void tell_finding(void *arg, bool is_error, const char *text, const char *hint)
{
    const struct cert_listener *listener = arg;
    char whole[1400];

    (void)snprintf(whole, sizeof(whole), "%s%s%s%s", text, hint != NULL ? "; " : "",
                   hint != NULL ? hint : "", is_error ? ": it is not used" : "");
    listener->complain(listener->arg, whole);
}

static void check_entry(const struct cert_store *store, const struct cert_entry *entry, int64_t now,
                        unsigned soon_days, const struct cert_listener *listener)
{
    const char *key_file = entry->files[CERT_FILE_KEY];
    char *path = path_of(store, entry->files[CERT_FILE_CERTIFICATE]);
    char *key_path =
        path_of(store, key_file != NULL ? key_file : entry->files[CERT_FILE_CERTIFICATE]);
    struct error error;
    struct certificate *certificate = certificate_load(path, &error);

    if (certificate == NULL) {
        tell_finding((void *)(uintptr_t)listener, true, error.text, NULL);
    } else {
        if (!certificate_matches_key(certificate, key_path, &error)) {
            tell_finding((void *)(uintptr_t)listener, true, error.text, NULL);
        }
        cert_check_own(certificate, CERT_FOR_CLIENTS, now, soon_days,
                       &(struct cert_findings){tell_finding, (void *)(uintptr_t)listener});
    }
    certificate_destroy(certificate);
    free(path);
    free(key_path);
    ERR_clear_error();
}

void cert_store_check(struct cert_store *store, int64_t now, unsigned soon_days,
                      const struct cert_listener *listener)
{
    for (size_t i = 0; i < store->index->count; i++) {
        if (store->index->entries[i]->is_usable) {
            check_entry(store, store->index->entries[i], now, soon_days, listener);
        }
    }
}

void cert_store_each(struct cert_store *store, tls_list_fn *each, void *arg)
{
    (void)pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < store->index->count; i++) {
        const struct cert_entry *entry = store->index->entries[i];
        if (entry->is_usable) {
            each(arg,
                 &(struct tls_listed_certificate){entry->files[CERT_FILE_CERTIFICATE], entry->names,
                                                  entry->not_before, entry->not_after});
        }
    }
    (void)pthread_mutex_unlock(&store->lock);
}

size_t cert_store_unreadable(struct cert_store *store, uint32_t user, uint32_t group, char *path,
                             size_t size)
{
    struct file_stamp of_folder = file_opener_stamp(store->folder);
    size_t count = 0;

    if (!file_stamp_enterable_by(&of_folder, user, group)) {
        (void)snprintf(path, size, "%s", store->folder);
        return store->index->usable;
    }
    for (size_t i = 0; i < store->index->count; i++) {
        const struct cert_entry *entry = store->index->entries[i];
        enum cert_file which =
            entry->files[CERT_FILE_KEY] != NULL ? CERT_FILE_KEY : CERT_FILE_CERTIFICATE;
        if (entry->is_usable && !file_stamp_readable_by(&entry->stamps[which], user, group) &&
            count++ == 0) {
            (void)snprintf(path, size, "%s/%s", store->folder, entry->files[which]);
        }
    }
    return count;
}

/* ---- connections ---- */

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
    loaded = load(store, entry, error);
    (void)pthread_mutex_lock(&store->lock);
    free(entry->trouble);
    entry->trouble = loaded == NULL ? xstrdup(error->text) : NULL;
    entry->try_again = (int64_t)time(NULL) + TRY_AGAIN_S;
    if (loaded != NULL) {
        (void)atomic_fetch_add_explicit(&loaded->references, 1, memory_order_relaxed);
        keep(store, entry, loaded);
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
            loaded_release(offer->of_kind[k]);
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
    bool ok = true;

    for (size_t k = 0; k < CERT_KIND_COUNT; k++) {
        ok = ok && (offer->of_kind[k] == NULL || identity_give(offer->of_kind[k]->identity, ssl));
    }
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
    int64_t now = (int64_t)time(NULL);
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
    struct cert_ranking ranking;
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

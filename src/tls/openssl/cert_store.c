#include "tls/cert_store.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_opener.h"
#include "base/log.h"
#include "tls/cert_check.h"
#include "tls/cert_listing.h"
#include "tls/certificate.h"
#include "tls/openssl/cert_store_internal.h"
#include "tls/openssl/ocsp_staple_internal.h"
#include "tls/private_key.h"

static char *path_of(const struct cert_store *store, const char *file)
{
    size_t size = strlen(store->folder) + strlen(file) + 2;
    char *path = xmalloc(size);

    (void)snprintf(path, size, "%s/%s", store->folder, file);
    return path;
}

/* ---- loading ---- */

void cert_loaded_release(struct cert_loaded *loaded)
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

static void say_stapled(enum ocsp_stapled stapled, const struct error *warning)
{
    static __thread struct log_limiter limiter; /* clients cause loads */

    if (stapled != OCSP_STAPLED_NEW) {
        log_limited(&limiter, LOG_LEVEL_WARN, "%s; %s", warning->text,
                    stapled == OCSP_STAPLED_BEFORE ? "the response before is sent while it holds"
                                                   : "handshakes go on without a response");
    }
}

/* ocsp_path NULL: there is no file with a response. before NULL: it comes in nobody's place. */
static void staple(const struct cert_store *store, const struct certificate *certificate,
                   const char *ocsp_path, const struct identity *before)
{
    static __thread struct log_limiter limiter;
    struct error warning;

    if (ocsp_path != NULL) {
        enum ocsp_stapled stapled = ocsp_staple_attach(
            certificate, ocsp_path, before != NULL ? before->leaf : NULL, &warning);
        say_stapled(stapled, &warning);
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

struct cert_loaded *cert_store_load(const struct cert_store *store, const struct cert_entry *entry,
                                    const struct identity *before, struct error *error)
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
        identity =
            identity_load(certificate, key_path != NULL ? key_path : path, store->signer, error);
    }
    if (identity != NULL) {
        loaded = loaded_create(identity);
        staple(store, certificate, ocsp_path, before);
    }
    certificate_destroy(certificate);
    free(path);
    free(key_path);
    free(ocsp_path);
    ERR_clear_error();
    return loaded;
}

/* What is loaded of an entry; to be released; NULL: nothing. */
static struct identity *hold_loaded(struct cert_store *store, const struct cert_entry *entry)
{
    struct identity *identity = NULL;

    (void)pthread_mutex_lock(&store->lock);
    if (entry->loaded != NULL) {
        identity = identity_hold(entry->loaded->identity);
    }
    (void)pthread_mutex_unlock(&store->lock);
    return identity;
}

/* The certificate of before with the file's response as it is now; NULL: that is not new. */
static struct cert_loaded *load_response(const struct cert_store *store,
                                         const struct cert_entry *entry,
                                         const struct cert_entry *old,
                                         const struct identity *before)
{
    enum ocsp_stapled stapled;
    struct identity *identity;
    struct error warning;
    int64_t until;
    char *path;

    if (before == NULL || entry->files[CERT_FILE_OCSP] == NULL ||
        file_stamp_equal(&entry->stamps[CERT_FILE_OCSP], &old->stamps[CERT_FILE_OCSP])) {
        return NULL;
    }
    path = path_of(store, entry->files[CERT_FILE_OCSP]);
    identity = identity_restaple(before, path, &stapled, &until, &warning);
    say_stapled(stapled, &warning);
    free(path);
    return loaded_create(identity);
}

/* ---- the list of loaded ones, under the lock ---- */

static void forget(struct cert_store *store, struct cert_loaded *loaded)
{
    list_remove(&loaded->node);
    store->loaded_count--;
    loaded->entry->loaded = NULL;
    cert_entry_release(loaded->entry);
    cert_loaded_release(loaded);
}

void cert_store_keep(struct cert_store *store, struct cert_entry *entry, struct cert_loaded *loaded)
{
    if (entry->loaded != NULL) {
        cert_loaded_release(loaded); /* another thread was faster */
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

/* old NULL: it is a new file. */
static void complain_of(struct complaints *complaints, const struct cert_store *store,
                        const struct cert_entry *entry, const struct cert_entry *old)
{
    const char *result =
        old != NULL && old->is_usable ? "the old certificate stays" : "it is not used";
    char text[1400];

    if (entry->explanation != NULL) {
        (void)snprintf(text, sizeof(text), "%s; %s", entry->explanation, result);
        complain(complaints, text);
    } else if (entry->complaint != NULL) {
        (void)snprintf(text, sizeof(text), "'%s/%s' %s: %s", store->folder,
                       entry->files[CERT_FILE_CERTIFICATE], entry->complaint, result);
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
    atomic_init(&store->references, 1);
    store->folder = xstrdup(folder);
    store->loaded_max = loaded_max;
    store->index = index;
    list_init(&store->loaded);
    CHECK(pthread_mutex_init(&store->lock, NULL) == 0);
    for (size_t i = 0; i < index->count; i++) {
        complain_of(&complaints, store, index->entries[i], NULL);
    }
    complain_in_all(&complaints, folder);
    return store;
}

void cert_store_fetch_ocsp(struct cert_store *store, struct ocsp_registry *registry,
                           enum ocsp_fetch_policy when)
{
    store->ocsp = registry;
    store->ocsp_fetch = when;
}

void cert_store_sign_with(struct cert_store *store, struct signer *signer)
{
    store->signer = signer;
}

bool cert_store_has_signer(const struct cert_store *store)
{
    return store->signer != NULL;
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

/* old NULL: it is a new file. */
static struct cert_loaded *try_entry(struct cert_store *store, struct cert_entry *entry,
                                     const struct cert_entry *old, const struct identity *before,
                                     bool may_load, struct complaints *complaints)
{
    struct cert_loaded *loaded = NULL;
    struct error error;
    char text[1200];

    complain_of(complaints, store, entry, old);
    if (entry->is_usable && may_load) {
        loaded = cert_store_load(store, entry, before, &error);
        if (loaded == NULL) {
            (void)snprintf(text, sizeof(text), "%s; %s", error.text,
                           old != NULL ? "the old certificate stays" : "it is not used yet");
            complain(complaints, text);
            entry->is_usable = false;
        }
    }
    if (!entry->is_usable && old != NULL && old->is_usable) {
        fall_back(entry, old);
        loaded = load_response(store, entry, old, before);
    }
    return loaded;
}

/* Tries what is new before it is used: the few that a renewal brings, not a folder's whole load. */
static void try_new(struct cert_store *store, struct cert_index *index,
                    struct complaints *complaints, struct cert_loaded **loaded)
{
    size_t tried = 0;

    for (size_t i = 0; i < index->count; i++) {
        struct cert_entry *entry = index->entries[i];
        const struct cert_entry *old;
        struct identity *before;

        if (!entry->is_new) {
            continue;
        }
        old = cert_index_entry(store->index, entry->files[CERT_FILE_CERTIFICATE]);
        before = old != NULL ? hold_loaded(store, old) : NULL;
        loaded[i] = try_entry(store, entry, old, before, tried < store->loaded_max, complaints);
        tried += entry->is_usable ? 1 : 0;
        identity_release(before);
    }
}

static void move_loaded(struct cert_entry *from, struct cert_entry *to)
{
    to->loaded = from->loaded;
    to->loaded->entry = cert_entry_hold(to);
    from->loaded = NULL;
    cert_entry_release(from);
}

/* Whether something was loaded for an entry, if only a response. */
static bool has_new(const struct cert_index *index, struct cert_loaded *const *loaded,
                    const struct cert_entry *entry)
{
    for (size_t i = 0; i < index->count; i++) {
        if (index->entries[i] == entry) {
            return loaded[i] != NULL;
        }
    }
    return false;
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
        if (now != NULL && now->keeps_old && !has_new(index, loaded, now)) {
            move_loaded(entry, now);
        } else {
            forget(store, entry->loaded);
        }
    }
    for (size_t i = 0; i < index->count; i++) {
        if (loaded[i] != NULL) {
            cert_store_keep(store, index->entries[i], loaded[i]);
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

struct cert_store *cert_store_hold(struct cert_store *store)
{
    (void)atomic_fetch_add_explicit(&store->references, 1, memory_order_relaxed);
    return store;
}

void cert_store_destroy(struct cert_store *store)
{
    struct list *node;

    if (store == NULL ||
        atomic_fetch_sub_explicit(&store->references, 1, memory_order_acq_rel) != 1) {
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
    return cert_listing_is_file_name(name);
}

bool cert_store_may_hold_key(const char *name)
{
    return cert_listing_may_hold_key(name);
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
        if (!private_key_fits(key_path, certificate, &error)) {
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
            each(arg, &(struct tls_listed_certificate){entry->files[CERT_FILE_CERTIFICATE],
                                                       entry->names, entry->not_before,
                                                       entry->not_after, TLS_LISTED_CERTIFICATE});
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

#include "tls/cert_store.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "tls/cert_index.h"
#include "tls/certificate.h"
#include "tls/ocsp_staple.h"
#include "tls/private_key.h"

/* A certificate in use, with its key. Connections have references of their own to the library's
 * objects. */
struct cert_loaded {
    atomic_uint references; /* the store's, and of workers that are just handing it out */
    struct list node;       /* in the store's list, most recently used first */
    struct cert_entry *entry;
    X509 *leaf;
    STACK_OF(X509) * chain; /* without the leaf */
    EVP_PKEY *key;
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
    X509_free(loaded->leaf);
    sk_X509_pop_free(loaded->chain, X509_free);
    EVP_PKEY_free(loaded->key);
    free(loaded);
}

static struct cert_loaded *loaded_create(const struct certificate *certificate, EVP_PKEY *key)
{
    struct cert_loaded *loaded = xcalloc(1, sizeof(*loaded));

    atomic_init(&loaded->references, 1);
    list_init(&loaded->node);
    loaded->key = key;
    loaded->leaf = certificate_x509(certificate, 0);
    loaded->chain = sk_X509_new_null();
    CHECK(loaded->chain != NULL && X509_up_ref(loaded->leaf) == 1);
    for (size_t i = 1; i < certificate_chain_length(certificate); i++) {
        X509 *next = certificate_x509(certificate, i);
        CHECK(X509_up_ref(next) == 1 && sk_X509_push(loaded->chain, next) > 0);
    }
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
    EVP_PKEY *key = NULL;

    if (certificate != NULL && certificate_check_strength(certificate, error)) {
        key = private_key_load(key_path != NULL ? key_path : path, certificate, error);
    }
    if (key != NULL) {
        loaded = loaded_create(certificate, key);
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
    has = cert_index_find(store->index, host) != NULL;
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

size_t cert_store_unreadable(struct cert_store *store, uint32_t user, uint32_t group, char *path,
                             size_t size)
{
    struct file_stamp of_folder = file_stamp_take(store->folder);
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

static bool give(SSL *ssl, const struct cert_loaded *loaded)
{
    return SSL_use_cert_and_key(ssl, loaded->leaf, loaded->key, loaded->chain, 1) == 1;
}

/* Gives it what is loaded of one entry, or loads it first. */
static bool use_entry(struct cert_store *store, SSL *ssl, struct cert_entry *entry,
                      struct error *error)
{
    struct cert_loaded *loaded;
    bool ok;

    (void)pthread_mutex_lock(&store->lock);
    loaded = entry->loaded;
    if (loaded != NULL) {
        (void)atomic_fetch_add_explicit(&loaded->references, 1, memory_order_relaxed);
        list_remove(&loaded->node);
        list_push_front(&store->loaded, &loaded->node);
    }
    (void)pthread_mutex_unlock(&store->lock);
    if (loaded == NULL) {
        loaded = load(store, entry, error);
        if (loaded == NULL) {
            return false;
        }
        (void)atomic_fetch_add_explicit(&loaded->references, 1, memory_order_relaxed);
        (void)pthread_mutex_lock(&store->lock);
        keep(store, entry, loaded);
        (void)pthread_mutex_unlock(&store->lock);
    }
    ok = give(ssl, loaded);
    loaded_release(loaded);
    ERR_clear_error();
    return ok || error_set(error, "the TLS library does not take '%s/%s'", store->folder,
                           entry->files[CERT_FILE_CERTIFICATE]);
}

bool cert_store_use(struct cert_store *store, SSL *ssl, struct span host, struct error *error)
{
    struct cert_entry *entries[CERT_KIND_COUNT] = {NULL};
    const struct cert_choice *choice;
    size_t used = 0;

    (void)pthread_mutex_lock(&store->lock);
    choice = cert_index_find(store->index, host);
    for (size_t i = 0; choice != NULL && i < CERT_KIND_COUNT; i++) {
        entries[i] = choice->of_kind[i] != NULL ? cert_entry_hold(choice->of_kind[i]) : NULL;
    }
    (void)pthread_mutex_unlock(&store->lock);
    (void)error_set(error, "'%s' has no certificate for the name", store->folder);
    for (size_t i = 0; i < CERT_KIND_COUNT; i++) {
        if (entries[i] != NULL) {
            used += use_entry(store, ssl, entries[i], error) ? 1 : 0;
            (void)pthread_mutex_lock(&store->lock);
            cert_entry_release(entries[i]);
            (void)pthread_mutex_unlock(&store->lock);
        }
    }
    return used != 0;
}

#include "upstream/endpoint.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/session_slot.h"
#include "upstream/server_changes.h"

#define BUCKETS 256

/* Of the process. Taken when configurations come and go, and when workers begin and end; never at a
 * request. */
static struct {
    pthread_mutex_t lock;
    struct list buckets[BUCKETS]; /* next NULL: nothing was ever in it */
    struct list loads[BUCKETS];   /* the same */
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- by key ---- */

static uint32_t add_text(uint32_t hash, const char *text)
{
    for (const char *at = text != NULL ? text : ""; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 16777619u; /* FNV-1a */
    }
    return hash;
}

static struct list *in_order(struct list *bucket)
{
    if (bucket->next == NULL) {
        list_init(bucket);
    }
    return bucket;
}

static uint32_t hash_of_address(const struct endpoint_key *key)
{
    return add_text(2166136261u ^ key->port, key->host);
}

static struct list *bucket_of(const struct endpoint_key *key)
{
    return in_order(&registry.buckets[add_text(hash_of_address(key), key->tls_name) % BUCKETS]);
}

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same_key(const struct endpoint_key *a, const struct endpoint_key *b)
{
    return a->is_unix == b->is_unix && a->port == b->port && a->protocol == b->protocol &&
           is_same(a->host, b->host) && is_same(a->tls_name, b->tls_name) &&
           is_same(a->identity, b->identity) && is_same(a->trust, b->trust) &&
           is_same(a->asked_for, b->asked_for) && is_same(a->check, b->check) &&
           health_terms_are_same(&a->health, &b->health);
}

static const char *copy(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

/* ---- what an address carries; both with the lock ---- */

static struct endpoint_load *load_take(const struct endpoint_key *key)
{
    struct list *bucket = in_order(&registry.loads[hash_of_address(key) % BUCKETS]);
    struct endpoint_load *load;

    LIST_FOR_EACH(node, bucket)
    {
        load = LIST_ENTRY(node, struct endpoint_load, node);
        if (load->port == key->port && load->is_unix == key->is_unix &&
            is_same(load->host, key->host)) {
            load->uses++;
            return load;
        }
    }
    load = xcalloc(1, sizeof(*load));
    load->uses = 1;
    load->host = copy(key->host);
    load->is_unix = key->is_unix;
    load->port = key->port;
    list_push_back(bucket, &load->node);
    return load;
}

static void load_release(struct endpoint_load *load)
{
    if (--load->uses == 0) {
        list_remove(&load->node);
        free((char *)(uintptr_t)load->host);
        free(load);
    }
}

/* ---- one ---- */

/* With the lock. */
static struct endpoint *create(const struct endpoint_key *key)
{
    struct endpoint *endpoint = xcalloc(1, sizeof(*endpoint));

    endpoint->key = (struct endpoint_key){
        .host = copy(key->host),
        .is_unix = key->is_unix,
        .port = key->port,
        .tls_name = copy(key->tls_name),
        .identity = copy(key->identity),
        .trust = copy(key->trust),
        .protocol = key->protocol,
        .asked_for = copy(key->asked_for),
        .check = copy(key->check),
        .health = key->health,
    };
    endpoint->load = load_take(key);
    health_init(&endpoint->health, &key->health);
    endpoint->sessions = key->trust != NULL ? session_slot_create() : NULL;
    list_init(&endpoint->shares);
    CHECK(pthread_mutex_init(&endpoint->lock, NULL) == 0);
    return endpoint;
}

static void destroy(struct endpoint *endpoint)
{
    CHECK(list_is_empty(&endpoint->shares));
    endpoint_drop_addresses(atomic_load_explicit(&endpoint->addresses, memory_order_relaxed));
    (void)pthread_mutex_destroy(&endpoint->lock);
    session_slot_destroy(endpoint->sessions);
    free((char *)(uintptr_t)endpoint->key.host);
    free((char *)(uintptr_t)endpoint->key.tls_name);
    free((char *)(uintptr_t)endpoint->key.identity);
    free((char *)(uintptr_t)endpoint->key.trust);
    free((char *)(uintptr_t)endpoint->key.asked_for);
    free((char *)(uintptr_t)endpoint->key.check);
    free(endpoint);
}

static struct endpoint *find(const struct list *bucket, const struct endpoint_key *key)
{
    LIST_FOR_EACH(node, bucket)
    {
        struct endpoint *endpoint = LIST_ENTRY(node, struct endpoint, node);
        if (is_same_key(&endpoint->key, key)) {
            return endpoint;
        }
    }
    return NULL;
}

struct endpoint *endpoint_take(const struct endpoint_key *key)
{
    struct sock_address address;
    bool is_known = key->is_unix ? sock_address_from_path(&address, key->host)
                                 : sock_address_from_ip(&address, key->host, key->port);
    struct endpoint *endpoint;

    if (key->is_unix && !is_known) {
        return NULL;
    }
    (void)pthread_mutex_lock(&registry.lock);
    struct list *bucket = bucket_of(key);
    endpoint = find(bucket, key);
    if (endpoint == NULL) {
        endpoint = create(key);
        endpoint->is_named = !is_known;
        if (is_known) {
            endpoint_publish(endpoint, &address, 1);
        }
        list_push_back(bucket, &endpoint->node);
    }
    endpoint->uses++;
    (void)pthread_mutex_unlock(&registry.lock);
    return endpoint;
}

struct endpoint *endpoint_create_alone(const struct endpoint_key *key)
{
    struct endpoint *endpoint;

    (void)pthread_mutex_lock(&registry.lock);
    endpoint = create(key);
    (void)pthread_mutex_unlock(&registry.lock);
    list_init(&endpoint->node);
    endpoint->uses = 1;
    return endpoint;
}

struct endpoint *endpoint_hold(struct endpoint *endpoint)
{
    (void)pthread_mutex_lock(&registry.lock);
    endpoint->uses++;
    (void)pthread_mutex_unlock(&registry.lock);
    return endpoint;
}

void endpoint_release(struct endpoint *endpoint)
{
    if (endpoint == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&registry.lock);
    CHECK(endpoint->uses > 0);
    bool is_last = --endpoint->uses == 0;
    if (is_last) {
        list_remove(&endpoint->node);
        load_release(endpoint->load);
    }
    (void)pthread_mutex_unlock(&registry.lock);
    if (is_last) {
        destroy(endpoint);
    }
}

/* ---- addresses ---- */

static bool are_same(const struct endpoint_addresses *a, const struct endpoint_addresses *b)
{
    return a != NULL && a->count == b->count && memcmp(a->items, b->items, sizeof(b->items)) == 0;
}

void endpoint_publish(struct endpoint *endpoint, const struct sock_address *items, size_t count)
{
    struct endpoint_addresses *fresh = xcalloc(1, sizeof(*fresh));
    struct endpoint_addresses *old;

    atomic_init(&fresh->uses, 1);
    fresh->count = count < ENDPOINT_ADDRESSES_MAX ? count : ENDPOINT_ADDRESSES_MAX;
    for (size_t i = 0; i < fresh->count; i++) {
        fresh->items[i].len = items[i].len;
        memcpy(&fresh->items[i].any, &items[i].any, items[i].len);
    }
    (void)pthread_mutex_lock(&endpoint->lock);
    old = atomic_load_explicit(&endpoint->addresses, memory_order_relaxed);
    if (are_same(old, fresh)) {
        old = fresh;
    } else {
        atomic_store_explicit(&endpoint->addresses, fresh, memory_order_release);
        server_changes_note();
    }
    (void)pthread_mutex_unlock(&endpoint->lock);
    endpoint_drop_addresses(old);
}

const struct endpoint_addresses *endpoint_hold_addresses(struct endpoint *endpoint)
{
    struct endpoint_addresses *addresses;

    (void)pthread_mutex_lock(&endpoint->lock);
    addresses = atomic_load_explicit(&endpoint->addresses, memory_order_relaxed);
    if (addresses != NULL) {
        (void)atomic_fetch_add_explicit(&addresses->uses, 1, memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&endpoint->lock);
    return addresses;
}

void endpoint_drop_addresses(const struct endpoint_addresses *addresses)
{
    struct endpoint_addresses *held = (struct endpoint_addresses *)(uintptr_t)addresses;

    if (held != NULL && atomic_fetch_sub_explicit(&held->uses, 1, memory_order_acq_rel) == 1) {
        free(held);
    }
}

/* ---- shares ---- */

static void add(struct endpoint_tally *tally, const struct endpoint_share *share)
{
    tally->leases += atomic_load_explicit(&share->leases, memory_order_relaxed);
    tally->served += atomic_load_explicit(&share->served, memory_order_relaxed);
    tally->errors += atomic_load_explicit(&share->errors, memory_order_relaxed);
    tally->failed += atomic_load_explicit(&share->failed, memory_order_relaxed);
    tally->timed += atomic_load_explicit(&share->timed, memory_order_relaxed);
    tally->latency_us += atomic_load_explicit(&share->latency_us, memory_order_relaxed);
}

void endpoint_join(struct endpoint *endpoint, struct endpoint_share *share)
{
    (void)pthread_mutex_lock(&registry.lock);
    list_push_back(&endpoint->shares, &share->node);
    (void)pthread_mutex_unlock(&registry.lock);
}

void endpoint_leave(struct endpoint *endpoint, struct endpoint_share *share)
{
    CHECK(atomic_load_explicit(&share->leases, memory_order_relaxed) == 0);
    (void)pthread_mutex_lock(&registry.lock);
    list_remove(&share->node);
    add(&endpoint->gone, share);
    latency_add(&endpoint->gone_latency, &share->latency);
    (void)pthread_mutex_unlock(&registry.lock);
}

struct endpoint_tally endpoint_tally(struct endpoint *endpoint)
{
    struct endpoint_tally tally;

    (void)pthread_mutex_lock(&registry.lock);
    tally = endpoint->gone;
    LIST_FOR_EACH(node, &endpoint->shares)
    {
        add(&tally, LIST_ENTRY(node, struct endpoint_share, node));
    }
    (void)pthread_mutex_unlock(&registry.lock);
    return tally;
}

void endpoint_latency(struct endpoint *endpoint, struct latency_sum *sum)
{
    (void)pthread_mutex_lock(&registry.lock);
    latency_add_sum(sum, &endpoint->gone_latency);
    LIST_FOR_EACH(node, &endpoint->shares)
    {
        latency_add(sum, &LIST_ENTRY(node, struct endpoint_share, node)->latency);
    }
    (void)pthread_mutex_unlock(&registry.lock);
}

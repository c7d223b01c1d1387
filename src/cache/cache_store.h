/* Stored responses of all routes, shared by all workers, and who fetches what just now.
 *
 * In shards by the URL, each with a lock that is held for the look at one URL's few entries, never
 * while anything is copied or waited for. Entries are immutable and counted (cache_entry.h).
 *
 * Memory is bounded: what all entries take together (those that have been taken out, but are still
 * being sent, too) and half as much again of bodies that are on their way in. What is taken out
 * first is decided by S3-FIFO (Yang et al., SOSP 2023): what was asked for once goes by a short
 * queue, what was asked for again stays in a long one, and what came back soon goes there at once.
 *
 * Of those that ask the same at once, one leads a flight: it fetches, the others wait for its end.
 * Wakers are called without a lock, on the thread of whoever ends the flight. */
#ifndef TIDEGATE_CACHE_CACHE_STORE_H
#define TIDEGATE_CACHE_CACHE_STORE_H

#include "cache/cache_entry.h"

struct cache_store;
struct cache_flight;

/* One reference. A store lives through reloads. */
struct cache_store *cache_store_create(uint64_t limit_bytes);
struct cache_store *cache_store_hold(struct cache_store *store);
void cache_store_release(struct cache_store *store); /* NULL is allowed */
void cache_store_set_limit(struct cache_store *store, uint64_t limit_bytes);

enum cache_flight_end {
    CACHE_FLIGHT_STORED,
    CACHE_FLIGHT_NOTHING, /* the response is not one to be stored: everybody asks by himself */
    CACHE_FLIGHT_LEFT     /* whoever fetched it has gone: another one may */
};

/* Its owner's; it waits until `wake`, or until cache_store_leave has said that it did. */
struct cache_waiter {
    struct list node;
    struct cache_flight *flight; /* under the store's lock; NULL: it waits no more */
    uint64_t hash;
    void (*wake)(struct cache_waiter *waiter, enum cache_flight_end how);
};

enum cache_found {
    CACHE_FOUND, /* *entry answers it; with *flight it is stale, and to be asked for again */
    CACHE_LEAD,  /* *flight is the caller's to fetch; *entry, if not NULL, is to be validated */
    CACHE_WAITS, /* the waiter does */
    CACHE_PASS   /* ask a server, and nobody waits for it; *entry as with CACHE_LEAD */
};
struct cache_find {
    const struct cache_key *key;
    const struct http_request *request; /* as it will be sent */
    bool may_fetch;                     /* its response could be stored: else FOUND or PASS */
    struct cache_waiter *waiter;        /* NULL: it does not wait */
    uint64_t now_us;                    /* monotonic */
};
/* *entry has a reference for the caller. */
enum cache_found cache_store_find(struct cache_store *store, const struct cache_find *find,
                                  struct cache_entry **entry,
                                  struct cache_flight **flight) MUST_CHECK;
/* Ends a flight; its waiters are woken. Once for each. */
void cache_flight_end(struct cache_store *store, struct cache_flight *flight,
                      enum cache_flight_end how);
/* False: it does not wait, as `wake` was called, or is being called. */
bool cache_store_leave(struct cache_store *store, struct cache_waiter *waiter) MUST_CHECK;

/* How things stand with a URL, before it is asked for: what is stored of it later was asked for
 * before something changed if this is another one then. */
uint64_t cache_store_stamp(struct cache_store *store, struct span url) MUST_CHECK;
/* Takes the reference. Replaces what was like it. Nothing where the stamp is an old one. */
void cache_store_put(struct cache_store *store, struct cache_entry *entry, uint64_t stamp);

/* So many bytes of a body that is to be stored. False: too many are on their way. */
bool cache_store_reserve(struct cache_store *store, size_t bytes) MUST_CHECK;
void cache_store_unreserve(struct cache_store *store, size_t bytes);

/* Each returns how many responses were taken out. By URL: all routes', all variants. */
uint64_t cache_store_purge_url(struct cache_store *store, struct span url);
uint64_t cache_store_purge_tag(struct cache_store *store, struct span tag);
uint64_t cache_store_purge_all(struct cache_store *store);

struct cache_counts {
    uint64_t entries;
    uint64_t bytes;
    uint64_t limit_bytes;
    uint64_t hits;
    uint64_t stale_hits;
    uint64_t misses;
    uint64_t waits;
    uint64_t stored;
    uint64_t evicted;
    uint64_t purged;
};
void cache_store_counts(struct cache_store *store, struct cache_counts *counts);

#endif

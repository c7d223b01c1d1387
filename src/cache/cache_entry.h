/* A stored response: immutable once made, counted, read by any thread. Its body has a count of its
 * own, as a response that was validated (304) is another entry with the same body. */
#ifndef TIDEGATE_CACHE_CACHE_ENTRY_H
#define TIDEGATE_CACHE_CACHE_ENTRY_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/list.h"
#include "cache/cache_rules.h"
#include "http/message.h"

/* By what a stored response is found: the URL, and what else the configuration tells requests by.
 * Spans are the caller's. */
struct cache_key {
    struct span url;  /* "https://shop.example/a?b": also that of purges and of unsafe methods */
    struct span rest; /* the route, and texts of `key` */
};

struct cache_body {
    atomic_uint references;
    size_t len;
    char bytes[];
};
/* With room for `len` bytes, and one reference. */
struct cache_body *cache_body_make(size_t len);
void cache_body_release(struct cache_body *body); /* NULL is allowed */

/* Vary: at most so many names, and bytes of the request's values for them; more is not stored. */
#define CACHE_VARY_MAX 8
#define CACHE_VARY_BYTES_MAX ((size_t)4096)

struct cache_entry {
    struct cache_key key;
    /* What the response's Vary names, and the request that it answers had for it. */
    struct cache_vary {
        struct span name;
        struct span value; /* in the form in which they are compared */
    } vary[CACHE_VARY_MAX];
    size_t vary_count;
    unsigned status; /* 0: it only says that there is nothing to be stored, until `until_us` */
    const struct http_field *fields;
    size_t field_count;
    struct cache_body *body; /* NULL: none */
    struct cache_life life;
    uint64_t since_us; /* monotonic: it came, or was last validated */
    uint64_t until_us;
    size_t bytes; /* that it takes, with its body */

    /* The store's own, under its locks. */
    struct cache_entry *next;
    struct list queue;
    uint64_t hash;
    bool is_linked;
    bool is_often;
    atomic_uchar uses;
    atomic_uint references;
    atomic_uint_least64_t *sum; /* of the store: less by `bytes` when it goes */
};

/* From the message that was received, whose fields that may not be kept are left out. request: as
 * it was sent. body: a reference is taken; NULL: none. NULL: its Vary is too much. One reference.
 */
struct cache_entry *cache_entry_make(const struct cache_key *key,
                                     const struct http_request *request,
                                     const struct http_response *response, struct cache_body *body,
                                     const struct cache_life *life, uint64_t now_us);
/* One of no response: those that ask the same go to servers by themselves, until then. */
struct cache_entry *cache_entry_make_marker(const struct cache_key *key, uint64_t until_us);
/* What `old` is with the fields of a 304 that has said that it is current (section 4.3.4); in the
 * arena. And the entry of that, with the same body. */
void cache_entry_merge(const struct cache_entry *old, const struct http_response *not_modified,
                       struct arena *arena, struct http_response *merged);
struct cache_entry *cache_entry_freshen(const struct cache_entry *old,
                                        const struct http_response *merged,
                                        const struct cache_life *life, uint64_t now_us);
struct cache_entry *cache_entry_hold(struct cache_entry *entry);
void cache_entry_release(struct cache_entry *entry); /* NULL is allowed */

/* Whether it answers such a request, as far as Vary goes. */
bool cache_entry_fits(const struct cache_entry *entry,
                      const struct http_request *request) MUST_CHECK;
/* Both are of one key, and of requests that Vary does not tell apart. */
bool cache_entry_is_like(const struct cache_entry *a, const struct cache_entry *b) MUST_CHECK;
/* Whether Cache-Tag (a list) or Surrogate-Key (words) has the tag. */
bool cache_entry_has_tag(const struct cache_entry *entry, struct span tag) MUST_CHECK;
/* Its fields as a message has them; the texts stay its own. */
void cache_entry_fields(const struct cache_entry *entry, struct arena *arena,
                        struct http_fields *fields);
static inline int64_t cache_entry_resident_ms(const struct cache_entry *entry, uint64_t now_us)
{
    return now_us > entry->since_us ? (int64_t)((now_us - entry->since_us) / 1000) : 0;
}
static inline struct span cache_entry_body(const struct cache_entry *entry)
{
    return entry->body != NULL ? span_make(entry->body->bytes, entry->body->len) : SPAN_OF("");
}

#endif

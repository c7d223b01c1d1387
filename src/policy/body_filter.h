/* Body filters: what a message's body goes through on its way, piece by piece.
 *
 *   body_chain_push --> filter 1 --body_filter_give--> filter 2 --> ... --> the chain's sink
 *
 * A filter takes each piece at once: it gives on what comes of it now, and may hold the rest, which
 * it gives on with a later piece, a flush or the end. A chain that holds BODY_CHAIN_HELD_MAX is
 * flushed by itself, so what it keeps is bounded whatever is sent. Where there is a chain no bytes
 * go past it: no splice, no sendfile.
 *
 * A filter sees the head first, before it is sent, and may change it (a length that will not be
 * right any more) or refuse it. What it needs is in the message's arena. A chain without filters
 * costs nothing and may be all zeros. One thread only. */
#ifndef TIDEGATE_POLICY_BODY_FILTER_H
#define TIDEGATE_POLICY_BODY_FILTER_H

#include "base/arena.h"
#include "base/trouble.h"
#include "http/message.h"

/* Held by all filters of a chain: it is flushed then. */
#define BODY_CHAIN_HELD_MAX (64 * 1024)

struct body_filter;
struct body_chain;

struct body_filter_type {
    const char *name; /* its directive's */
    /* False here and below: body_filter_fail was called. NULL where nothing is to be done. */
    bool (*head)(struct body_filter *filter, struct http_response *response);
    bool (*push)(struct body_filter *filter, struct span bytes);
    /* The last byte has come; what is held goes on. */
    bool (*end)(struct body_filter *filter);
    /* What is held goes on as far as it can be used: it is too much, or whoever reads an event
     * stream waits for it. */
    bool (*flush)(struct body_filter *filter);
    /* Bytes that were taken and not given on; NULL: always 0. */
    size_t (*held)(const struct body_filter *filter);
};

/* Embedded as the first member of a filter's own struct, in the arena. */
struct body_filter {
    const struct body_filter_type *type;
    struct body_filter *next;
    struct body_chain *chain;
};

/* What a route has of one: makes the filter of one message. Lives as long as the snapshot. */
struct body_filter_maker {
    /* NULL: nothing to be done with this message. */
    struct body_filter *(*make)(const void *settings, const struct http_response *response,
                                struct arena *arena);
    const void *settings;
};

/* A route's. Zero-initialised: none. */
struct body_filter_list {
    const struct body_filter_maker *items;
    size_t count;
};

struct body_chain {
    struct body_filter *first; /* NULL: none, and nothing else of it is used */
    void (*sink)(void *owner, struct span bytes);
    void *owner;
    bool has_failed;
    struct trouble failure; /* static, or in the arena */
};

static inline bool body_chain_is_empty(const struct body_chain *chain)
{
    return chain->first == NULL;
}

/* Makes the filters of a message whose head has come and whose body will, and shows them the head.
 * False: has_failed, see `failure`. */
bool body_chain_init(struct body_chain *chain, const struct body_filter_list *list,
                     struct http_response *response, struct arena *arena,
                     void (*sink)(void *owner, struct span bytes), void *owner) MUST_CHECK;
/* One more, behind the others: for filters that look at a head which the others are done with. */
void body_chain_add(struct body_chain *chain, struct body_filter *filter);
/* False from then on: it has failed. `bytes` are used before it returns. */
bool body_chain_push(struct body_chain *chain, struct span bytes) MUST_CHECK;
bool body_chain_end(struct body_chain *chain) MUST_CHECK;
bool body_chain_flush(struct body_chain *chain) MUST_CHECK;
size_t body_chain_held(const struct body_chain *chain);

/* ---- for filters ---- */
/* To the next one, or out. */
bool body_filter_give(struct body_filter *filter, struct span bytes) MUST_CHECK;
/* For return. */
bool body_filter_fail(struct body_filter *filter, const struct trouble *failure);

#endif

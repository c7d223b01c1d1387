/* A response on its way into the cache, whoever asked for it: an exchange, or a refresh behind a
 * stale answer (cache_refresh.h). Embedded; zero-initialised it keeps nothing. One thread's. */
#ifndef TIDEGATE_GATEWAY_CACHE_KEEPER_H
#define TIDEGATE_GATEWAY_CACHE_KEEPER_H

#include "base/strbuf.h"
#include "cache/cache_store.h"

struct cache_keeper {
    struct cache_store *store;
    const struct cache_settings *settings;
    struct cache_key key;             /* texts of the arena */
    const struct http_request *asked; /* as it was sent */
    struct arena *arena;
    struct cache_flight *flight; /* its own, to be ended; NULL: none */
    struct cache_entry *stale;   /* held; NULL: none */
    bool has_credentials;        /* the gateway has asked who the client is */
    bool may_keep;
    bool is_validating; /* the request has the validators of `stale` */
    uint64_t stamp;
    uint64_t asked_us;
    /* From the head on. */
    bool is_keeping;
    struct http_response head; /* fields of its own, texts of the response's */
    struct cache_life life;
    struct strbuf body;
    size_t reserved;
    const char *why_not; /* of a response that is not kept; NULL: it is */
};

/* Before the request goes out: it asks whether `stale` is current, where that has validators. The
 * fields are added to. */
void cache_keeper_ask(struct cache_keeper *keeper, struct http_request *request, uint64_t now_us);

enum cache_keeper_head {
    CACHE_KEEPER_PASS,      /* it goes to whoever asked; perhaps it is kept */
    CACHE_KEEPER_VALIDATED, /* a 304: what is stale is current; cache_keeper_freshen at its end */
    CACHE_KEEPER_EXCUSE     /* an error, in whose place what is stale may be given */
};
/* The head has come, and nothing was done to it yet. */
enum cache_keeper_head cache_keeper_head(struct cache_keeper *keeper,
                                         const struct http_response *response,
                                         uint64_t now_us) MUST_CHECK;
void cache_keeper_body(struct cache_keeper *keeper, struct span bytes);
/* The response is whole: it is stored, if it was kept. has_trailers: it is not. */
void cache_keeper_end(struct cache_keeper *keeper, bool has_trailers, uint64_t now_us);
/* The entry that was validated: stored, and held for the caller. */
struct cache_entry *cache_keeper_freshen(struct cache_keeper *keeper, uint64_t now_us) MUST_CHECK;
/* Whether what is stale may be given in place of an error now. */
bool cache_keeper_excuses(const struct cache_keeper *keeper, uint64_t now_us) MUST_CHECK;
/* Whoever waits is told. May be called twice. */
void cache_keeper_land(struct cache_keeper *keeper, enum cache_flight_end how);
/* Nothing more comes: forgets all that it holds. May be called twice. */
void cache_keeper_reset(struct cache_keeper *keeper);

#endif

/* What a shared cache may keep, for how long, and when it may give it again (RFC 9111), with what
 * this one decides where the standard leaves it open: docs/cache.md tells people. Pure: no clock is
 * read, nothing is kept. */
#ifndef TIDEGATE_CACHE_CACHE_RULES_H
#define TIDEGATE_CACHE_CACHE_RULES_H

#include <time.h>

#include "cache/cache_control.h"
#include "edge/conditional.h"
#include "http/message.h"
#include "settings/settings.h"

/* What a request has to do with a cache. */
enum cache_asks {
    CACHE_ASKS_NOTHING, /* it goes by: nothing is looked up, nothing kept */
    CACHE_ASKS_STORED,  /* what is stored may answer it, but its response is not kept */
    CACHE_ASKS_ALL
};
/* As it is about to be sent to a server. *why: a word, of CACHE_ASKS_NOTHING. */
enum cache_asks cache_asks(const struct http_request *request, const char **why);

/* How long a response is good, in milliseconds. */
struct cache_life {
    int64_t age_ms;              /* when it came (section 4.2.3: corrected_initial_age) */
    int64_t fresh_ms;            /* of age; negative never */
    int64_t stale_revalidate_ms; /* beyond that, while it is asked for again; 0: not at all */
    int64_t stale_error_ms;      /* beyond that, in place of an error */
    bool must_ask;               /* no-cache: fresh or not, the server is asked each time */
};

/* What it came with. */
struct cache_facts {
    const struct http_request *request; /* as it was sent */
    const struct http_response *response;
    const struct cache_settings *settings;
    bool has_credentials; /* the gateway has asked who the client is */
    time_t now;           /* wall clock, when its head came */
    int64_t delay_ms;     /* since the request went out */
};
/* NULL: it may be kept, with *life. Else a word that says why not. */
const char *cache_refuses(const struct cache_facts *facts, struct cache_life *life) MUST_CHECK;

enum cache_use {
    CACHE_USE_FRESH,
    CACHE_USE_STALE, /* and it is to be asked for again */
    CACHE_USE_ASK    /* the server first */
};
/* resident_ms: since it came, or was last validated. */
enum cache_use cache_judge(const struct cache_life *life, int64_t resident_ms) MUST_CHECK;
bool cache_excuses_error(const struct cache_life *life, int64_t resident_ms) MUST_CHECK;
/* For Age, and the time that is left of its freshness, which may be negative, for Cache-Status. */
int64_t cache_age_s(const struct cache_life *life, int64_t resident_ms);
int64_t cache_left_s(const struct cache_life *life, int64_t resident_ms);

/* A status that stands for "no server can answer just now" (RFC 5861 section 4). */
bool cache_is_error(unsigned status);

/* ETag and Last-Modified of a stored response, for conditions. `date`: its own Date, 0: none. */
void cache_validators(const struct http_fields *fields, struct validators *validators);
/* Whether a field is stored (section 3.1), and whether one of a 304 takes the place of a stored one
 * (section 3.2). */
bool cache_keeps_field(const struct http_field *field) MUST_CHECK;
bool cache_updates_field(const struct http_field *field) MUST_CHECK;
/* Fields of which a 304 to a client consists (RFC 9110 section 15.4.5). */
bool cache_tells_not_modified(const struct http_field *field) MUST_CHECK;

#endif

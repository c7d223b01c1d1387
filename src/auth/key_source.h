/* Keys of an issuer that are fetched from its URL: what was fetched last and was right, when it is
 * to be fetched again, and who waits for that. One in the process for each URL and its authorities,
 * so that a reload, or an issuer that is down, loses no keys. From any thread.
 *
 *   (no keys) --fetched--> keys --`every`, or what Cache-Control says if less--> fetched again
 *       |                   |   `--a token names a key that is not there: once in `pause`
 *       `--failed: again after 1 s, 2 s, ... 60 s; keys that there are are used on
 *
 * Who fetches is auth/key_fetcher.h. */
#ifndef TIDEGATE_AUTH_KEY_SOURCE_H
#define TIDEGATE_AUTH_KEY_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/url.h"
#include "jose/jwk_set.h"
#include "policy/phase.h"

/* Requests that wait for one source's fetch; more of them are turned away. */
#define KEY_WAITERS_MAX 1024

struct key_source;

struct key_source_settings {
    const char *url;
    const char *ca; /* PEM file; NULL: the system's authorities */
    uint64_t timeout_ms;
    uint64_t every_ms;
    uint64_t pause_ms;
};

/* The one that there is, with these times from now on, or a new one. */
struct key_source *key_source_open(const struct key_source_settings *settings);
/* NULL is allowed. */
void key_source_close(struct key_source *source);
/* A reference for the caller; NULL: there were none yet. */
struct jwk_set *key_source_keys(struct key_source *source) MUST_CHECK;
/* What went wrong at the last fetch, into `problem`; false: nothing. */
bool key_source_problem(struct key_source *source, struct error *problem);

enum key_ask {
    KEYS_ASKED,   /* a ticket was taken: `act` follows, once there is an answer or none comes */
    KEYS_NEWER,   /* there are others than those of that number already */
    KEYS_NO_USE,  /* it was asked a moment ago, or nobody fetches here */
    KEYS_TOO_MANY /* wait already */
};
/* For a request that the keys of this number (0: none) do not help. */
enum key_ask key_source_ask(struct key_source *source, uint64_t number, struct phases *phases,
                            enum phase_verdict (*act)(struct phases *phases, void *arg)) MUST_CHECK;

/* ---- for the fetcher ---- */

struct key_fetch {
    struct key_source *source;
    struct url url;
    const char *ca;
    uint64_t timeout_ms;
};

/* poke: there may be something to fetch; called with no lock held that anything here takes. False:
 * nothing can be. NULL: nobody fetches from now on, and nobody is waited for. */
void key_source_watch(bool (*poke)(void *arg), void *arg);
/* The next one that is due, which is marked as being fetched. False: *wait_us until one is, or
 * UINT64_MAX. */
bool key_source_next(struct key_fetch *what, uint64_t *wait_us) MUST_CHECK;
/* It was fetched: `text` is a document, ptr NULL: `problem` says why there is none. max_age_s: what
 * its Cache-Control says; below 0: nothing. Whoever waits goes on. */
void key_source_done(struct key_source *source, struct span text, const char *problem,
                     int64_t max_age_s);

#endif

/* How much may come: rates of requests, requests at once, and clients that are kept off for what
 * they did. See settings.h. */
#ifndef TIDEGATE_SETTINGS_RATE_SETTINGS_H
#define TIDEGATE_SETTINGS_RATE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "settings/choices.h"
#include "settings/match_settings.h"
#include "settings/place.h"

/* At least one of `requests` and `at_once`. */
struct rate_settings {
    const char *name;  /* for people: as written, or made of where it stands */
    const char *by;    /* "address", "exact_address", or a text with variables */
    uint64_t requests; /* in `per`; 0: no rate */
    uint64_t per_ms;
    uint64_t burst; /* of `bucket`: at once; 0: as many as `requests` */
    enum rate_kind kind;
    uint64_t wait_ms;            /* what comes too early waits for as long; 0: it is refused */
    uint64_t at_once;            /* requests with the same key; 0: no limit */
    uint64_t queue;              /* of those that are too many, so many wait, each for wait_ms */
    uint64_t keys;               /* that are told apart; the least used ones are forgotten */
    struct match_settings *only; /* what it counts; NULL: all */
    bool fields;                 /* RateLimit and RateLimit-Policy */
    bool dry_run;
    struct place place;
};

/* Who is kept off, of all sites. */
struct ban_settings {
    const char *name;
    uint64_t after;        /* so many of these: */
    struct string_list of; /* "404", "4xx", "bad_request" */
    uint64_t within_ms;
    uint64_t for_ms;
    struct network_list except; /* clients */
    bool dry_run;
    struct place place;
};

#endif

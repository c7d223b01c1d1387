/* Documents of issuers that are fetched from a URL: what was fetched last and was right, when it is
 * to be fetched again, and who waits for that. One in the process for each kind, URL and its
 * authorities, so that a reload, or an issuer that is down, loses nothing. From any thread.
 *
 *   (none) --fetched--> object --`every`, or what Cache-Control says if less--> fetched again
 *       |                   |   `--a request that it does not help: once in `pause`
 *       `--failed: again after 1 s, 2 s, ... 60 s; what there is is used on
 *
 * Who fetches is auth/key_fetcher.h. */
#ifndef TIDEGATE_AUTH_FETCHED_H
#define TIDEGATE_AUTH_FETCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/url.h"
#include "policy/phase.h"

/* Requests that wait for one fetch; more of them are turned away. */
#define FETCHED_WAITERS_MAX 1024

struct fetched;

struct fetched_settings {
    const char *url;
    const char *ca; /* PEM file; NULL: the system's authorities */
    uint64_t timeout_ms;
    uint64_t every_ms;
    uint64_t pause_ms;
};

/* What is fetched. Objects are counted, and each has a number that no other of the process has. */
struct fetched_type {
    const char *what;    /* for messages: "keys" */
    const char *without; /* what comes of having none: "its tokens cannot be verified" */
    const char *accept;
    size_t bytes_max;
    /* NULL with an error. Of the source's thread, with no lock held. */
    void *(*parse)(const struct fetched_settings *settings, struct span text, struct error *error);
    void *(*hold)(void *object);
    void (*release)(void *object); /* NULL is allowed */
    uint64_t (*number)(const void *object);
};

/* The one that there is, with these times from now on, or a new one. */
struct fetched *fetched_open(const struct fetched_type *type,
                             const struct fetched_settings *settings);
/* NULL is allowed. */
void fetched_close(struct fetched *source);
/* A reference for the caller; NULL: there was none yet. */
void *fetched_hold(struct fetched *source) MUST_CHECK;
/* What went wrong at the last fetch, into `problem`; false: nothing. */
bool fetched_problem(struct fetched *source, struct error *problem);

enum fetched_ask {
    FETCHED_ASKED,   /* a ticket was taken: `act` follows, once there is an answer or none comes */
    FETCHED_NEWER,   /* there is another one than that of that number already */
    FETCHED_NO_USE,  /* it was asked a moment ago, or nobody fetches here */
    FETCHED_TOO_MANY /* wait already */
};
/* For a request that the object of this number (0: none) does not help. */
enum fetched_ask fetched_ask(struct fetched *source, uint64_t number, struct phases *phases,
                             enum phase_verdict (*act)(struct phases *phases,
                                                       void *arg)) MUST_CHECK;

/* ---- for the fetcher ---- */

struct fetched_job {
    struct fetched *source;
    const struct fetched_type *type;
    struct url url;
    const char *ca;
    uint64_t timeout_ms;
};

/* poke: there may be something to fetch; called with no lock held that anything here takes. False:
 * nothing can be. NULL: nobody fetches from now on, and nobody is waited for. */
void fetched_watch(bool (*poke)(void *arg), void *arg);
/* The next one that is due, which is marked as being fetched. False: *wait_us until one is, or
 * UINT64_MAX. */
bool fetched_next(struct fetched_job *job, uint64_t *wait_us) MUST_CHECK;
/* It was fetched: `text` is a document, ptr NULL: `problem` says why there is none. max_age_s: what
 * its Cache-Control says; below 0: nothing. Whoever waits goes on. */
void fetched_done(struct fetched *source, struct span text, const char *problem, int64_t max_age_s);

#endif

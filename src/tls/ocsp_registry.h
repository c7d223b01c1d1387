/* The certificates whose OCSP responses are fetched: which one is due, what came, and what is sent
 * to clients meanwhile. It does no I/O: certs/ocsp_fetcher asks what to fetch and brings back
 * what it got. Several objects of one certificate (two sites, or a context before and after its
 * files changed) are one subject, so that a response that is here stays in use without a gap.
 *
 *     join -> due -> in flight -> good: due again at half of its life
 *                              -> failed: due again soon, then less and less often
 *     leave (the last) -> kept for a while with its response, not fetched; join revives it
 *
 * Counted; functions may be called from any thread. Times are milliseconds since 1970, given by the
 * caller. */
#ifndef TIDEGATE_TLS_OCSP_REGISTRY_H
#define TIDEGATE_TLS_OCSP_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"
#include "base/url.h"

/* Fetches under way at a time, of all responders and of one (HOST:PORT): one that does not answer
 * holds up its own certificates alone. */
#define OCSP_FETCHES_MAX 16
#define OCSP_FETCHES_OF_RESPONDER 2
/* Subjects kept without a certificate in use. Clients decide which certificates of a folder come
 * and go; they must not decide how often an authority is asked. */
#define OCSP_RETIRED_MAX 1000
/* Messages in a minute; more are counted only. */
#define OCSP_MESSAGES_PER_MINUTE 30

struct certificate;
struct ocsp_registry;
struct ocsp_subject;

struct ocsp_registry *ocsp_registry_create(void);
struct ocsp_registry *ocsp_registry_hold(struct ocsp_registry *registry);
/* NULL is allowed. */
void ocsp_registry_release(struct ocsp_registry *registry);
/* Has `wake` called when a subject comes into use, by the thread that did it, without a lock held;
 * NULL: no more. Not while others may join. True: there is a subject already. */
bool ocsp_registry_watch(struct ocsp_registry *registry, void (*wake)(void *arg), void *arg);

/* ---- fetching ---- */

struct ocsp_fetch {
    struct ocsp_subject *subject;
    const char *where; /* the URL as in the certificate */
    struct url url;
    struct span request; /* body of a POST */
};

/* The next one to fetch, which is then in flight until ocsp_registry_done. False: none now, and
 * *wait_ms is how long (INT64_MAX: until something changes). */
bool ocsp_registry_next(struct ocsp_registry *registry, int64_t now_ms, struct ocsp_fetch *fetch,
                        int64_t *wait_ms) MUST_CHECK;
/* What came, or with absent bytes what went wrong and what to do, for a person. Tells the log what
 * is new about it. */
void ocsp_registry_done(struct ocsp_registry *registry, const struct ocsp_fetch *fetch,
                        struct span bytes, const char *problem, int64_t now_ms);

/* ---- looking ---- */

struct ocsp_counts {
    size_t certificates; /* in use, for which responses are fetched */
    size_t stapled;      /* of these */
    size_t failing;      /* of these: the last fetch was in vain, or they are revoked */
};

struct ocsp_failing {
    const char *certificate; /* its file */
    const char *responder;
    const char *problem;
    bool is_stapled; /* the response before still holds */
};

/* Calls `see` for each that fails, with the registry locked: it only copies what it wants. */
struct ocsp_counts ocsp_registry_look(struct ocsp_registry *registry, int64_t now_ms,
                                      void (*see)(void *arg, const struct ocsp_failing *failing),
                                      void *arg);

/* ---- for tls/openssl/ocsp_staple.c and tests ---- */

/* The subject of a certificate whose issuer is in its chain and that names a responder; NULL: it
 * is not such. A use of it, given back with ocsp_subject_leave. */
struct ocsp_subject *ocsp_registry_join(struct ocsp_registry *registry,
                                        const struct certificate *certificate) MUST_CHECK;
void ocsp_subject_leave(struct ocsp_subject *subject);
/* Whether no fetch for it has ended yet, well or badly. */
bool ocsp_subject_is_new(struct ocsp_subject *subject);
/* A copy of the response that is in use, allocated by the TLS library; NULL: there is none. */
unsigned char *ocsp_subject_response(struct ocsp_subject *subject, int64_t now_ms,
                                     size_t *len) MUST_CHECK;

#endif

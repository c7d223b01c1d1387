/* Sign-in at a provider of OpenID Connect: what the parts of the method share.
 *
 *   auth_oidc.c   the method: whose session a request has, redirects, refreshes
 *   oidc_paths.c  the phase of the method's own paths: callback, sign-out, back channel
 *   oidc_grant.c  a code, or a refresh token, for tokens that are right
 *   oidc_userinfo.c  an access token for further claims, and what all of them say
 *
 *   browser --page--> (no session) --302, NAME-in-X--> provider --callback--> code --token_desk-->
 *   ID token, verified --303, NAME--> page
 *
 * Nothing of it is kept here between two requests, but for sessions that have ended before their
 * time. All is on the worker's thread and in the request's arena. */
#ifndef TIDEGATE_AUTH_OIDC_H
#define TIDEGATE_AUTH_OIDC_H

#include "auth/auth.h"
#include "auth/known.h"
#include "auth/oidc_box.h"
#include "auth/oidc_cookies.h"
#include "auth/oidc_provider.h"
#include "auth/oidc_session.h"
#include "auth/oidc_sign_in.h"
#include "auth/outgoing.h"
#include "auth/remembered.h"
#include "auth/signature_pool.h"
#include "auth/token_desk.h"
#include "jose/jwt.h"

enum oidc_purpose { OIDC_FOR_SESSION, OIDC_FOR_SIGN_IN, OIDC_PURPOSES };

/* A method, opened. */
struct oidc {
    const struct oidc_settings *settings;
    struct fetched *provider;
    struct followed *secret;           /* of the client; NULL: it is a public one */
    struct followed *keys;             /* NULL: ... */
    struct oidc_secrets own;           /* ... these */
    unsigned char stamp[SHA256_BYTES]; /* of whose sessions they are */
    unsigned char purposes[OIDC_PURPOSES][1 + SHA256_BYTES];
};

/* One request's dealings with it. */
struct oidc_visit {
    const struct oidc *oidc;
    struct phases *phases;
    struct oidc_cookies cookies;
    int64_t now_s;
    size_t cookie_count; /* of the session, that the request has */
};

void oidc_visit_begin(struct oidc_visit *visit, const struct oidc *oidc, struct phases *phases);
struct span oidc_seal(const struct oidc_visit *visit, enum oidc_purpose purpose,
                      struct span text) MUST_CHECK;
struct span oidc_open(const struct oidc_visit *visit, enum oidc_purpose purpose,
                      struct span sealed) MUST_CHECK;
/* The session that the request's cookies have, whether it is still good or not. False: none. */
bool oidc_find_session(struct oidc_visit *visit, struct oidc_session *session) MUST_CHECK;
/* Adds its cookies. False: it is larger than it may be. */
bool oidc_add_session(const struct oidc_visit *visit, const struct oidc_session *session,
                      struct http_fields *fields) MUST_CHECK;
/* Adds what takes them away. */
void oidc_drop_session(const struct oidc_visit *visit, struct http_fields *fields);
/* Where a path of the site is, as the client sees it. */
struct span oidc_site_url(const struct oidc_visit *visit, const char *path) MUST_CHECK;
enum oidc_got {
    OIDC_GOT,     /* what was wanted is there, and right */
    OIDC_REFUSED, /* the provider does not take the code, or the refresh token */
    OIDC_WRONG,   /* what it says is not right */
    OIDC_FAILED,  /* nothing can be said now */
    OIDC_WAIT
};

/* What the provider says of itself, for as long as the request; NULL: that is not known yet. */
const struct oidc_provider *oidc_provider_of(const struct oidc_visit *visit) MUST_CHECK;
/* The same: GOT, FAILED with why, or, once, WAIT: `act` follows. */
enum oidc_got oidc_await_provider(const struct oidc_visit *visit, bool *has_waited,
                                  enum phase_verdict (*act)(struct phases *phases, void *arg),
                                  const struct oidc_provider **provider,
                                  struct trouble *why) MUST_CHECK;
/* Of what names a session: sid, sub, or its id. False: the library cannot. */
bool oidc_ended_key(const struct oidc *oidc, const char *kind, struct span name,
                    struct remembered_key *key) MUST_CHECK;
/* URL, and what goes behind '?' or '&'. */
struct span oidc_with_query(const char *url, struct span query, struct arena *arena) MUST_CHECK;

/* ---- oidc_grant.c ---- */

/* A token of the provider's on its way to be verified; zero-initialised. */
struct oidc_verification {
    struct signature_check signature;
    bool has_awaited_keys;
};

struct oidc_grant {
    struct oidc_visit *visit;
    const struct oidc_provider *provider;
    struct oidc_session *session; /* its tokens are those of before, then the new ones */
    struct span code;             /* ptr NULL: by its refresh token */
    struct span verifier;         /* with a code, as is this: */
    struct span nonce;
    struct trouble why; /* but for OIDC_GOT */
    /* With tokens that are right, where `userinfo` is on: oidc_userinfo_ask. */
    enum oidc_got (*further)(struct oidc_grant *grant);
    /* Behind OIDC_WAIT. */
    enum phase_verdict (*done)(struct oidc_grant *grant, enum oidc_got got);
    void *owner;

    /* Behind OIDC_FAILED: the session is that of before, but has the new refresh token, as the
     * provider may take the old one no more. */
    bool has_rotated;

    /* Its own. */
    struct oidc_session before;
    struct span answer;
    struct span access_token;
    struct oidc_verification verification; /* of the ID token */
    enum phase_verdict (*act)(struct phases *phases, void *arg);
};

/* phases->waiting must lead to the grant, by oidc_grant_of. */
enum oidc_got oidc_grant_ask(struct oidc_grant *grant) MUST_CHECK;
/* The run's: struct auth_run has it as `waiting`, and phases have the run. */
struct oidc_grant *oidc_grant_of(struct phases *phases);

/* Verified but for what it says. WAIT: `act` follows, which asks the same again. */
enum oidc_got oidc_verify(const struct oidc_visit *visit, const struct oidc_provider *provider,
                          struct jwt *jwt, struct oidc_verification *verification,
                          enum phase_verdict (*act)(struct phases *phases, void *arg),
                          struct trouble *why) MUST_CHECK;

/* ---- oidc_userinfo.c ---- */

/* The claims for the grant's access token, into its session. WAIT: `done` follows. */
enum oidc_got oidc_userinfo_ask(struct oidc_grant *grant) MUST_CHECK;
/* What a session says of its user, for known_release. NULL: nothing in it names anybody, or more
 * than one thing. */
struct known *oidc_known_of(const struct oidc_visit *visit,
                            const struct oidc_session *session) MUST_CHECK;
/* For its tests: what the ID token says of nobody, of an answer whose `sub` is its; compact, in the
 * arena. ptr NULL with an error. */
struct span oidc_userinfo_read(struct span answer, const json_t *id_claims, struct arena *arena,
                               struct error *error) MUST_CHECK;

/* ---- for both ---- */
enum oidc_got oidc_grant_fail(struct oidc_grant *grant, enum oidc_got got, const char *reason,
                              const char *detail, const char *mend);
/* The provider has said something that is not right. */
enum oidc_got oidc_grant_wrong(struct oidc_grant *grant, const char *detail);
/* How it went where the desk has no good answer; `where` is who was asked. */
enum oidc_got oidc_grant_unanswered(struct oidc_grant *grant, const char *where,
                                    const struct token_answer *answer, const char *mend);
enum oidc_got
oidc_grant_ask_desk(struct oidc_grant *grant, const struct token_question *question,
                    enum phase_verdict (*act)(struct phases *phases, void *answer),
                    enum oidc_got (*on_known)(struct oidc_grant *grant,
                                              const struct token_answer *answer)) MUST_CHECK;

/* ---- oidc_paths.c ---- */

/* Its settings are the struct auth_plan that has the method. */
extern const struct phase_type oidc_phase;

#endif

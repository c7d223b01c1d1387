/* What a browser has once somebody has signed in: as it lies in the cookie, and when it ends. Pure,
 * but for the random id.
 *
 *   GOOD --`idle` or `total` over--> OVER
 *     `--its tokens end soon--> REFRESH (with a refresh token) --they have ended--> ENDED
 */
#ifndef TIDEGATE_AUTH_OIDC_SESSION_H
#define TIDEGATE_AUTH_OIDC_SESSION_H

#include "base/arena.h"
#include "base/error.h"
#include "settings/auth_settings.h"

#define OIDC_SESSION_ID_BYTES 16

struct oidc_session {
    unsigned char id[OIDC_SESSION_ID_BYTES];
    int64_t began_s; /* since 1970, as the others */
    int64_t seen_s;  /* the last request of which the cookie knows */
    int64_t made_s;  /* its tokens */
    int64_t ends_s;  /* until when they are good */
    struct span id_token;
    struct span refresh_token; /* empty, as the next: none */
    struct span access_token;  /* where servers get it (`pass_token`) */
    struct span userinfo;      /* further claims, as JSON */
};

void oidc_session_begin(struct oidc_session *session, int64_t now_s);
struct span oidc_session_pack(const struct oidc_session *session, struct arena *arena) MUST_CHECK;
/* False: it is none. Its tokens point into `text`. */
bool oidc_session_unpack(struct span text, struct oidc_session *session) MUST_CHECK;

enum oidc_session_state {
    OIDC_SESSION_GOOD,
    OIDC_SESSION_REFRESH, /* still good, but not for long */
    OIDC_SESSION_ENDED,   /* its tokens have ended, and can be refreshed */
    OIDC_SESSION_OVER     /* sign in again */
};

enum oidc_session_state oidc_session_state(const struct oidc_session *session,
                                           const struct oidc_session_settings *settings,
                                           int64_t now_s);
/* Whether the cookie should learn that the session is used. */
bool oidc_session_wants_renewal(const struct oidc_session *session,
                                const struct oidc_session_settings *settings, int64_t now_s);
/* For Max-Age of its cookies. */
uint64_t oidc_session_left_s(const struct oidc_session *session,
                             const struct oidc_session_settings *settings, int64_t now_s);

#endif

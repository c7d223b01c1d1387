/* What session.c (its life) and session_first.c (its first bytes) share. Not for others. */
#ifndef TIDEGATE_GATEWAY_SESSION_INTERNAL_H
#define TIDEGATE_GATEWAY_SESSION_INTERNAL_H

#include "gateway/session.h"
#include "tls/cause.h"

static inline const struct settings *settings_of(const struct session *session)
{
    return session->link.settings;
}

/* While the first bytes come: whether some have that were not a PROXY header alone. */
static inline bool session_has_begun(const struct session *session)
{
    return session->first_len != 0 || session->asked_for_gss || session->starttls != STARTTLS_OFF;
}

/* ---- session.c ---- */
/* Writes the line of a connection that never became a request. */
void session_fail(struct session *session, const char *reason, const char *detail,
                  const char *mend);
void session_fail_known(struct session *session, enum cause cause);

/* ---- session_follow.c ---- */
void session_follow_init(struct session *session);

/* ---- session_first.c ---- */
extern const struct conn_handler session_peek_handler;

#endif

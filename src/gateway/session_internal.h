/* What session.c (its life), session_first.c (its first bytes), session_starttls.c (what is said
 * before TLS) and passthrough.c (its bytes, where TLS is not ended here) share. Not for others. */
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

/* ---- session_access.c ---- */
/* True: the rules of its site, which passes it on by that door, do not let it; that is logged. */
bool session_is_denied(struct session *session, const struct edge_entrance *entrance) MUST_CHECK;
/* The same by those of its listener, which relays all. */
bool session_is_denied_here(struct session *session) MUST_CHECK;
/* True: its client is kept off; that is logged. */
bool session_is_banned(struct session *session) MUST_CHECK;

/* ---- session_starttls.c ---- */
enum starttls_result {
    STARTTLS_NOT,  /* nothing of the kind */
    STARTTLS_MORE, /* POSTGRES_REQUEST_BYTES will tell */
    STARTTLS_ANSWERED,
    STARTTLS_REFUSED /* told and logged: to be finished */
};

/* The first bytes of a client, all that have come. */
enum starttls_result session_take_starttls(struct session *session, struct span bytes) MUST_CHECK;

/* ---- passthrough.c ---- */
/* The client's TLS is carried to a server of the backend untouched, the ClientHello that was read
 * included. Created when the site has been chosen; ends its session. first_bytes: all that was read
 * of the client's TLS so far; copied. starttls: how the server is asked for TLS before it gets
 * them. */
void passthrough_start(struct session *session, const struct backend *backend,
                       const struct balance_settings *balance, enum site_starttls starttls,
                       struct span first_bytes);
/* The same for bytes that are not the client's TLS: what is inside it, which has ended here, or
 * what comes to a listener that relays all. Nothing is read before the server is there. */
void passthrough_start_tcp(struct session *session, const struct backend *backend,
                           const struct balance_settings *balance, struct span first_bytes);
/* Ends it and writes its log line; the session is being closed. */
void passthrough_destroy(struct passthrough *passthrough);

/* ---- session_first.c ---- */
extern const struct conn_handler session_peek_handler;
/* Of a listener that relays all: at once, where no PROXY header has to come first. */
void session_begin_tcp(struct session *session);

#endif

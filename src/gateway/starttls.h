/* What is said in plain before TLS begins, both ways: a client of PostgreSQL asks for TLS and is
 * answered (its part of the session's peek), and a server is asked in turn before a passthrough's
 * bytes go to it. The messages themselves are tls/postgres.h's. */
#ifndef TIDEGATE_GATEWAY_STARTTLS_H
#define TIDEGATE_GATEWAY_STARTTLS_H

#include "gateway/session.h"

enum starttls_result {
    STARTTLS_NOT,  /* nothing of the kind */
    STARTTLS_MORE, /* POSTGRES_REQUEST_BYTES will tell */
    STARTTLS_ANSWERED,
    STARTTLS_REFUSED /* told and logged: to be finished */
};

/* The first bytes of a client, all that have come. */
enum starttls_result starttls_take(struct session *session, struct span bytes) MUST_CHECK;

/* Asks a server for TLS. Embedded in its owner, which owns the connection too. */
struct starttls_greeting {
    struct conn *conn;
    struct timer timer;
    const struct backend *backend;
    const char *server; /* for messages */
    struct trouble trouble;
    char text[256];
    void *owner;
    /* Once, from the loop. trouble: why not, static or in the greeting; NULL: the server waits for
     * TLS, and the owner sets the connection's handler. */
    void (*on_done)(struct starttls_greeting *greeting, const struct trouble *trouble);
};

/* Over an open connection. */
void starttls_greet(struct starttls_greeting *greeting, struct conn *conn,
                    const struct backend *backend, const char *server, void *owner,
                    void (*on_done)(struct starttls_greeting *, const struct trouble *));
/* Gives up; nothing if it has not begun. May be called twice. */
void starttls_cancel(struct starttls_greeting *greeting);

#endif

/* What is said in plain before TLS begins, towards a server: it is asked for TLS before a
 * passthrough's bytes go to it. What its client said before is in session_starttls.c; the messages
 * themselves are tls/postgres.h's. */
#ifndef TIDEGATE_GATEWAY_STARTTLS_H
#define TIDEGATE_GATEWAY_STARTTLS_H

#include "base/trouble.h"
#include "io/conn.h"
#include "upstream/backend.h"

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

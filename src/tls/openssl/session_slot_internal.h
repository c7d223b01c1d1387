/* How connections use a slot (tls/session_slot.h). For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_SESSION_SLOT_INTERNAL_H
#define TIDEGATE_TLS_OPENSSL_SESSION_SLOT_INTERNAL_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "base/check.h"
#include "tls/session_slot.h"

/* Of a connection, as long as it. */
struct session_use {
    struct session_slot *slot; /* where sessions with this server are kept; NULL: nowhere */
    int64_t deadline;          /* of the session that was offered; 0: none was */
    const char *name;          /* the server was asked for by, and had to prove; "": none */
};

/* Has the connections of a client's context keep the sessions that servers give them. */
void session_slot_install(SSL_CTX *ssl_ctx);
/* Before a connection begins: it offers a session of the slot, and keeps new ones there. Without
 * memory for it, neither. */
void session_slot_begin(struct session_use *use, struct session_slot *slot, const char *name,
                        SSL *ssl);

/* Keeps a copy of a session that the connection got by that name: until `deadline`, Unix time. */
void session_slot_put(struct session_slot *slot, const char *name, SSL *ssl, SSL_SESSION *session,
                      int64_t deadline);
/* Sets a kept session on a connection that is about to begin, if there is one of that name that is
 * still good under the present revocation lists: who resumes proves no name. Returns its deadline;
 * 0: none. */
int64_t session_slot_use(struct session_slot *slot, const char *name, SSL *ssl) MUST_CHECK;

#endif

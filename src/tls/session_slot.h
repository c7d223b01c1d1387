/* TLS sessions with one server, kept by us as its client so that the next connection can resume
 * (RFC 8446 section 2.2, RFC 5246 appendix F.1.4). A few per server and name, the newest first;
 * those of TLS 1.3 are used once (appendix C.4). Thread-safe. */
#ifndef TIDEGATE_TLS_SESSION_SLOT_H
#define TIDEGATE_TLS_SESSION_SLOT_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* After this a server proves itself anew, whatever it says of its tickets. */
#define SESSION_SLOT_MAX_AGE_S 3600

struct ssl_st;
struct ssl_session_st;
struct session_slot;

struct session_slot *session_slot_create(void);
/* NULL is allowed. No connection may use it any more. */
void session_slot_destroy(struct session_slot *slot);

/* For tls/ alone. Keeps a copy of a session that the connection got: until `deadline`, Unix time.
 */
void session_slot_put(struct session_slot *slot, struct ssl_st *ssl, struct ssl_session_st *session,
                      int64_t deadline);
/* Sets a kept session on a connection that is about to begin, if there is one that is still good
 * under the present revocation lists. Returns its deadline; 0: none. */
int64_t session_slot_use(struct session_slot *slot, struct ssl_st *ssl) MUST_CHECK;

#endif

/* TLS sessions with one server, kept by us as its client so that the next connection can resume
 * (RFC 8446 section 2.2, RFC 5246 appendix F.1.4). A few per server and name, the newest first;
 * those of TLS 1.3 are used once (appendix C.4). Thread-safe. */
#ifndef TIDEGATE_TLS_SESSION_SLOT_H
#define TIDEGATE_TLS_SESSION_SLOT_H

/* After this a server proves itself anew, whatever it says of its tickets. */
#define SESSION_SLOT_MAX_AGE_S 3600

struct session_slot;

struct session_slot *session_slot_create(void);
/* NULL is allowed. No connection may use it any more. */
void session_slot_destroy(struct session_slot *slot);

#endif

/* Why TLS failed, in words: from the library's reason, the result of verification and the peer's
 * alert to what happened and what to do about it. */
#ifndef TIDEGATE_TLS_HANDSHAKE_ERROR_H
#define TIDEGATE_TLS_HANDSHAKE_ERROR_H

#include <stdbool.h>

struct handshake_cause {
    const char *word; /* for counters and logs */
    const char *sentence;
    const char *mend;
};

struct handshake_facts {
    bool is_server;              /* we are; the peer is a client. Else the peer is a backend */
    unsigned long library_error; /* ERR_peek_error(); 0: none */
    long verify_result;          /* SSL_get_verify_result() */
    int alert_received;          /* TLS_ALERT_NONE */
};

/* Never NULL; the texts are static. */
const struct handshake_cause *handshake_cause_of(const struct handshake_facts *facts);

/* What the library does not know of. */
extern const struct handshake_cause handshake_closed;     /* the peer ended it in the middle */
extern const struct handshake_cause handshake_reset;      /* a socket error */
extern const struct handshake_cause handshake_too_long;   /* more bytes than any handshake needs */
extern const struct handshake_cause handshake_only_noise; /* records that carry nothing */

#endif

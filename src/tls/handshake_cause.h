/* Why a connection failed, in words: a row of the tables of tls/handshake_error.h and
 * tls/cause.h. */
#ifndef TIDEGATE_TLS_HANDSHAKE_CAUSE_H
#define TIDEGATE_TLS_HANDSHAKE_CAUSE_H

/* The texts are static. */
struct handshake_cause {
    const char *word; /* for counters and logs */
    const char *sentence;
    const char *mend;
};

#endif

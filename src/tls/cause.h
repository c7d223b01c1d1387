/* Causes that the TLS library knows nothing of, in words: what comes before a handshake (names,
 * sockets, the first bytes), what ends it from outside, and what comes right after it. Beside
 * tls/handshake_error.h, which speaks for the library's reasons; `tidegate explain`, the gateway's
 * log and docs/failures.md take their words from these two. */
#ifndef TIDEGATE_TLS_CAUSE_H
#define TIDEGATE_TLS_CAUSE_H

#include "tls/handshake_cause.h"

enum cause {
    /* of a client that goes out: `explain` */
    CAUSE_NAME_NOT_RESOLVED,
    CAUSE_CONNECTION_REFUSED,
    CAUSE_NO_ROUTE,
    CAUSE_CONNECT_TIMEOUT,
    CAUSE_CONNECT_FAILED,
    CAUSE_SERVER_SILENT,
    CAUSE_SERVER_CLOSED,
    CAUSE_SERVER_RESET,
    CAUSE_SERVER_PLAIN_HTTP,
    CAUSE_CLIENT_CERTIFICATE_REFUSED,
    CAUSE_CLIENT_CERTIFICATE_MISSING,
    CAUSE_SERVER_NAME_MISSING,
    CAUSE_MISSING_INTERMEDIATE,
    CAUSE_NO_ANSWER_CLOSED,
    CAUSE_NO_ANSWER_TIMEOUT,
    CAUSE_BAD_ANSWER,
    CAUSE_CUT_ANSWER,
    CAUSE_TOO_LARGE_ANSWER,
    CAUSE_SERVER_ERROR,
    /* of a gateway that is come to: its log */
    CAUSE_UNKNOWN_NAME,
    CAUSE_NO_NAME,
    CAUSE_UNUSABLE_NAME,
    CAUSE_NAME_NOT_TAKEN,
    CAUSE_NO_H1_H2, /* see tls/protocol_choice.h */
    CAUSE_NO_H1,
    CAUSE_NO_H2,
    CAUSE_NO_ALPN,
    CAUSE_NO_OTHER, /* of a site that is not of HTTP */
    CAUSE_NO_ALPN_OF_SITE,
    CAUSE_SITE_WITHOUT_TLS,
    CAUSE_NO_STARTTLS,
    CAUSE_NEEDS_STARTTLS,
    CAUSE_NO_HELLO,
    CAUSE_SSL2,
    CAUSE_SSL3,
    CAUSE_NO_CERTIFICATE,
    CAUSE_HANDSHAKE_TIMEOUT,
    CAUSE_FIRST_BYTES_TIMEOUT,
    CAUSE_CLOSED_BEFORE_REQUEST,
    CAUSE_SERVER_UNREACHABLE,
    CAUSE_SERVER_TIMEOUT,
    CAUSE_CLIENT_MISSING_INTERMEDIATE,
    CAUSE_BACKEND_MISSING_INTERMEDIATE,
    CAUSE_BACKEND_PLAIN_HTTP,
    CAUSE_COUNT
};

/* Never NULL; the texts are static. */
const struct handshake_cause *cause_words(enum cause cause);
/* Whom it is about, as handshake_cause_at says it: "server" (explain), "client", "backend". */
const char *cause_side(enum cause cause);
/* For what connect() says. */
const struct handshake_cause *cause_of_connect(int error);
/* Who it was that refused then. */
const char *cause_who_connect(int error);

#endif

/* Failures that the TLS library knows nothing of, in words: what comes before a handshake (names,
 * sockets, the first bytes), what ends it from outside, and what comes right after it. Beside
 * tls/handshake_error.h, which speaks for the library's reasons; `tidegate explain`, the gateway's
 * log and docs/failures.md take their words from these two. */
#ifndef TIDEGATE_TLS_FAILURE_WORDS_H
#define TIDEGATE_TLS_FAILURE_WORDS_H

#include "tls/handshake_cause.h"

enum failure {
    /* of a client that goes out: `explain` */
    FAILURE_NAME_NOT_RESOLVED,
    FAILURE_CONNECTION_REFUSED,
    FAILURE_NO_ROUTE,
    FAILURE_CONNECT_TIMEOUT,
    FAILURE_CONNECT_FAILED,
    FAILURE_SERVER_SILENT,
    FAILURE_SERVER_CLOSED,
    FAILURE_SERVER_RESET,
    FAILURE_SERVER_PLAIN_HTTP,
    FAILURE_CLIENT_CERTIFICATE_REFUSED,
    FAILURE_CLIENT_CERTIFICATE_MISSING,
    FAILURE_SERVER_NAME_MISSING,
    FAILURE_MISSING_INTERMEDIATE,
    FAILURE_NO_ANSWER_CLOSED,
    FAILURE_NO_ANSWER_TIMEOUT,
    FAILURE_BAD_ANSWER,
    FAILURE_CUT_ANSWER,
    FAILURE_TOO_LARGE_ANSWER,
    FAILURE_SERVER_ERROR,
    /* of a gateway that is come to: its log */
    FAILURE_UNKNOWN_NAME,
    FAILURE_NO_NAME,
    FAILURE_UNUSABLE_NAME,
    FAILURE_NAME_NOT_TAKEN,
    FAILURE_NO_H1_H2, /* see tls/protocol_choice.h */
    FAILURE_NO_H1,
    FAILURE_NO_H2,
    FAILURE_NO_ALPN,
    FAILURE_SITE_WITHOUT_TLS,
    FAILURE_NO_STARTTLS,
    FAILURE_NEEDS_STARTTLS,
    FAILURE_NO_HELLO,
    FAILURE_SSL2,
    FAILURE_SSL3,
    FAILURE_NO_CERTIFICATE,
    FAILURE_HANDSHAKE_TIMEOUT,
    FAILURE_FIRST_BYTES_TIMEOUT,
    FAILURE_CLOSED_BEFORE_REQUEST,
    FAILURE_SERVER_UNREACHABLE,
    FAILURE_SERVER_TIMEOUT,
    FAILURE_CLIENT_MISSING_INTERMEDIATE,
    FAILURE_BACKEND_MISSING_INTERMEDIATE,
    FAILURE_BACKEND_PLAIN_HTTP,
    FAILURE_COUNT
};

/* Never NULL; the texts are static. */
const struct handshake_cause *failure_cause(enum failure failure);
/* Whom it is about, as handshake_cause_at says it: "server" (explain), "client", "backend". */
const char *failure_side(enum failure failure);
/* For what connect() says. */
const struct handshake_cause *failure_of_connect(int error);
/* Who it was that refused then. */
const char *failure_who_connect(int error);

#endif

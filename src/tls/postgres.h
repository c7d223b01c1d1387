/* How PostgreSQL's protocol begins, as far as somebody in front of its servers has to speak it: a
 * client asks for TLS (SSLRequest), is answered one byte, and sends a ClientHello ("Message
 * Formats" and "SSL Session Encryption" of its documentation). Pure: bytes in, bytes out. */
#ifndef TIDEGATE_TLS_POSTGRES_H
#define TIDEGATE_TLS_POSTGRES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* A request of a length and a code alone: SSLRequest, GSSENCRequest. */
#define POSTGRES_REQUEST_BYTES 8
/* The longest first message that servers take (MAX_STARTUP_PACKET_LENGTH). */
#define POSTGRES_START_MAX 10000
/* What postgres_write_error may write. */
#define POSTGRES_ERROR_MAX 512
/* The protocol's name for ALPN. */
#define POSTGRES_ALPN "postgresql"

/* What a client's first message asks for. */
enum postgres_start {
    POSTGRES_START_NOT, /* its first byte is not one of theirs */
    POSTGRES_START_MORE,
    POSTGRES_START_TLS,     /* SSLRequest */
    POSTGRES_START_GSS,     /* GSSENCRequest: encryption by Kerberos */
    POSTGRES_START_CANCEL,  /* CancelRequest, without TLS */
    POSTGRES_START_SESSION, /* StartupMessage, without TLS */
    POSTGRES_START_BAD
};

/* What a server says to SSLRequest. */
enum postgres_answer {
    POSTGRES_ANSWER_MORE,
    POSTGRES_ANSWER_TLS,
    POSTGRES_ANSWER_NO,
    POSTGRES_ANSWER_ERROR,
    POSTGRES_ANSWER_BAD /* another byte, or bytes behind the one that says yes */
};

/* Of bytes that are not empty; nothing is consumed. Anything but MORE is known from the first eight
 * bytes; requests for encryption are POSTGRES_REQUEST_BYTES long, and whoever answers one must look
 * that nothing lies behind it. */
enum postgres_start postgres_parse_start(struct span bytes) MUST_CHECK;
enum postgres_answer postgres_parse_answer(struct span bytes) MUST_CHECK;
/* The text of an error that a server sent, as far as it is there; printable ASCII, others as '?'.
 */
struct span postgres_error_text(struct span bytes, char *out, size_t size);
void postgres_write_tls_request(char out[POSTGRES_REQUEST_BYTES]);
/* An ErrorResponse that ends the session. code: of five characters. Texts are cut to fit. */
size_t postgres_write_error(char out[POSTGRES_ERROR_MAX], const char *code, const char *text,
                            const char *hint);

#endif

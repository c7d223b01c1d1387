/* An HTTP/2 response's field sections to struct http_response: RFC 9113 sections 8.1, 8.2 and
 * 8.3.2. No I/O and no HPACK: names and values come decoded, one by one, in their order.
 *
 * A broken response is refused here, whatever a lenient client would make of it: it may go on to an
 * HTTP/1.1 client, whose framing rests on it. */
#ifndef TIDEGATE_HTTP_H2_RESPONSE_H
#define TIDEGATE_HTTP_H2_RESPONSE_H

#include "http/h2_fields.h"

/* A head that is being received; the fields go to the response's. */
struct h2_response {
    struct h2_section section;
    struct http_response *response;
};

/* Clears *response. target_bytes of the limits is not used. */
void h2_response_init(struct h2_response *head, struct arena *arena, const struct h2_limits *limits,
                      struct http_response *response);
/* Copies; the first error sticks. */
void h2_response_add(struct h2_response *head, struct span name, struct span value);
/* All fields have come; is_end: the stream ended with them. The method decides about the body (HEAD
 * has none). An interim response (1xx) does not end a stream, and 101 does not exist in HTTP/2.
 *
 * framing is LENGTH or CHUNKED where a body may follow, NONE where only the stream's end (or
 * trailers) may. A Content-Length where there can be no body (1xx, 204, 205) is marked as
 * hop-by-hop, as h1_parse_response does, and equal ones are made one. */
enum h2_error h2_response_finish(struct h2_response *head, enum http_method request_method,
                                 bool is_end) MUST_CHECK;

#endif

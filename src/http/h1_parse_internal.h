/* Shared by the files of the HTTP/1.1 parser, and by h2_fields.c, whose targets and hosts follow
 * the same rules; nobody else includes it. */
#ifndef TIDEGATE_HTTP_H1_PARSE_INTERNAL_H
#define TIDEGATE_HTTP_H1_PARSE_INTERNAL_H

#include "http/h1_parse.h"

/* Field lines up to and with the empty line, which must be the last bytes before `end`: the bytes
 * must end in CR LF, so that every loop over them meets a byte that stops it. Adds to *fields;
 * *repeated gets the bit of each id that was there before. On an error *at is the byte it is about.
 */
enum h1_error h1_parse_fields(const char **at, const char *end, size_t limit, struct arena *arena,
                              struct http_fields *fields, uint64_t *repeated) MUST_CHECK;
/* One field line, of which nothing is kept. Moves *at behind it, or to the byte that is wrong. */
enum h1_error h1_check_line(const char **at, const char *end) MUST_CHECK;

/* Splits target into path, query, scheme and authority, host and port, by its form. */
enum h1_error h1_parse_target(struct http_request *request) MUST_CHECK;

/* What the fields mean together: Host, framing, connection, expectation, upgrade. */
enum h1_error h1_settle_host(struct http_request *request, uint64_t repeated,
                             struct arena *arena) MUST_CHECK;
enum h1_error h1_settle_request(struct http_request *request, uint64_t repeated,
                                struct arena *arena) MUST_CHECK;
enum h1_error h1_settle_response(struct http_response *response, enum http_method request_method,
                                 uint64_t repeated, struct arena *arena) MUST_CHECK;

#endif

/* The head of an answer as CGI has it (RFC 3875 section 6): fields, one of which may be Status, and
 * no status line. Strict: read like an HTTP/1.1 head once its lines have HTTP's ends. No I/O. */
#ifndef TIDEGATE_HTTP_CGI_HEAD_H
#define TIDEGATE_HTTP_CGI_HEAD_H

#include "http/h1_parse.h"

enum cgi_bad {
    CGI_BAD_NONE,
    CGI_BAD_EMPTY,       /* no field at all: what follows is no answer of a script's */
    CGI_BAD_TOO_LARGE,   /* over the limit of a response's head */
    CGI_BAD_STATUS,      /* not three digits of 200 to 599 and a reason */
    CGI_BAD_TWICE,       /* Status, or Location without it, more than once */
    CGI_BAD_CODING,      /* Transfer-Encoding, which is the gateway's to choose */
    CGI_BAD_STATUS_LINE, /* HTTP's status line, in place of Status */
    CGI_BAD_HTTP         /* see the h1_error */
};

/* Looks for the empty line; lines end in LF or CR LF. *scanned is 0 at first and kept between calls
 * as bytes are added. COMPLETE: *len bytes, the empty line included. BAD: more than limit bytes
 * without one. */
enum h1_head_result cgi_head_end(struct span bytes, size_t limit, size_t *scanned,
                                 size_t *len) MUST_CHECK;
/* Fills *response, memory from the arena. Without Status it is 302 where there is a Location
 * (section 6.2.3), else 200. framing: none (by method and status), of a length, or CLOSE: to the
 * stream's end. *error with CGI_BAD_HTTP. */
enum cgi_bad cgi_parse_head(struct span head, const struct h1_limits *limits, struct arena *arena,
                            enum http_method method, struct http_response *response,
                            enum h1_error *error) MUST_CHECK;
/* For logs: "cgi_status", and a sentence; of CGI_BAD_HTTP h1_error_word has them. */
const char *cgi_bad_word(enum cgi_bad bad);
const char *cgi_bad_text(enum cgi_bad bad);

#endif

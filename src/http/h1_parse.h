/* The strict HTTP/1.1 parser (RFC 9110, RFC 9112), for both directions. No I/O.
 *
 * A head is parsed in two steps so that it can arrive in any number of pieces: h1_head_end looks
 * for its end in the bytes so far, and h1_parse_request or h1_parse_response takes the whole head
 * apart. Anything on which two implementations could disagree about where a message ends is an
 * error: there is no lenient mode.
 *
 * Request targets (RFC 9112 section 3.2) hold any byte but controls, blanks and '#': browsers send
 * some of those that RFC 3986 does not allow, and what a path's bytes mean is asked where it is
 * matched (edge/path.h). Absolute form is for
 * http and https only, "*" for OPTIONS only, host:port for CONNECT only and the only form CONNECT
 * may have. An absolute target without a path has the path "/", or "*" with OPTIONS and no query
 * (RFC 9112 section 3.2.4). Where both the target and Host name an authority they must agree.
 *
 * Fields that Connection names, and those that belong to one connection by definition, are marked
 * is_not_sent. An Upgrade that Connection does not name, or of HTTP/1.0, is one of these and
 * nothing more; so is Expect in HTTP/1.0 and Content-Length where a response cannot have a body
 * (1xx, 204, 2xx to CONNECT). Connection may not name the fields that framing, routing, identity
 * or authorisation rest on (FIXED in field_table.h): H1_BAD_CONNECTION.
 *
 * The parsed message's spans point into `head`, which must outlive the message; the field array is
 * taken from the arena. Nothing is modified, but for request.host, which is lower-cased in a copy
 * from the arena when it holds an upper-case letter. */
#ifndef TIDEGATE_HTTP_H1_PARSE_H
#define TIDEGATE_HTTP_H1_PARSE_H

#include "http/message.h"

/* Longer methods are refused; no registered one has more than 17 bytes. */
#define H1_METHOD_MAX 64
/* More options than this in the Connection fields of one message are refused: each is compared with
 * each field. */
#define H1_CONNECTION_OPTIONS_MAX 32

/* Each is a word in the log (h1_error_word) and a status (h1_error_status). */
enum h1_error {
    H1_OK,
    H1_BAD_LINE_END,        /* bare LF or bare CR */
    H1_BAD_REQUEST_LINE,    /* not METHOD SP TARGET SP VERSION; HTTP/0.9 */
    H1_BAD_METHOD,          /* not a token, or of more than H1_METHOD_MAX bytes */
    H1_BAD_TARGET,          /* bytes or form that RFC 9112 section 3.2 does not allow */
    H1_BAD_VERSION,         /* not HTTP/ DIGIT . DIGIT */
    H1_UNSUPPORTED_VERSION, /* HTTP/2.0, HTTP/0.9: well-formed, not ours: 505 */
    H1_BAD_STATUS_LINE,     /* of a response */
    H1_BAD_FIELD_NAME,      /* empty, not a token, space before the colon, no colon */
    H1_BAD_FIELD_VALUE,     /* NUL, CR, LF or another control byte */
    H1_BAD_FOLDING,         /* obs-fold (RFC 9112 section 5.2) */
    H1_BAD_NO_HOST,         /* HTTP/1.1 without Host */
    H1_BAD_MANY_HOSTS,
    H1_BAD_HOST,               /* not host[:port] */
    H1_BAD_HOST_CONFLICT,      /* Host disagrees with an absolute target */
    H1_BAD_CONTENT_LENGTH,     /* not digits, or too large for 63 bits */
    H1_BAD_CONFLICTING_LENGTH, /* several Content-Length lines or a list; in a response, unequal */
    H1_BAD_LENGTH_AND_CODING,  /* Content-Length with Transfer-Encoding */
    H1_BAD_TRANSFER_ENCODING,  /* without one, final "chunked"; any at all in HTTP/1.0 */
    H1_UNKNOWN_CODING,         /* another coding in front of a final "chunked": 501 */
    H1_BAD_CONNECTION,         /* not a list of tokens, or it names a field that must stay */
    H1_BAD_EXPECT,             /* an expectation other than 100-continue: 417 */
    H1_BAD_UPGRADE,            /* not a list of protocols; a 101 without it */
    H1_BAD_CHUNK_SIZE,
    H1_BAD_CHUNK_EXTENSION,
    H1_BAD_CHUNK_END,      /* no CRLF behind a chunk's data */
    H1_BAD_TRAILER,        /* a trailer line that is malformed */
    H1_HEAD_TOO_LARGE,     /* 431 */
    H1_TARGET_TOO_LONG,    /* 414 */
    H1_TOO_MANY_FIELDS,    /* 431 */
    H1_TRAILERS_TOO_LARGE, /* 431 */
    H1_ERROR_COUNT
};

struct h1_limits {
    size_t head_bytes;
    size_t target_bytes;
    size_t fields;
};

/* For requests; responses with any error become 502. */
unsigned h1_error_status(enum h1_error error);
/* "conflicting_length": stable, for logs and counters. */
const char *h1_error_word(enum h1_error error);
/* A sentence for the person who reads the log: what was wrong, by which rule. */
const char *h1_error_text(enum h1_error error);
/* The same with the place: `refused` is the part of `bytes` that the error is about, of which the
 * first some are shown, escaped (ptr NULL: no place, the text alone). In the arena, or static. */
const char *h1_error_detail(enum h1_error error, struct span bytes, struct span refused,
                            struct arena *arena);

enum h1_head_result { H1_HEAD_COMPLETE, H1_HEAD_MORE, H1_HEAD_BAD };

/* Looks for the empty line that ends a head. *scanned is 0 at first and is kept between calls as
 * bytes are added, so each byte is looked at once (those of the first line: once a call; those of a
 * head that comes in pieces: twice). At most one empty line (CRLF) before a request line is skipped
 * (RFC 9112 section 2.2): *start tells how many bytes. COMPLETE: *head_len bytes from *start, the
 * final CRLF CRLF included, which h1_parse_request may still refuse. BAD: *error says why and
 * *scanned at which byte, as early as it can be told: a bare LF or NUL at once, a line when its end
 * has come, a head over the limit, a request line over the target limit. */
enum h1_head_result h1_head_end(struct span bytes, const struct h1_limits *limits, bool is_request,
                                size_t *scanned, size_t *start, size_t *head_len,
                                enum h1_error *error) MUST_CHECK;

/* On an error the message is not to be used, but for `refused`. */
enum h1_error h1_parse_request(struct span head, const struct h1_limits *limits,
                               struct arena *arena, struct http_request *request) MUST_CHECK;
/* request_method decides about the body (HEAD has none; RFC 9112 section 6.3). */
enum h1_error h1_parse_response(struct span head, const struct h1_limits *limits,
                                struct arena *arena, enum http_method request_method,
                                struct http_response *response) MUST_CHECK;

/* For the log alone: what a request's head that was refused, or did not come whole, seems to say.
 * Fills method, target, authority and version (0: none), User-Agent and Referer of a cleared
 * *request, each bounded and copied to the arena, and not one of them checked. */
void h1_glimpse(struct span bytes, struct arena *arena, struct http_request *request);

#endif

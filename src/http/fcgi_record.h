/* FastCGI's records (fastcgi-archives.github.io/FastCGI_Specification.html): those that a server
 * sends are read, those of the web server's side are written.
 *
 * The reader is strict: one request to a connection, whose id is FCGI_REQUEST_ID, and nothing but
 * the three kinds of record that an answer is made of. It keeps no bytes: what it gives points into
 * what it is given. Fed piece by piece, with any cuts. No I/O. */
#ifndef TIDEGATE_HTTP_FCGI_RECORD_H
#define TIDEGATE_HTTP_FCGI_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"

/* A connection carries one request at a time. */
#define FCGI_REQUEST_ID 1
#define FCGI_HEADER_BYTES 8
/* Of one record's content. */
#define FCGI_CONTENT_MAX 65535
#define FCGI_BEGIN_BYTES (FCGI_HEADER_BYTES + 8)
#define FCGI_ABORT_BYTES FCGI_HEADER_BYTES
/* Records in a row that bring nothing: a server that sends more does not mean it well. */
#define FCGI_EMPTY_MAX 64

/* Kinds of record (section 8). */
enum fcgi_type {
    FCGI_BEGIN_REQUEST = 1,
    FCGI_ABORT_REQUEST = 2,
    FCGI_END_REQUEST = 3,
    FCGI_PARAMS = 4,
    FCGI_STDIN = 5,
    FCGI_STDOUT = 6,
    FCGI_STDERR = 7
};

/* What a server says of a request's end (section 5.5). */
enum fcgi_status {
    FCGI_REQUEST_COMPLETE = 0,
    FCGI_CANT_MPX_CONN = 1,
    FCGI_OVERLOADED = 2,
    FCGI_UNKNOWN_ROLE = 3
};

enum fcgi_result {
    FCGI_MORE, /* all was used */
    FCGI_OUT,  /* *data: of the response */
    FCGI_ERR,  /* *data: for the log */
    FCGI_END,  /* of the request; reader->status */
    FCGI_BAD   /* reader->bad */
};

enum fcgi_bad {
    FCGI_BAD_NONE,
    FCGI_BAD_VERSION, /* not 1 */
    FCGI_BAD_TYPE,    /* none that belongs to an answer */
    FCGI_BAD_ID,      /* another request's */
    FCGI_BAD_LENGTH,  /* an end that is not 8 bytes long */
    FCGI_BAD_STATUS,  /* an end that says nothing known */
    FCGI_BAD_OUT_ENDED /* more of a stream that has ended */,
    FCGI_BAD_EMPTY /* records that bring nothing, without an end */
};

struct fcgi_reader {
    enum fcgi_bad bad;
    enum fcgi_status status;
    uint32_t app_status; /* the script's exit code */
    bool is_over;        /* END was given: nothing more may come */
    bool out_has_ended;
    uint8_t held[FCGI_HEADER_BYTES]; /* a header that has come in part, then an end's body */
    uint8_t held_len;
    bool is_in_content;
    uint8_t type;
    uint8_t padding;  /* bytes that are left */
    uint16_t content; /* the same */
    unsigned empty_count;
};

/* Zero-initialised for each request.
 *
 * Uses *used of `in`, as far as the result goes; to be called again with what is left. After END
 * and BAD there is nothing more to ask. */
enum fcgi_result fcgi_read(struct fcgi_reader *reader, struct span in, size_t *used,
                           struct span *data) MUST_CHECK;
/* Whether the request's last record has come to its end, padding included, so that the next byte
 * would be another request's. */
bool fcgi_is_at_end(const struct fcgi_reader *reader);
/* For logs: "fcgi_version", and a sentence. */
const char *fcgi_bad_word(enum fcgi_bad bad);
const char *fcgi_bad_text(enum fcgi_bad bad);

/* Of a record whose content of so many bytes follows; 0 ends a stream. */
void fcgi_header(char out[FCGI_HEADER_BYTES], enum fcgi_type type, size_t content);
/* A request in the role of a responder; keeps: the connection goes on after it. */
void fcgi_begin(char out[FCGI_BEGIN_BYTES], bool keeps);

#endif

/* Decoder of the chunked transfer coding (RFC 9112 section 7.1), in any number of pieces. No I/O
 * and no allocation but for the trailers, which are bounded by the limits given.
 *
 * Chunk extensions are refused unless they are well-formed (token [= token or quoted-string]) and
 * are then dropped; sizes of more than 16 hex digits or 63 bits, and sizes with a sign, a prefix or
 * space around them are refused. */
#ifndef TIDEGATE_HTTP_H1_CHUNKED_H
#define TIDEGATE_HTTP_H1_CHUNKED_H

#include "base/arena.h"
#include "http/h1_parse.h"

struct h1_chunked {
    uint8_t state;       /* private */
    uint8_t digits;      /* private */
    uint16_t line_bytes; /* private: of the size line or the trailers so far */
    uint64_t left;       /* of the chunk under way */
    char *trailer_bytes; /* private: trailers as they come; in the arena */
    size_t trailer_len;
    size_t trailer_capacity;
};

enum h1_chunked_result {
    H1_CHUNKED_DATA, /* *data is the next run of body bytes; call again with the rest */
    H1_CHUNKED_MORE, /* all given bytes are used; give more */
    H1_CHUNKED_END,  /* the last byte of the message has been used; *used may be less than given */
    H1_CHUNKED_BAD   /* *error says why */
};

void h1_chunked_init(struct h1_chunked *decoder);
/* *used counts the bytes of `in` consumed by this call, the run in *data included. Trailers are
 * added to *trailers when END is returned; hop-by-hop and framing fields among them are refused
 * (RFC 9110 section 6.5.1: Transfer-Encoding, Content-Length, Host, and the like). */
enum h1_chunked_result h1_chunked_decode(struct h1_chunked *decoder, struct span in,
                                         const struct h1_limits *limits, struct arena *arena,
                                         size_t *used, struct span *data,
                                         struct http_fields *trailers,
                                         enum h1_error *error) MUST_CHECK;

#endif

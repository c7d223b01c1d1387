/* Decoder of the chunked transfer coding (RFC 9112 section 7.1), in any number of pieces. No I/O
 * and no allocation but for the trailers, which are bounded by the limits given.
 *
 * Chunk extensions are refused unless they are well-formed (token [= token or quoted-string]) and
 * are then dropped; sizes of more than 16 hex digits or 63 bits, and sizes with a sign, a prefix or
 * space around them are refused. So is the "bad" white space that RFC 9112 section 7.1.1 lets
 * stand around ';' and '=': nothing sends it but attacks that look for a parser which skips it.
 * A size line has at most H1_CHUNK_SIZE_LINE_MAX bytes, the trailers limits->head_bytes. */
#ifndef TIDEGATE_HTTP_H1_CHUNKED_H
#define TIDEGATE_HTTP_H1_CHUNKED_H

#include "base/arena.h"
#include "http/h1_parse.h"

#define H1_CHUNK_SIZE_LINE_MAX 512

struct h1_chunked {
    uint8_t state;       /* private */
    uint8_t digits;      /* private */
    uint16_t line_bytes; /* private: of the size line so far */
    uint64_t left;       /* of the chunk under way */
    uint64_t seen;       /* private: bytes used in earlier calls */
    char *trailer_bytes; /* private: trailers as they come; in the arena */
    size_t trailer_len;
    size_t trailer_capacity;
    struct span refused; /* private: after BAD the byte that is wrong; ptr NULL: none */
    bool is_in_trailers; /* private */
    uint64_t refused_at; /* private: where, from the first chunk on */
};

enum h1_chunked_result {
    H1_CHUNKED_DATA, /* *data is the next run of body bytes; call again with the rest */
    H1_CHUNKED_MORE, /* all given bytes are used; give more */
    H1_CHUNKED_END,  /* the last byte of the message has been used; *used may be less than given */
    H1_CHUNKED_BAD   /* *error says why */
};

void h1_chunked_init(struct h1_chunked *decoder);
/* After BAD: h1_error_text with the byte. In the arena, or static. */
const char *h1_chunked_detail(const struct h1_chunked *decoder, enum h1_error error,
                              struct arena *arena);
/* Not to be called again after BAD; after END it uses nothing and returns END.
 *
 * *used counts the bytes of `in` consumed by this call, the run in *data included. Trailers are
 * added to *trailers when END is returned (NULL: checked and dropped). Fields that framing,
 * routing, identity or the content's meaning rest on are left out (RFC 9110 section 6.5.1: "MUST
 * NOT be generated as a trailer field", "MUST ignore"): whatever has an id in message.h,
 * Cache-Control, Content-Encoding and the like. A malformed line is an error, whatever its field.
 * Those that the head's Connection names are marked by http_trailers_mark. */
enum h1_chunked_result h1_chunked_decode(struct h1_chunked *decoder, struct span in,
                                         const struct h1_limits *limits, struct arena *arena,
                                         size_t *used, struct span *data,
                                         struct http_fields *trailers,
                                         enum h1_error *error) MUST_CHECK;

#endif

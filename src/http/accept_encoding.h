/* Content codings, and which of them a client takes (RFC 9110 sections 8.4.1 and 12.5.3). No I/O.
 */
#ifndef TIDEGATE_HTTP_ACCEPT_ENCODING_H
#define TIDEGATE_HTTP_ACCEPT_ENCODING_H

#include "http/message.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_BROTLI, CODING_ZSTD, CODING_COUNT };

/* As it stands in Content-Encoding: "gzip", "br", "zstd". */
struct span coding_name(enum coding coding);
/* CODING_COUNT: none of these. "x-gzip" is gzip (RFC 9110 section 8.4.1.3). */
enum coding coding_of(struct span name);

/* Which coding of `order` a request's Accept-Encoding likes best; of equal ones the first.
 * IDENTITY: it likes none of them better than what needs no coding; it says nothing (then who asks
 * may not know what a coding is); or it says something that is not by the grammar, of which nothing
 * is believed. What is named twice has the lower of its weights, so that "q=0" holds. */
enum coding accept_encoding_choose(const struct http_fields *fields, const enum coding *order,
                                   size_t count) MUST_CHECK;

#endif

/* Media types of Content-Type, and patterns of them (RFC 9110 section 8.3). No I/O. */
#ifndef TIDEGATE_HTTP_MEDIA_TYPE_H
#define TIDEGATE_HTTP_MEDIA_TYPE_H

#include "base/span.h"

/* "text/html" of "text/html; charset=utf-8". */
struct span media_type_of(struct span content_type);
/* Whether a type, without parameters, fits a pattern: the type itself, or with one '*' that stands
 * for any bytes ("text/" "*", "application/" "*+json"). Case does not count. */
bool media_type_fits(struct span type, struct span pattern);
/* Whether it could be a pattern: type "/" subtype of a token's bytes, or "*" alone for all; at most
 * one '*'. */
bool media_type_is_pattern(struct span pattern);

#endif

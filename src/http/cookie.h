/* Cookies of a request (RFC 6265 section 5.4): one is looked for by its name, as it was sent. */
#ifndef TIDEGATE_HTTP_COOKIE_H
#define TIDEGATE_HTTP_COOKIE_H

#include "http/message.h"

/* The value of the first cookie with that name (case counts), in any Cookie field; ptr NULL: none.
 * Quotes around a value are a part of it. */
struct span http_cookie_find(const struct http_fields *fields, struct span name);

#endif

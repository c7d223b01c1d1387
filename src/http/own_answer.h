/* The fields of an error that the gateway answers by itself: which ones it has, and what is in
 * them, decided in one place and from these facts alone. Whatever a server sent before its response
 * turned out to be of no use (a status text, Set-Cookie, Content-Encoding, trailers) is not among
 * them, so that none of it can get into the answer.
 *
 * Date, Content-Length, and with HTTP/1.1 Connection, are added when the head is written. */
#ifndef TIDEGATE_HTTP_OWN_ANSWER_H
#define TIDEGATE_HTTP_OWN_ANSWER_H

#include "base/arena.h"
#include "http/message.h"

/* How long a client waits that honours Retry-After. */
#define OWN_ANSWER_RETRY_AFTER "5"

/* What those who refuse a request know besides the status. Zero-initialised: nothing. The texts are
 * static, or live in the exchange's arena. */
struct refusal_facts {
    struct span allow;              /* with 405: the methods that are taken; none: an empty list */
    struct span content_range;      /* with 416: the file's size; ptr NULL: not known */
    const struct http_fields *more; /* what else is said, as it is; NULL: nothing */
    struct span body; /* somebody else's, whose Content-Type is in `more`; ptr NULL: the page */
};

/* Fills *fields, which the caller has emptied, for a `status` of 400 to 599:
 *   Content-Type and X-Content-Type-Options  `type`: the page is plain text that quotes the
 *                   request, or one of the configuration; none for somebody else's body
 *   Cache-Control: no-store  the trouble is this request's; by RFC 9110 section 15.1 a cache could
 *                            keep 404, 405, 410, 414 and 501
 *   Allow           405 (RFC 9110 section 15.5.6: "MUST generate")
 *   Content-Range   416 (RFC 9110 section 15.5.17)
 *   Retry-After     429 and 503, where `more` has none */
void own_answer_fields(unsigned status, struct span type, const struct refusal_facts *facts,
                       struct arena *arena, struct http_fields *fields);

#endif

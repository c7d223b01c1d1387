/* How far a request has come, and how far it may go: the mark by which a gateway knows a request
 * that it has seen before, and Max-Forwards. No I/O.
 *
 * The mark stands in CDN-Loop (RFC 8586), not in Via (RFC 9110 section 7.6.3), which origins take
 * for the sign of a proxy and then hold back: nginx and others do not compress for it. It is of one
 * route of one running gateway, and random, so a request may pass several routes of a gateway, and
 * what a stranger writes into the field harms that stranger's request alone. */
#ifndef TIDEGATE_EDGE_HOPS_H
#define TIDEGATE_EDGE_HOPS_H

#include <stdbool.h>
#include <stdint.h>

#include "http/message.h"

/* Whether CDN-Loop names `mark`, with or without parameters behind it. */
bool hops_has_mark(const struct http_fields *fields, struct span mark);

enum hops_left {
    HOPS_ANY,  /* it does not say, or the method is one that may not be held up by it */
    HOPS_SOME, /* to be sent on with the number less one */
    HOPS_NONE, /* its last recipient is this gateway */
    HOPS_BAD   /* no number, or several */
};

/* Max-Forwards of OPTIONS and TRACE (RFC 9110 section 7.6.2). HOPS_SOME: *less_one is what to send;
 * where the number is larger than HOPS_MAX, this ("the recipient's maximum supported value"). */
#define HOPS_MAX 255
enum hops_left hops_left(const struct http_request *request, unsigned *less_one);

/* Writes it into the fields, which have the number. */
void hops_set(struct http_fields *fields, struct span less_one);

#endif

/* The front over HTTP/1.1 and 1.0: reads requests off a connection, one at a time, and
 * writes their responses.
 *
 * Pipelined requests wait, in the socket or in `saved` (at most one receive buffer), until the one
 * before is answered. Owned by its link's owner (front->type->destroy). */
#ifndef TIDEGATE_SERVER_FRONT_H1_H
#define TIDEGATE_SERVER_FRONT_H1_H

#include "server/front.h"
#include "server/link.h"

/* Takes the connection over, but reads nothing before type->start. */
struct front *front_h1_create(struct link *link, struct conn *conn) MUST_CHECK;
#endif

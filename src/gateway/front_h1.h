/* The front over HTTP/1.1 and 1.0: reads requests off a session's connection, one at a time, and
 * writes their responses.
 *
 * Pipelined requests wait, in the socket or in `saved` (at most one receive buffer), until the one
 * before is answered. Owned by its session. */
#ifndef TIDEGATE_GATEWAY_FRONT_H1_H
#define TIDEGATE_GATEWAY_FRONT_H1_H

#include "gateway/front.h"
#include "gateway/session.h"

/* Takes the session's connection over, but reads nothing before type->start. */
struct front *front_h1_create(struct session *session) MUST_CHECK;
#endif

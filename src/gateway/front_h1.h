/* The front over HTTP/1.1 and 1.0: reads requests off a session's connection, one at a time, and
 * writes their responses.
 *
 *   IDLE --first byte--> HEAD --head--> BODY --last byte--> WAIT --response written--> IDLE
 *     |                    |              |                   `--must close--> (session: finish or
 * linger)
 *     `---- time ----------'---- time ----'-> 408, close
 *
 * Pipelined requests wait, in the socket or in `saved` (at most one receive buffer), until the one
 * before is answered. Owned by its session. */
#ifndef TIDEGATE_GATEWAY_FRONT_H1_H
#define TIDEGATE_GATEWAY_FRONT_H1_H

#include "gateway/session.h"

struct front_h1 *front_h1_create(struct session *session) MUST_CHECK;
/* Begins with bytes that were read already; may close the session. */
void front_h1_start(struct front_h1 *front, struct span bytes);
/* The session is closing: abandons the exchange. */
void front_h1_destroy(struct front_h1 *front);
/* The session's timer. */
void front_h1_on_timer(struct front_h1 *front);
/* Shutting down: closes when idle, else after the response under way. */
void front_h1_drain(struct front_h1 *front);

#endif

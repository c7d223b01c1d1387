/* The client's side of a connection that speaks HTTP/2 (RFC 9113): frames, HPACK and flow control
 * are nghttp2's; requests become one exchange for each stream.
 *
 *   bytes --> nghttp2 --callbacks--> stream --h2_fields--> exchange
 *   exchange --front_ops--> stream's queue --data source--> nghttp2 --> outbox, one send a turn
 *
 * Memory is bounded: a stream holds at most its window of a request's body that the server does not
 * take, and one receive buffer's worth of a response that the client does not take; frames that
 * cost more than they bring are charged to a budget (http/h2_budget.h). */
#ifndef TIDEGATE_SERVER_FRONT_H2_H
#define TIDEGATE_SERVER_FRONT_H2_H

#include "base/span.h"

struct conn;
struct front;
struct link;

/* What a client that knows beforehand sends first (RFC 9113 section 3.4). */
#define FRONT_H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define FRONT_H2_PREFACE_BYTES 24

/* Whether `bytes` begin with the preface, or are the beginning of it. */
enum front_h2_preface { FRONT_H2_PREFACE_NOT, FRONT_H2_PREFACE_PART, FRONT_H2_PREFACE_WHOLE };
enum front_h2_preface front_h2_preface(struct span bytes);

/* Goes with the link's owner (front->type->destroy). */
struct front *front_h2_create(struct link *link, struct conn *conn);

#endif

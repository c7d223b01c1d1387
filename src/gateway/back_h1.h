/* The back over HTTP/1.1: a connection to a server, which carries one request at a time and rests
 * in the worker's pool between them.
 *
 *   CONNECTING --> IDLE --head sent--> HEAD --response head--> BODY --> DONE --release--> IDLE
 * (parked)
 *
 * Any broken response ends the connection: it is never used again. Memory is freed at the end of
 * the loop's turn. */
#ifndef TIDEGATE_GATEWAY_BACK_H1_H
#define TIDEGATE_GATEWAY_BACK_H1_H

#include "gateway/exchange.h"

struct back_h1;

struct back_h1 *back_h1_create(struct worker *worker, const struct backend *backend) MUST_CHECK;
/* For the dial. */
struct conn *back_h1_conn(struct back_h1 *back);
void back_h1_connected(struct back_h1 *back, size_t server);
/* From the node that upstream_unpark gave. */
struct back_h1 *back_h1_from_parked(struct list *node) MUST_CHECK;
/* Closes. */
void back_h1_destroy(struct back_h1 *back);
/* Ends the lease: parked if the response came whole and the server keeps the connection open, else
 * closed. */
void back_h1_release(struct back_h1 *back, bool reusable);
/* Of a worker that ends: parked ones are all that is left. */
void back_h1_close_all(struct worker *worker);

/* The request's head, with its body's end if it has none. */
void back_h1_send_head(struct back_h1 *back, struct exchange *x);
bool back_h1_takes_body(const struct back_h1 *back);
void back_h1_send_body(struct back_h1 *back, struct span bytes);
/* The connection, to which a body of known length may be moved by splice; NULL: it may not. */
struct conn *back_h1_raw(struct back_h1 *back);
void back_h1_send_end(struct back_h1 *back, const struct http_fields *trailers);
/* The front takes more of the response. */
void back_h1_resume(struct back_h1 *back);
/* After 101: the connection, for a tunnel; bytes that came behind the head, valid until the next
 * read. */
struct conn *back_h1_take_over(struct back_h1 *back, struct span *rest);

#endif

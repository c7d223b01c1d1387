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

#include "gateway/back.h"

struct back_h1;

struct back_h1 *back_h1_create(struct worker *worker, const struct backend *backend) MUST_CHECK;
/* For the dial. */
struct conn *back_h1_conn(struct back_h1 *back);
void back_h1_connected(struct back_h1 *back, size_t server);
/* From the node that upstream_unpark gave. */
struct back_h1 *back_h1_from_parked(struct list *node) MUST_CHECK;
/* Closes. */
void back_h1_destroy(struct back_h1 *back);
/* Of a worker that ends: parked ones are all that is left. */
void back_h1_close_all(struct worker *worker);

struct back *back_h1_base(struct back_h1 *back);

#endif

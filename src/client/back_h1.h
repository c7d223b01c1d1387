/* The back over HTTP/1.1: a connection to a server, which carries one request at a time and rests
 * in the worker's pool between them.
 *
 *   IDLE --head sent--> HEAD --response's head--> BODY --last byte--> DONE --released--> IDLE
 *    ^ (parked)          |--101, two connections--> TUNNEL --both ends--> ENDING --> CLOSED
 *    |                   `--101, bytes as bodies--> BODY
 *    released in order, output is left: ENDING; broken, lost, too long at rest: CLOSED
 *
 * Any broken response ends the connection: it is never used again. Memory is freed at the end of
 * the loop's turn. */
#ifndef TIDEGATE_CLIENT_BACK_H1_H
#define TIDEGATE_CLIENT_BACK_H1_H

#include "client/back.h"

struct back_h1;

/* Takes the connection to that server over, which is open. */
struct back_h1 *back_h1_create(struct client *client, struct upstream_set *set, size_t server,
                               struct conn *conn) MUST_CHECK;
/* One that rests, for the call: of those that its caller is authenticated on; with a lease taken on
 * its server. NULL: none. */
struct back_h1 *back_h1_take_bound(struct call *call) MUST_CHECK;
/* One of the pool of the server on which the call holds a lease. NULL: none on which nothing has
 * come meanwhile, be it an end or an answer that nobody has asked for. */
struct back_h1 *back_h1_unpark(struct call *call) MUST_CHECK;
/* Closes. */
void back_h1_destroy(struct back_h1 *back);

struct back *back_h1_base(struct back_h1 *back);

#endif

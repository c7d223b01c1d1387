/* The back over FastCGI: a connection to a server of scripts (php-fpm), which carries one request
 * at a time, and rests in the worker's pool between them where the backend lets it.
 *
 *   IDLE --body of unknown length--> COLLECT --its end--> HEAD --script's head--> BODY --END_REQUEST--> DONE
 *    |                                                     ^ |
 *    `----------------- head sent ------------------------'            released: IDLE (parked) or
 * CLOSED released before DONE: ABORT_REQUEST goes out (ENDING), then CLOSED; broken, lost: CLOSED
 *
 * Any broken answer ends the connection: it is never used again. Memory is freed at the end of the
 * loop's turn. */
#ifndef TIDEGATE_CLIENT_BACK_FCGI_H
#define TIDEGATE_CLIENT_BACK_FCGI_H

#include "client/back.h"

struct back_fcgi;

/* Takes the connection to that server over, which is open. */
struct back_fcgi *back_fcgi_create(struct client *client, struct upstream_set *set, size_t server,
                                   struct conn *conn) MUST_CHECK;
/* One of the pool of the server on which the call holds a lease; NULL: none that is quiet. */
struct back_fcgi *back_fcgi_unpark(struct call *call) MUST_CHECK;
struct back *back_fcgi_base(struct back_fcgi *back);

#endif

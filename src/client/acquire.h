/* Finds a connection to a server for a call: one that rests, one that others use too, or a new one.
 * Ends, at once or later, with call_attach, call_unreachable, call_unfit or call_no_connection. */
#ifndef TIDEGATE_CLIENT_ACQUIRE_H
#define TIDEGATE_CLIENT_ACQUIRE_H

#include "client/call_base.h"

void acquire(struct call *call);
/* For a backend whose protocol is not h1 alone: on the server on which a lease is held. */
void acquire_shared(struct call *call);
/* The server that was leased could not be reached, and that lease has ended: another one, after a
 * wait where all others are full. False: none is left. */
bool acquire_next(struct call *call) MUST_CHECK;
/* The call does not want one any more; false: nothing was sought. */
bool acquire_cancel(struct call *call);

#endif

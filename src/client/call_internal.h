/* What call.c and call_hedge.c share. Not for others.
 *
 * Hedging: a GET or HEAD whose server has not answered after a while is asked of another server,
 * too; the first head wins, and the other try ends. The second one is a call of its own, of which
 * the owner of the first never hears: when it is ahead, the first call goes on with its connection.
 *
 *   WAITS --the time is up--> ASKS --head--> AHEAD --end of the turn--> OVER: the first call has it
 *     |                        | |             `-- the first one's head --> BEATEN --> OVER
 *     |                        | `-- the first one's head, a bad status --> BEATEN --> OVER
 *     `-- the first head ----. `-- it failed --> FAILED --> OVER
 *                            v
 *                           OVER
 *
 * What follows from a head comes at the end of the loop's turn, since heads may come while a
 * library is parsing. If the first one fails meanwhile, that waits for what becomes of the second:
 * so there are two tries at a time at most, and both count for `retries`. */
#ifndef TIDEGATE_CLIENT_CALL_INTERNAL_H
#define TIDEGATE_CLIENT_CALL_INTERNAL_H

#include "client/back.h"
#include "client/call.h"

/* ---- call_hedge.c ---- */

/* The request is on its way: a second try may follow. */
void hedge_watch(struct call *call);
/* A try of the first call failed. True: the second one is under way, and decides. */
bool hedge_catch(struct call *call, const struct retry_facts *facts, bool may_again,
                 unsigned status, const struct trouble *trouble);
/* The first call has the head of its answer, and passes it on. */
void hedge_note_head(struct call *call);
/* The first call ends: so does the second, at once. May be called twice. */
void hedge_end(struct call *call);

/* ---- call.c ---- */

void call_enter(struct call *call, enum call_state state);
struct upstream *call_upstream(const struct call *call);
void call_end_lease(struct call *call, enum lease_how how);
/* For the log: the present server is done with. outcome NULL: it answered. */
void call_end_try(struct call *call, const char *outcome);
bool call_has_untried(const struct call *call);
/* The lease has ended, and so has the try. */
void call_go_on(struct call *call, const struct retry_facts *facts, bool may_again, unsigned status,
                const struct trouble *trouble);
/* The answer's head is there, and is passed on. */
void call_pass_head(struct call *call);

#endif

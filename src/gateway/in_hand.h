/* What each worker has in hand, for the message of a process that dies: the client whose bytes, or
 * whose request, made it die is the first thing that an operator wants to know.
 *
 * A store or two for each event; everything else happens in the handler of the signal. The pointers
 * are taken back when what they point at goes, so between two events they name what was last in
 * hand. */
#ifndef TIDEGATE_GATEWAY_IN_HAND_H
#define TIDEGATE_GATEWAY_IN_HAND_H

struct in_hand;

/* One more to tell of; before its worker runs, for good. At most IN_HAND_MAX are told of. */
#define IN_HAND_MAX 256
void in_hand_register(const struct in_hand *hand, unsigned worker);
/* On the worker's own thread: what this thread does wrong it does for what that worker has in hand.
 */
void in_hand_of_this_thread(unsigned worker);
/* From now on a signal that means an error of ours (SIGSEGV, SIGABRT, SIGSYS, ...) is told of in
 * one line on standard error, with what the thread's worker has in hand (or, if it has none, what
 * each has) and a backtrace, before it ends the process; the same is noted for those that outlive
 * it (gateway/deaths.h). Signals that somebody else handles already (a sanitizer) are left alone.
 */
void in_hand_watch_signals(void);

#endif

/* Which ClientHellos with early data came already: 0-RTT requests can be recorded and sent again by
 * anybody on the way, and this is what refuses the copy (RFC 8446 section 8.2, "ClientHello
 * recording").
 *
 * The library takes early data only from a ClientHello whose ticket age fits the clock within some
 * ten seconds (section 8.3); so each is remembered for REPLAY_WINDOW_S and a copy that comes later
 * is stale by itself. What makes that whole:
 *   - one guard for all workers, and as long-lived as the keys of the tickets: no other process and
 *     no other set of keys can open them, so there is nobody else to ask;
 *   - its time is the clock that the age is measured by, and never goes back: while the machine's
 *     clock does, nothing is taken;
 *   - a table that is full takes nothing more;
 *   - its secret is made when it is first asked, and a process that follows another one takes
 *     nothing for a window (section 8.2: it cannot know what the other one took).
 * Refused early data costs its client a round trip: it sends the request again after the handshake.
 *
 * Thread-safe. */
#ifndef TIDEGATE_TLS_REPLAY_GUARD_H
#define TIDEGATE_TLS_REPLAY_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* OpenSSL 3 takes a ClientHello during about 11 s (TICKET_AGE_ALLOWANCE and the rounding). */
#define REPLAY_WINDOW_S 16
/* In each window: 4 MiB at most. More than a few cores can shake hands. */
#define REPLAY_ENTRIES_MAX (256U * 1024)
/* ClientHello.random: part of what the ticket's binder covers, so a copy cannot have another one.
 */
#define REPLAY_RANDOM_BYTES 32

struct replay_guard;

struct replay_guard *replay_guard_create(void) MUST_CHECK;
/* NULL is allowed. */
void replay_guard_destroy(struct replay_guard *guard);
/* Whether this is seen for the first time; remembers it. now: seconds, the wall clock. */
bool replay_guard_is_first(struct replay_guard *guard,
                           const unsigned char random[REPLAY_RANDOM_BYTES], int64_t now) MUST_CHECK;
/* Nothing is taken before that second of the wall clock. */
void replay_guard_close_until(struct replay_guard *guard, int64_t then);
/* For tests. */
size_t replay_guard_count(struct replay_guard *guard);

#endif

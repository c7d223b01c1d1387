/* Which sessions have ended before their time: those that somebody has signed out of, here or
 * elsewhere, by a keyed hash of whatever names them. Remembered until sessions of that age have
 * ended anyway. For the process; from any thread.
 *
 * Bounded: what ends first makes room. Only who has a session, or a provider, adds to it. */
#ifndef TIDEGATE_AUTH_ENDED_SESSIONS_H
#define TIDEGATE_AUTH_ENDED_SESSIONS_H

#include "auth/remembered.h"

#define ENDED_SESSIONS_MAX 65536

/* Times in seconds since 1970. Sessions of that name that began at at_s, or before, have ended. */
struct ended_session {
    struct remembered_key key;
    int64_t at_s;
    int64_t until_s;
};

/* Of two of one name the later times count. */
void ended_sessions_add(const struct ended_session *ended);
/* Whether the session of that name that began then has. */
bool ended_sessions_has(const struct remembered_key *key, int64_t began_s, int64_t now_s);
/* Whether there are any: else no name need be hashed. */
bool ended_sessions_is_empty(void);
/* Those that are remembered still, in no order, at most `max`; returns how many. For the process
 * that comes next, which has the same secret (base/secret.h), and so the same keys. */
size_t ended_sessions_copy(struct ended_session *ended, size_t max, int64_t now_s);

#endif

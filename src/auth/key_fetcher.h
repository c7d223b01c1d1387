/* Fetches what auth/fetched.h wants, over client/fetch, on a thread with a core of its own, so
 * that no worker waits for an issuer or a name server, and one that does not answer holds up no
 * other. There is no thread until there is something to fetch.
 *
 * Started once in the gateway's process, after the fork; stopped when its workers have ended. */
#ifndef TIDEGATE_AUTH_KEY_FETCHER_H
#define TIDEGATE_AUTH_KEY_FETCHER_H

#include "base/check.h"

struct key_fetcher;

struct key_fetcher *key_fetcher_start(void) MUST_CHECK;
/* Cuts off what is under way. NULL is allowed. */
void key_fetcher_stop(struct key_fetcher *fetcher);

#endif

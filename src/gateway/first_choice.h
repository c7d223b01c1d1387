/* Which server of a backend a request would get first, as far as its configuration alone says so:
 * for `tidegate route`. */
#ifndef TIDEGATE_GATEWAY_FIRST_CHOICE_H
#define TIDEGATE_GATEWAY_FIRST_CHOICE_H

#include "base/arena.h"
#include "base/span.h"
#include "settings/settings.h"

/* The server's address, in the arena, if all are well and idle; NULL: it is by turns or at random,
 * or not known here which servers there are. `key`: what balance_key_find has found; ptr NULL:
 * nothing. */
const char *first_choice(const struct backend_settings *settings, struct span key,
                         struct arena *arena);

#endif

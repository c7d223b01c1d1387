/* How `tidegate route` says who may send requests. */
#ifndef TIDEGATE_CLI_ROUTE_AUTH_H
#define TIDEGATE_CLI_ROUTE_AUTH_H

#include "base/arena.h"
#include "settings/auth_settings.h"

/* "basic or jwt": the methods, in the order in which they are asked. In the arena. */
const char *route_auth_words(const struct auth_settings *auth, struct arena *arena);

#endif

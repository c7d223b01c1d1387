/* What `tidegate route` says of a backend, besides which it is: whether a request is sent again,
 * whom it gets first, and how the servers are at present. */
#ifndef TIDEGATE_CLI_ROUTE_BACKEND_H
#define TIDEGATE_CLI_ROUTE_BACKEND_H

#include <jansson.h>

#include "base/arena.h"
#include "edge/balance_key.h"
#include "settings/settings.h"

/* Over what: "plain HTTP/1.1". */
const char *route_way_text(struct arena *arena, const struct backend_settings *backend);
/* The same where bytes are relayed. */
const char *route_relay_text(const struct backend_settings *backend);
/* A part of the route's split, and in the first one how a request gets it. */
const char *route_split_text(const struct route_settings *route, size_t part, struct arena *arena);
/* A sentence; retries NULL: the usual ones. */
const char *route_retries_text(const struct retries_settings *retries, struct span method,
                               struct arena *arena);
/* NULL: that is not determined. */
const char *route_first_text(const struct backend_settings *backend,
                             const struct balance_facts *facts, struct arena *arena);
/* The backend's servers, as the gateway that runs has them ("address", "state", "order", "why",
 * ...); NULL: none runs that could be asked. The reference is the caller's. */
json_t *route_servers_now(const struct settings *settings, const struct backend_settings *backend);
/* "up", "ejected", "draining", ... of one of them. */
const char *route_server_state(const json_t *server);

/* Its servers, each with what makes it another than the rest. */
const char *route_servers_text(struct arena *arena, const struct backend_settings *backend);
/* In front of these: by which strategy one is chosen. */
const char *route_how_chosen(struct arena *arena, const struct balance_settings *balance);

#endif

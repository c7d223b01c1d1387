/* What the configuration of a gateway on this machine makes of the request that `tidegate explain`
 * has sent: the last step of its record, in the words of `tidegate route`. */
#ifndef TIDEGATE_CLI_EXPLAIN_ROUTE_H
#define TIDEGATE_CLI_EXPLAIN_ROUTE_H

#include "cli/explain.h"
#include "settings/settings.h"

/* Behind explain_play, whether that went well or not: outcome, backend, strategy, which server is
 * first, what is sent again, and how the servers are now if the gateway can be asked. */
void explain_route(struct explain *ex, const struct settings *settings);

#endif

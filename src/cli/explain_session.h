/* A session of `explain` that is not HTTP: what is sent, what comes, how it ends; and what the
 * gateway's own log says of it. */
#ifndef TIDEGATE_CLI_EXPLAIN_SESSION_H
#define TIDEGATE_CLI_EXPLAIN_SESSION_H

#include "cli/explain.h"
#include "settings/settings.h"

/* Over the connection: sends --data, and hears until the other side ends, or is silent. */
bool explain_session(struct explain *ex);
/* Looks for the line about it in the access log of the site, or of the file (site NULL). The
 * connection is over. */
void explain_session_log(struct explain *ex, const struct settings *settings,
                         const struct site_settings *site);

#endif

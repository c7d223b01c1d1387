/* The URL of `explain`, and the way to its server: names, addresses, the socket. */
#ifndef TIDEGATE_CLI_EXPLAIN_NET_H
#define TIDEGATE_CLI_EXPLAIN_NET_H

#include "cli/explain.h"

/* False with a text for a wrong command line. */
bool explain_parse_url(struct explain *ex, struct error *error) MUST_CHECK;
bool explain_resolve(struct explain *ex);
bool explain_connect(struct explain *ex);
/* Waits for the socket (events of poll) until the deadline; false: it is over, errno says why. */
bool explain_wait(struct explain *ex, short events);

#endif

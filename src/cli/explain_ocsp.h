/* Whether the server's certificate was revoked, in `explain`: by the OCSP response that the server
 * staples (RFC 6066 section 8), as a careful client judges it. Nothing is fetched. */
#ifndef TIDEGATE_CLI_EXPLAIN_OCSP_H
#define TIDEGATE_CLI_EXPLAIN_OCSP_H

#include "cli/explain.h"

/* Asks for a stapled OCSP response, and judges it. */
bool explain_ask_status(struct explain *ex);

#endif

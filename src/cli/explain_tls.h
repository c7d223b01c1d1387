/* The TLS connection of `explain`: its settings, the handshake message by message, and why it
 * failed. */
#ifndef TIDEGATE_CLI_EXPLAIN_TLS_H
#define TIDEGATE_CLI_EXPLAIN_TLS_H

#include "cli/explain.h"

bool explain_set_up_tls(struct explain *ex, struct error *error) MUST_CHECK;
bool explain_handshake(struct explain *ex);
/* Why the library gave up, from its error queue. ssl_error: of SSL_get_error. */
bool explain_fail_tls(struct explain *ex, int ssl_error);

#endif

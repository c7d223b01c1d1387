/* Passthrough: the client's TLS is carried to a server of the backend untouched, the ClientHello
 * that was read included. Created when the site has been chosen; ends its session. */
#ifndef TIDEGATE_GATEWAY_PASSTHROUGH_H
#define TIDEGATE_GATEWAY_PASSTHROUGH_H

#include "gateway/session.h"

/* first_bytes: all that was read of the client's TLS so far; copied. starttls: how the server is
 * asked for TLS before it gets them. */
void passthrough_start(struct session *session, const struct backend *backend,
                       enum site_starttls starttls, struct span first_bytes);
/* Ends it and writes its log line; the session is being closed. */
void passthrough_destroy(struct passthrough *passthrough);

#endif

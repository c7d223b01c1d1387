/* What TLS says of a client that is lost (tls/tls_trouble.h), in the line of its connection. */
#ifndef TIDEGATE_GATEWAY_TLS_TROUBLE_H
#define TIDEGATE_GATEWAY_TLS_TROUBLE_H

#include "gateway/session.h"
#include "tls/tls_trouble.h"

/* A client is lost: reads what is left of it for an alert, writes the line of its connection if
 * TLS has failed, and returns the word for its requests; else `word`. */
const char *tls_trouble_of_client(struct session *session, const char *word) MUST_CHECK;

#endif

/* What TLS says of a connection that is lost: alerts and broken records come whenever they come, in
 * the handshake (session.c, dial.c) or with the first read, as a TLS 1.3 server's word about our
 * client certificate does, or in the middle of a response. One function for all of them. */
#ifndef TIDEGATE_GATEWAY_TLS_TROUBLE_H
#define TIDEGATE_GATEWAY_TLS_TROUBLE_H

#include "gateway/session.h"
#include "upstream/backend.h"

struct tls_trouble {
    struct trouble trouble; /* may point into text */
    bool by_peer;           /* it sent an alert; else it is what we found */
    char text[256];
};

/* False: the connection is plain, or its TLS has not failed. */
bool tls_trouble_of(const struct conn *conn, struct tls_trouble *out) MUST_CHECK;
/* The same of a server's; also notes it for `tidegate status --handshakes`. */
bool tls_trouble_of_server(struct client *client, const struct conn *conn,
                           const struct backend *backend, size_t server,
                           struct tls_trouble *out) MUST_CHECK;
/* A client is lost: reads what is left of it for an alert, writes the line of its connection if
 * TLS has failed, and returns the word for its requests; else `word`. */
const char *tls_trouble_of_client(struct session *session, const char *word) MUST_CHECK;

#endif

/* What TLS says of a connection that is lost: alerts and broken records come whenever they come, in
 * the handshake or with the first read, as a TLS 1.3 server's word about our client certificate
 * does, or in the middle of a response. One function for all of them. */
#ifndef TIDEGATE_TLS_TLS_TROUBLE_H
#define TIDEGATE_TLS_TLS_TROUBLE_H

#include "base/check.h"
#include "base/trouble.h"
#include "io/conn.h"

struct tls_trouble {
    struct trouble trouble; /* may point into text */
    bool by_peer;           /* it sent an alert; else it is what we found */
    char text[256];
};

/* False: the connection is plain, or its TLS has not failed. */
bool tls_trouble_of(const struct conn *conn, struct tls_trouble *out) MUST_CHECK;

#endif

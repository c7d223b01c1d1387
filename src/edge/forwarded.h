/* The fields that tell a backend who the client was: X-Forwarded-For, -Proto, -Host, -Port, and
 * Forwarded (RFC 7239). Only values are written here; the caller removes the inbound copies always,
 * and passes them as `previous` only when the peer is a trusted proxy. */
#ifndef TIDEGATE_EDGE_FORWARDED_H
#define TIDEGATE_EDGE_FORWARDED_H

#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"
#include "http/message.h"

/* What is kept of earlier hops' lists; beyond that the oldest elements are dropped, since the
 * newest are the ones that trusted proxies wrote. */
#define FORWARDED_PREVIOUS_MAX 4096

struct forwarded_from {
    struct span client;   /* "203.0.113.7" or "2001:db8::7", no brackets, no port; anything that is
                             not an address ("unix", empty) is written as "unknown" */
    uint16_t client_port; /* 0: leave it out of Forwarded */
    uint16_t local_port;  /* that the connection came to; 0: leave X-Forwarded-Port out */
    bool is_tls;
    struct span authority;              /* of the request; ptr NULL: none */
    const struct http_fields *previous; /* the request's fields; NULL unless the peer is trusted */
};

/* In the arena, or static; ptr NULL: do not send that field. */
struct forwarded {
    struct span x_for;     /* previous list, then the client's address */
    struct span x_proto;   /* a trusted proxy's, else "http" or "https" */
    struct span x_host;    /* a trusted proxy's, else the authority */
    struct span x_port;    /* a trusted proxy's, else local_port */
    struct span forwarded; /* previous list, then for=, host=, proto= (RFC 7239 section 4) */
};

void forwarded_write(const struct forwarded_from *from, struct arena *arena,
                     struct forwarded *values);

#endif

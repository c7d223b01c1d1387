/* The fields that tell a server who the client is and how it came: X-Forwarded-For, -Proto, -Host,
 * -Port, X-Real-IP, and Forwarded (RFC 7239). All of them say what client_view.h says, in two
 * spellings. Only values are written here; the caller removes the inbound copies. */
#ifndef TIDEGATE_EDGE_FORWARDED_H
#define TIDEGATE_EDGE_FORWARDED_H

#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"
#include "edge/client_view.h"

struct forwarded_from {
    const struct client_view *view;
    struct span peer;   /* whose connection it is: as client_view_from.peer */
    uint16_t peer_port; /* 0: leave it out of Forwarded */
};

/* In the arena, or static; ptr NULL: do not send that field. */
struct forwarded {
    struct span x_for;   /* what earlier hops said, then the peer's address, or "unknown" */
    struct span x_proto; /* "http" or "https" */
    struct span x_host;
    struct span x_port;
    struct span x_real_ip; /* the client's address */
    struct span forwarded; /* for=, host=, proto= (RFC 7239 section 4), in the order of x_for */
};

void forwarded_write(const struct forwarded_from *from, struct arena *arena,
                     struct forwarded *values);

#endif

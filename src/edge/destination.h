/* Destination of WebDAV's COPY and MOVE (RFC 4918 section 10.3): a URL that the client made of what
 * it sees, and that the server compares with what it sees itself. No I/O. */
#ifndef TIDEGATE_EDGE_DESTINATION_H
#define TIDEGATE_EDGE_DESTINATION_H

#include "base/arena.h"
#include "edge/client_view.h"

struct destination {
    bool is_https;
    struct span authority; /* host[:port] as written */
    struct span host;      /* without the port */
    uint16_t port;         /* its scheme's, where it names none */
    struct span rest;      /* path and query */
};

/* False: a path alone, or no URL of http or https. */
bool destination_parse(struct span value, struct destination *destination) MUST_CHECK;

/* What the server is to read: its own scheme, and in place of the host that the client sees
 * (view->host) the one that it gets in Host. `is_ours`: the host is another one of the same site;
 * it stays as it is. Absent (ptr NULL): the value goes on as it came, being of somebody else's, or
 * right already. */
struct span destination_for_server(const struct destination *destination,
                                   const struct client_view *view, bool is_ours,
                                   bool server_is_https, struct span server_authority,
                                   struct arena *arena);

#endif

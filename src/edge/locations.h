/* URLs of its own that a server answers with (Location, Content-Location, Refresh, and the Domain
 * and Path of its cookies), as the client is to read them: the server may be asked under another
 * name, by another scheme, or below another path (`rewrite`). What names somebody else stays as it
 * is. The other way round is edge/destination.h. No I/O, no globals. */
#ifndef TIDEGATE_EDGE_LOCATIONS_H
#define TIDEGATE_EDGE_LOCATIONS_H

#include "base/arena.h"
#include "edge/client_view.h"
#include "settings/settings.h"

struct locations_from {
    const struct client_view *view;
    struct span sent;   /* the Host that the server got, host[:port] */
    struct span server; /* its own address, the same; empty: it has none that a URL could name */
    bool server_is_https;
    const struct rewrite_settings *rewrite; /* of the route; NULL: none */
};

/* The value of Location or Content-Location; ptr NULL: it goes on as it came. */
struct span location_for_client(struct span value, const struct locations_from *from,
                                struct arena *arena) MUST_CHECK;
/* Of Refresh: "5; url=/there". */
struct span refresh_for_client(struct span value, const struct locations_from *from,
                               struct arena *arena) MUST_CHECK;
/* Of Set-Cookie (RFC 6265 section 4.1); has_moved: Domain and Path follow, else `cookies` alone
 * counts, which may be NULL. */
struct span set_cookie_for_client(struct span value, const struct locations_from *from,
                                  bool has_moved, const struct cookies_settings *cookies,
                                  struct arena *arena) MUST_CHECK;

#endif

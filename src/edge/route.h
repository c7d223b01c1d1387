/* Routes: which of a site's rules serves a request, by path and method.
 *
 * The first route in the file's order that matches both is taken. A path pattern is exact, or, when
 * it ends in '*', a prefix as written: "/v1/" "*" matches "/v1/" and all below, not "/v1". Patterns
 * and paths are compared in path_normalise's `match` form, with regard to case. Built once, then
 * only read; no I/O. A route may also be for some clients alone, told by their certificates. */
#ifndef TIDEGATE_EDGE_ROUTE_H
#define TIDEGATE_EDGE_ROUTE_H

#include "base/arena.h"
#include "base/span.h"
#include "edge/client_rule.h"

struct route_match {
    struct span path; /* without the '*' of a prefix */
    bool is_prefix;
    const struct span *methods; /* empty: all but TRACE and CONNECT. GET allows HEAD too. */
    size_t method_count;
    const struct client_rule *client; /* NULL: whoever it is */
};

/* The memory of both is the caller's. */
struct route_table {
    const struct route_match *routes;
    size_t count;
};

enum {
    ROUTE_NONE = -1,
    ROUTE_METHOD_NOT_ALLOWED = -2, /* a path matched, its methods did not: 405 with Allow */
    ROUTE_CLIENT_REFUSED = -3 /* path and method matched, the client's certificate did not: 403 */
};

/* `pattern` as in the configuration; `methods` is copied, its strings are referenced; `client` is
 * left NULL. */
void route_match_init(struct route_match *match, const char *pattern, const char *const *methods,
                      size_t method_count, struct arena *arena);

/* The index of the route, or one of the above. `path` is path.match; "*" (OPTIONS *) matches the
 * prefixes "/" and "". TRACE matches only a route that names it, CONNECT none (RFC 9110 sections
 * 9.3.6 and 9.3.8). */
int route_table_find(const struct route_table *table, struct span path, struct span method);
/* The same for a client with a verified certificate; NULL: it showed none. */
int route_table_find_for(const struct route_table *table, struct span path, struct span method,
                         const struct client_names *client);
/* Whether some route of the table asks who the client is. */
bool route_table_asks_client(const struct route_table *table);

/* The value of Allow for ROUTE_METHOD_NOT_ALLOWED (RFC 9110 section 10.2.1): the methods of all
 * routes that match the path, each once. */
struct span route_table_allow(const struct route_table *table, struct span path,
                              struct arena *arena) MUST_CHECK;

#endif

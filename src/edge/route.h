/* Routes: which of a site's rules serves a request, by path and method.
 *
 * The first route in the file's order that matches both is taken. A path pattern is exact, or, when
 * it ends in '*', a prefix as written: "/v1/" "*" matches "/v1/" and all below, not "/v1". Patterns
 * and paths are compared in path_normalise's `match` form, with regard to case. Built once, then
 * only read; no I/O. A route may also be for some clients alone, told by their certificates. */
#ifndef TIDEGATE_EDGE_ROUTE_H
#define TIDEGATE_EDGE_ROUTE_H

#include "base/arena.h"
#include "base/pattern.h"
#include "base/span.h"
#include "edge/client_rule.h"

struct route_match {
    struct span path; /* without the '*' of a prefix */
    bool is_prefix;
    const struct pattern *regex; /* found in the path besides; NULL: any */
    const struct span *methods;  /* empty: all but TRACE and CONNECT. GET allows HEAD too. */
    size_t method_count;
    const struct client_rule *client; /* NULL: whoever it is */
    /* `else: deny`: what fits all but the last of its conditions (client, else methods) is refused
     * instead of going on to the routes behind it. */
    bool is_final;
    bool refuses;    /* it answers with an error itself */
    bool is_guarded; /* whoever asks has to say who it is */
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

/* `pattern` as in the configuration; `methods` is copied, its strings are referenced; `client` and
 * `regex` are left NULL. */
void route_match_init(struct route_match *match, const char *pattern, const char *const *methods,
                      size_t method_count, struct arena *arena);

/* A client that fits every rule: for questions about what could be. */
extern const struct client_names route_any_client;
/* One whose certificate was not verified: it fits none. */
extern const struct client_names route_unverified_client;

/* The index of the route, or one of the above. `path` is path.match; "*" (OPTIONS *) matches the
 * prefixes "/" and "". TRACE matches only a route that names it, CONNECT none (RFC 9110 sections
 * 9.3.6 and 9.3.8). */
int route_table_find(const struct route_table *table, struct span path, struct span method);
/* The same for a client with a verified certificate; NULL: it showed none. */
int route_table_find_for(const struct route_table *table, struct span path, struct span method,
                         const struct client_names *client);
/* The same for several readings of a path that would be found one by one: which of two results lets
 * less through. Refusals first, by the client, by an answer of the route's own, by the method, as
 * there is no route; then routes for some clients alone; between equals, the one that was found
 * first. */
int route_table_stricter(const struct route_table *table, int first, int second) MUST_CHECK;
/* Whether each request that `narrow` fits by path and method is fit by `wide` too. */
bool route_match_covers(const struct route_match *wide, const struct route_match *narrow);
/* Whether `wide` fits all paths of `narrow`, and some of its methods. */
bool route_match_opens(const struct route_match *wide, const struct route_match *narrow);
/* Whether it fits every path. */
bool route_match_is_all(const struct route_match *match);
/* Whether some route of the table asks who the client is. */
bool route_table_asks_client(const struct route_table *table);

/* The value of Allow for ROUTE_METHOD_NOT_ALLOWED (RFC 9110 section 10.2.1): the methods of all
 * routes that match the path, each once. */
struct span route_table_allow(const struct route_table *table, struct span path,
                              struct arena *arena) MUST_CHECK;

#endif

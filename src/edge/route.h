/* Routes: which of a site's rules serves a request.
 *
 * The first route in the file's order all of whose conditions hold is taken. They are asked in this
 * order: the path (a path pattern and a regular expression), the methods, what else `match` says
 * (edge/condition.h), and who the client is by its certificate. A path pattern is exact, or, when
 * it ends in '*', a prefix as written: "/v1/" "*" matches "/v1/" and all below, not "/v1"; or, when
 * it begins with '*', a suffix. Patterns and paths are compared in path_normalise's `match` form,
 * with regard to case. A search that is given up (base/pattern.h) decides nothing, so nothing is
 * chosen at all. Built once, then only read; no I/O. */
#ifndef TIDEGATE_EDGE_ROUTE_H
#define TIDEGATE_EDGE_ROUTE_H

#include "base/arena.h"
#include "base/pattern.h"
#include "base/span.h"
#include "edge/client_rule.h"
#include "edge/condition.h"

struct route_match {
    struct text_match path;
    const struct pattern *regex; /* found in the path besides; NULL: any */
    const struct span *methods;  /* empty: all but TRACE and CONNECT. GET allows HEAD too. */
    size_t method_count;
    const struct condition *condition; /* NULL: none */
    const struct client_rule *client;  /* NULL: whoever it is */
    /* `else: deny`: what fits all but the last kind of its conditions (client, else condition, else
     * methods) is refused instead of going on to the routes behind it. */
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
    ROUTE_CLIENT_REFUSED = -3,     /* all but the client's certificate matched: 403 */
    ROUTE_CONDITION_REFUSED = -4,  /* path and method matched, and nothing else may serve it: 403 */
    ROUTE_UNDECIDED = -5           /* a search was given up */
};

/* `pattern` as in the configuration; `methods` is copied, its strings are referenced; all else is
 * left as it is where a route asks for no more. */
void route_match_init(struct route_match *match, const char *pattern, const char *const *methods,
                      size_t method_count, struct arena *arena);

/* A client that fits every rule: for questions about what could be. */
extern const struct client_names route_any_client;
/* One whose certificate was not verified: it fits none. */
extern const struct client_names route_unverified_client;

/* ---- one route ---- */

enum route_fit {
    ROUTE_FITS,
    ROUTE_FAILS_PATH,
    ROUTE_FAILS_REGEX,
    ROUTE_FAILS_METHOD,
    ROUTE_FAILS_CONDITION,
    ROUTE_FAILS_CLIENT,
    ROUTE_FAILS_SEARCH /* it was given up */
};

/* `client`: with a verified certificate; NULL: it showed none. *failed: the condition, with
 * ROUTE_FAILS_CONDITION. TRACE matches only a route that names it, CONNECT none (RFC 9110 sections
 * 9.3.6 and 9.3.8). */
enum route_fit route_match_check(const struct route_match *match, struct match_facts *facts,
                                 const struct client_names *client,
                                 const struct condition **failed) MUST_CHECK;
/* Whether a request that does not fit so goes no further, and what becomes of it (one of the
 * above). */
bool route_match_ends(const struct route_match *match, enum route_fit fit, int *result) MUST_CHECK;

/* What the capture of that name of the route's regular expression found in the path; absent: there
 * is none, or it took no part. Searched for anew: only who asks pays. */
struct span route_match_capture(const struct route_match *match, struct span path,
                                struct span name) MUST_CHECK;

/* ---- all of a site ---- */

/* The index of the route, or one of the above. */
int route_table_find(const struct route_table *table, struct match_facts *facts,
                     const struct client_names *client);
/* The same for several readings of a path that would be found one by one: which of two results lets
 * less through. What is undecided first, then refusals by the client, by a condition, by an answer
 * of the route's own, by the method, as there is no route; then routes for some clients or requests
 * alone; between equals, the one that was found first. */
int route_table_stricter(const struct route_table *table, int first, int second) MUST_CHECK;
/* Whether each request that `narrow` fits is fit by `wide` too, whoever the client is. */
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

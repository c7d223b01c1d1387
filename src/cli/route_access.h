/* What `auth` and `access` make of a request that is asked about: the same functions as live
 * traffic's, and files read now. */
#ifndef TIDEGATE_CLI_ROUTE_ACCESS_H
#define TIDEGATE_CLI_ROUTE_ACCESS_H

#include "access/access_rules.h"
#include "cli/route_request.h"

/* "by basic or api_key; others get 401"; NULL: the route asks nobody who he is. In the arena. */
const char *route_auth_text(const struct route_settings *route, struct arena *arena);

struct route_access {
    bool is_asked; /* there are rules, or the question says who it is */
    bool passes;
    unsigned status;    /* where it does not; 0: the rules cannot be asked */
    const char *reason; /* as in the access log; NULL: it passes */
    const char *rule;   /* NULL: no rule was asked */
    const char *text;   /* for people; in the arena */
    struct place place; /* of the rule, or of `auth` */
};

/* For a route that has been found for the request, on that path. */
struct route_access route_access_ask(struct route_request *request,
                                     const struct site_settings *site,
                                     const struct route_settings *route,
                                     const struct edge_site *edge, const struct path *path);
/* For a connection that is passed on, by a site's or a listener's rules. */
struct route_access route_access_ask_connection(const struct settings *settings,
                                                const struct access_settings *rules,
                                                const char *name,
                                                const struct route_question *question,
                                                struct arena *arena);
/* What a route that answers by itself says. In the arena. */
const char *route_respond_text(const struct route_settings *route, struct arena *arena);
/* "100 in 60 s of each address (per-client)", of a site and a route; NULL: none. In the arena. */
const char *route_rates_text(const struct site_settings *site, const struct route_settings *route,
                             struct arena *arena);

#endif

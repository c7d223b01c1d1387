/* A question to `tidegate route` as the request that edge/serve.h decides on, and what each route
 * said to it. */
#ifndef TIDEGATE_CLI_ROUTE_REQUEST_H
#define TIDEGATE_CLI_ROUTE_REQUEST_H

#include "cli/route_question.h"
#include "edge/client_view.h"
#include "edge/serve.h"
#include "http/message.h"
#include "settings/settings.h"

/* A route that was asked, and was not taken. */
struct route_try {
    const struct route_settings *route;
    const char
        *failed;      /* which of its conditions: path, regex, methods, condition, client, search */
    const char *text; /* the same for people */
};

struct route_request {
    const struct route_question *question;
    const struct settings *settings;
    struct arena *arena;
    struct http_request message;
    struct client_view view; /* of a peer that is trusted */
    bool is_peer_trusted;
    struct span authority; /* what the client writes in Host */
    struct edge_request edge;
};

/* `connected`: the site of the TLS connection; NULL: plain. *request must not move after that. */
void route_request_init(struct route_request *request, const struct route_question *question,
                        const struct settings *settings, const struct host_table *hosts,
                        const struct edge_site *connected, struct arena *arena);

/* The routes that were asked before the decision, each with what kept it from being taken, and how
 * many they are. For a decision that routes were asked for; `site` is its. In the arena. */
const struct route_try *route_request_tries(struct route_request *request,
                                            const struct edge_decision *decision,
                                            const struct site_settings *site,
                                            size_t *count) MUST_CHECK;

#endif

/* What another server may be told of a request, so that it can decide about it. In the request's
 * arena. */
#ifndef TIDEGATE_AUTH_OUTGOING_H
#define TIDEGATE_AUTH_OUTGOING_H

#include "http/message.h"

struct auth_outgoing {
    /* The client's, but for those that belong to one connection, are about the body, are conditions
     * of the response or ranges of it, and those that their sender may not say. */
    struct http_fields fields;
    /* The gateway's own: X-Forwarded-For, -Proto, -Host, -Port, -Method and -Uri, X-Real-IP,
     * X-Original-Method and -URL, X-Request-ID. None of `fields` is like one of them. */
    struct http_fields own;
    struct span scheme;
    struct span host;   /* as the client sees it, with its port */
    struct span target; /* as servers get it, with the query */
};

#endif

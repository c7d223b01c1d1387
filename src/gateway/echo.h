/* The answer of `respond: {echo: true}`: the request as the gateway understood it, as JSON. */
#ifndef TIDEGATE_GATEWAY_ECHO_H
#define TIDEGATE_GATEWAY_ECHO_H

#include "http/message.h"

/* What the request itself does not say; spans with ptr NULL become null. */
struct echo_facts {
    struct span client;   /* "203.0.113.7:51234" */
    struct span listener; /* "0.0.0.0:443" */
    struct span server;   /* the site's name */
    bool is_tls;
    struct span tls_version; /* "TLSv1.3" */
    struct span tls_cipher;
    struct span sni;
    struct span client_subject; /* of the client's certificate */
    uint64_t body_bytes;        /* received */
};

/* {"method", "target", "path", "query", "version": "HTTP/1.1", "scheme", "authority",
 *  "fields": [[name, value], ...], "client", "listener", "server", "body_bytes",
 *  "tls": null | {"version", "cipher", "sni", "client_subject"}} and a line end, application/json.
 * Bounded by the request's own limits: at most six times the head. */
struct span echo_json(struct arena *arena, const struct http_request *request,
                      const struct echo_facts *facts) MUST_CHECK;

#endif

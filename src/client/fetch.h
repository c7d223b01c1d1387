/* A fetch: one document from where a URL says, over `call`, for the gateway itself: OCSP responses,
 * key sets, discovery, introspection. Not for clients' requests, which have a backend.
 *
 *   LOOKING_UP --addresses, each looked at--> ASKING --whole, refused, late--> OVER
 *
 * Everything has a bound: the time as a whole, from the name's lookup to the last byte, the head
 * (the client's settings) and the body. Redirects are not followed, and the body of a response
 * other than 2xx is not read. Each fetch has a connection of its own, which ends with it.
 *
 * Runs on the loop of the client it is given, and nothing in it blocks that. */
#ifndef TIDEGATE_CLIENT_FETCH_H
#define TIDEGATE_CLIENT_FETCH_H

#include "base/url.h"
#include "client/client.h"
#include "http/message.h"

struct tls_context;
struct fetch;

struct fetch_field {
    const char *name;
    struct span value;
};

/* Copied by fetch_start, but for tls and names. */
struct fetch_ask {
    struct url url;
    enum http_method method;          /* HTTP_GET or HTTP_POST */
    struct span body;                 /* of a POST */
    const struct fetch_field *fields; /* besides Host, User-Agent and Content-Length */
    size_t field_count;
    uint64_t timeout_ms;
    size_t body_max;         /* bytes of the response's */
    struct tls_context *tls; /* for https; lives longer than the fetch and its loop's next turn */
    struct resolver *names;  /* NULL: the client's. Lives longer than the fetch */
    /* Whether an address of the host may be asked, as the name says now; those that may not are
     * passed over. NULL: all may. */
    bool (*may_ask)(const void *arg, const struct peer *peer);
    const void *may_ask_arg;
};

enum fetch_how {
    FETCH_DONE,      /* a whole response, or the head of one that is not 2xx */
    FETCH_FORBIDDEN, /* the host has no address that may be asked */
    FETCH_TIMEOUT,
    FETCH_TOO_LARGE, /* the body is over body_max */
    FETCH_FAILED     /* anything else */
};

/* Valid until on_done returns. */
struct fetch_result {
    enum fetch_how how;
    const char *problem; /* what went wrong and, where that can be said, what to do; NULL: DONE */
    unsigned status;     /* with DONE */
    const struct http_fields *fields;
    struct span body;
};

/* on_done is called once, from the loop, never from inside fetch_start; the fetch is freed behind
 * it. */
struct fetch *fetch_start(struct client *client, const struct fetch_ask *ask, void *owner,
                          void (*on_done)(void *owner, const struct fetch_result *result));
/* on_done is not called any more. The loop must make a turn before it ends. Not after on_done;
 * NULL is allowed. */
void fetch_cancel(struct fetch *fetch);

#endif

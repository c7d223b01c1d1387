/* Whether a connection goes on after a message: the one answer for both sides of the gateway, asked
 * when a response's head is written (which says so), when the exchange has ended (which acts so),
 * and before a server's connection is kept for another request (RFC 9112 sections 9.3 and 9.6). Of
 * HTTP/2 connections single streams end, not these. No I/O, no state. */
#ifndef TIDEGATE_HTTP_REUSE_H
#define TIDEGATE_HTTP_REUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "http/message.h"

/* What of a request's body that nobody wants any more is read and dropped, so that its connection
 * can be used again; in bytes. More costs the client less when it connects anew. */
#define REUSE_SHORT_REST ((uint64_t)65536)

/* What of the request has not come when its response is at hand. */
enum reuse_rest {
    REUSE_REST_NONE,
    REUSE_REST_CARRIED, /* it goes on to the server, to its end */
    REUSE_REST_SHORT,   /* nobody wants it, but it is known to be short */
    REUSE_REST_LONG     /* nobody wants it, or it may never come */
};

struct reuse_facts {
    bool is_server;  /* the peer: else it is a client */
    bool peer_keeps; /* by the version and the Connection field of the peer's message, and because
                        our message's end can be told without the connection's */
    bool we_close;   /* an error after which nothing can be trusted, a drain, a setting */
    bool has_unread; /* bytes have come, or may have, behind the message: a client's next request;
                        of a server, what nobody asked for */
    bool is_refusal; /* the response's status is 300 or more */
    enum reuse_rest rest;
};

enum reuse {
    REUSE_GOES_ON,
    REUSE_ENDS,   /* the peer is not sending: it may be closed as soon as all is out */
    REUSE_LINGERS /* it ends too, but the peer may be sending: it is heard for a while, so that a
                     RST does not take the answer away (RFC 9112 section 9.6) */
};

enum reuse reuse_after(const struct reuse_facts *facts);

/* What a rest is. `is_carried`: a server is there that may take it. `is_held_back`: the client has
 * asked whether it may send the body (Expect: 100-continue), has not been told so, and none has
 * come: it may leave it out. `left`: the bytes that are to come; UINT64_MAX: unknown. */
enum reuse_rest reuse_rest_of(bool request_done, bool is_carried, bool is_held_back, uint64_t left);

/* How long a connection may rest before its next request, in milliseconds, where ours would for
 * `usual_ms`: less than the peer says that it keeps it (Keep-Alive: timeout=SECONDS, RFC 2068
 * section 19.7.1), so that it is never closed there just as it is used. 0: it must not rest. */
uint64_t reuse_rest_ms(const struct http_fields *fields, uint64_t usual_ms);

#endif

/* What a call asks of a connection to a server, of whatever HTTP version. Embedded as the first
 * member of a back_h1 (a connection) or of one stream of an HTTP/2 connection.
 *
 * A back is leased to one call at a time: from send_head to release, or until it reports a failure
 * (call_failed), after which the call does not touch it any more. */
#ifndef TIDEGATE_CLIENT_BACK_H
#define TIDEGATE_CLIENT_BACK_H

#include "client/call_base.h"

/* How a lease ends. */
enum back_end {
    BACK_END_BROKEN,
    BACK_END_HELD_BACK, /* in order, but for a body that nobody has begun to send */
    BACK_END_IN_ORDER   /* request and response came to their ends */
};

struct back_ops {
    /* The request's head. is_end: it has no body. */
    void (*send_head)(struct back *back, struct call *call, bool is_end);
    /* Whether body bytes would go out now; when that becomes true again: call_ops.writable. */
    bool (*takes_body)(const struct back *back);
    /* By reference, valid during the call's event only. */
    void (*send_body)(struct back *back, struct span bytes);
    void (*send_end)(struct back *back, const struct http_fields *trailers);
    /* Whether the server may still take what is left of the request, its response being whole. When
     * that changes: call_failed. */
    bool (*is_listening)(const struct back *back);
    /* Whether the request, to its end, is on its way to the server, so that the back may go. When
     * that becomes true: call_ops.writable. */
    bool (*is_sent)(const struct back *back);
    /* More of the response is taken. */
    void (*resume)(struct back *back);
    /* Whether more of the response is here already, and only waits for its turn. */
    bool (*has_more)(const struct back *back);
    /* The response is not one to pass on: `failed` follows, at once or when that may be. */
    void (*reject)(struct back *back, const struct trouble *trouble);
    /* From here on it is that call's, which is like the one that had it but for its response. Not
     * while it reports something. */
    void (*move)(struct back *back, struct call *to);
    /* Ends the lease. */
    void (*release)(struct back *back, enum back_end end);
    /* The connection, where a body of known length may be moved by splice; NULL where not. */
    struct conn *(*raw)(struct back *back);
    /* After 101: the connection, for a tunnel; *rest: bytes behind the head, valid until the next
     * read. NULL: this kind never answers 101. */
    struct conn *(*take_over)(struct back *back, struct span *rest);
    /* After an upgrade, where a side has no connection to give away: from here on send_body,
     * send_end and call_ops.body carry the other protocol's bytes. */
    void (*go_raw)(struct back *back);
};

struct back {
    const struct back_ops *ops;
    const struct client_conn *on; /* while a call has it */
};

#endif

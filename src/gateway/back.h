/* What an exchange asks of its server's side, of whatever HTTP version. Embedded as the first
 * member of a back_h1 (a connection) or of one stream of an HTTP/2 connection.
 *
 * A back is leased to one exchange at a time: from send_head to release, or until it reports a
 * failure (exchange_back_failed), after which the exchange does not touch it any more. */
#ifndef TIDEGATE_GATEWAY_BACK_H
#define TIDEGATE_GATEWAY_BACK_H

#include "edge/retry.h"
#include "gateway/exchange.h"

struct back_ops {
    /* The request's head, with its end if it has no body. May fail the exchange at once. */
    void (*send_head)(struct back *back, struct exchange *x);
    /* Whether body bytes would go out now; when that becomes true again: exchange_back_writable. */
    bool (*takes_body)(const struct back *back);
    /* By reference, valid during the call's event only. */
    void (*send_body)(struct back *back, struct span bytes);
    void (*send_end)(struct back *back, const struct http_fields *trailers);
    /* Whether the server may still take what is left of the request, its response being whole. When
     * that changes: exchange_back_failed. */
    bool (*is_listening)(const struct back *back);
    /* Whether the request, to its end, is on its way to the server, so that the back may go. When
     * that becomes true: exchange_back_writable. */
    bool (*is_sent)(const struct back *back);
    /* The front takes more of the response. */
    void (*resume)(struct back *back);
    /* Whether more of the response is here already, and only waits for its turn. */
    bool (*has_more)(const struct back *back);
    /* Ends the lease. reusable: request and response came to their ends in order. */
    void (*release)(struct back *back, bool reusable);
    /* The connection, where a body of known length may be moved by splice; NULL where not. */
    struct conn *(*raw)(struct back *back);
    /* After 101: the connection, for a tunnel; *rest: bytes behind the head, valid until the next
     * read. NULL: this kind never answers 101. */
    struct conn *(*take_over)(struct back *back, struct span *rest);
    /* After 101, for a front that has no connection to give away: from here on send_body,
     * send_end and exchange_response_body carry the other protocol's bytes. NULL: as above. */
    void (*go_raw)(struct back *back);
};

struct back {
    const struct back_ops *ops;
};

#endif

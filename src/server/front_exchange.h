/* One request and its response, as its front sees them. The exchange behind it, which routes,
 * forwards or answers, is not known here: it embeds a struct front_exchange, and does exchange_ops.
 *
 *   front --behind: begin, request_body, request_end--> exchange
 *   front <--ops: head, body, end, done---------------- exchange
 *
 * Who may call whom when:
 * - Each side may be called by the other before its own call returns: `begin` may answer at once. A
 *   front therefore takes for granted that its exchange may be done after any call behind it, and
 *   looks before it goes on.
 * - `done` is the last call, and never reads, from this connection or any other: whoever calls
 *   behind it may be in the middle of what the thread's receive buffer holds. What is to be read
 *   next the front reads in a turn of its own. `resume` may read, and so is not called by who is
 *   being called inside a library (client/call.h).
 * - Inside the callbacks of nghttp2, on either side, frames may be submitted, windows changed and
 *   the other side be told; nothing is read, no library is entered again, and no connection ends:
 *   that is noted, and done once the library has returned. conn_hold_bytes asserts it. */
#ifndef TIDEGATE_SERVER_FRONT_EXCHANGE_H
#define TIDEGATE_SERVER_FRONT_EXCHANGE_H

#include "base/arena.h"
#include "base/trouble.h"
#include "edge/idle.h"
#include "http/message.h"
#include "server/link.h"
#include "settings/choices.h"

struct front_exchange;

/* What a front does for its exchange. */
struct front_ops {
    /* Whether the client takes a head of that size; NULL: any. Asked before `head`, of a server's
     * response: one that it does not take is never begun. */
    bool (*takes_head)(const struct front_exchange *x, const struct http_response *response);
    /* 1xx, but not 101. */
    void (*interim)(struct front_exchange *x, const struct http_response *response);
    /* The final head; response->framing says what follows. Hop-by-hop fields are marked, and not
     * sent. */
    void (*head)(struct front_exchange *x, const struct http_response *response);
    void (*body)(struct front_exchange *x, struct span bytes);
    void (*end)(struct front_exchange *x, const struct http_fields *trailers);
    /* Whether more of the response would only wait. */
    bool (*is_blocked)(const struct front_exchange *x);
    /* The same, once what was given has gone out as far as the client takes it. False: it would
     * wait; behind->writable tells when that ends, and the client's deadline runs. */
    bool (*poll)(struct front_exchange *x);
    /* While it is not blocked: how many bytes of the response would not wait for long. A piece may
     * be larger where it cannot be cut. NULL: any number. */
    size_t (*room)(const struct front_exchange *x);
    /* behind->takes_body may have become true. */
    void (*resume)(struct front_exchange *x);
    /* The last call. is_broken: the response could not be completed, and the client must be able to
     * tell. */
    void (*done)(struct front_exchange *x, bool is_broken);
    /* 101 was sent: the connection to carry on with, to be given to a tunnel; bytes that
     * were read beyond the request are in *rest. The member is NULL where a front has no
     * connection to give away: the bytes then go on as bodies do (x->is_tunnel), and the client
     * gets 200 instead of 101 (RFC 8441 section 5). */
    struct conn *(*upgrade)(struct front_exchange *x, struct span *rest);
    /* 101 was sent, and it is the server's side that has no connection to give away: from here on
     * the client's bytes come as a body does, and the response's go out without framing
     * (x->is_tunnel). NULL where `upgrade` is. */
    void (*go_raw)(struct front_exchange *x);
    /* The connection, where bodies may be moved by splice and sendfile; NULL where not (frames).
     * Only between head and end of a response of known length, or one that ends with the
     * connection. */
    struct conn *(*raw)(struct front_exchange *x);
};

/* Why a response is not passed on that front_ops.takes_head does not take. */
static inline struct trouble front_head_above_client(void)
{
    return (struct trouble){"response_head_above_client",
                            "the response's head or trailers are larger than the client says it "
                            "takes (SETTINGS_MAX_HEADER_LIST_SIZE)",
                            "raise the client's limit, or see why the server sends so much"};
}

/* What is behind it. */
struct exchange_ops {
    /* x->request is whole; request_done is set if it has no body. */
    void (*begin)(struct front_exchange *x);
    /* Answers with an error and ends; `closes` the client's connection. Texts are static, or live
     * in the arena. */
    void (*refuse)(struct front_exchange *x, unsigned status, bool closes,
                   const struct trouble *trouble);
    /* Whether body bytes would be taken now; if not, `resume` tells. */
    bool (*takes_body)(const struct front_exchange *x);
    void (*request_body)(struct front_exchange *x, struct span bytes);
    void (*request_end)(struct front_exchange *x, struct http_fields *trailers);
    /* The server's connection, where a body of known length may be moved by splice; NULL where not.
     * What is moved is told with request_moved. */
    struct conn *(*raw)(const struct front_exchange *x);
    void (*request_moved)(struct front_exchange *x, uint64_t bytes);
    /* Whether the client asked if it may send the body, and may yet leave it out. */
    bool (*is_held_back)(const struct front_exchange *x);
    /* Whether a server has it, or is about to. */
    bool (*is_forwarded)(const struct front_exchange *x);
    /* For how long the client may be silent, and the limit's name. */
    struct idle_limit (*idle_of_client)(const struct front_exchange *x);
    /* Whether the body comes fast enough: `moved` bytes came in timeouts.body. `was_held`: the
     * server did not take it all the time. If not, body_limit names the limit. */
    bool (*body_comes)(const struct front_exchange *x, uint64_t moved, bool was_held);
    struct idle_limit (*body_limit)(const struct front_exchange *x, uint64_t moved);
    /* Whether more of the response will be given at once, when it is its turn. */
    bool (*has_more)(const struct front_exchange *x);
    void (*writable)(struct front_exchange *x);
    /* The client has gone. No call to the front follows. */
    void (*abandon)(struct front_exchange *x, const char *reason);
};

/*   START --a phase waits--> PHASES, then as from START
 *     |---answered here----> DISCARD --its body has come and gone, or in a moment--> RESPOND
 *     `---forwarded--------> FORWARD --the response's head--> RESPOND --its end--> DONE
 *                               |                                `--more request--> REST --> DONE
 *                               `--101--> TUNNEL --> DONE */
enum exchange_state {
    EXCHANGE_START,   /* routing */
    EXCHANGE_PHASES,  /* a phase of the route waits for something */
    EXCHANGE_DISCARD, /* answered here, in a moment, or once the body has come and gone */
    EXCHANGE_FORWARD, /* the request is on its way to a server; no response yet */
    EXCHANGE_RESPOND, /* the response's head has been sent */
    EXCHANGE_REST,    /* the response is whole; what is left of the request goes on to the server */
    EXCHANGE_TUNNEL,  /* after 101 */
    EXCHANGE_DONE
};

struct front_exchange {
    const struct front_ops *ops;
    const struct exchange_ops *behind;
    void *owner; /* the front, or its stream */
    struct link *link;
    struct arena *arena;
    struct http_request *request; /* filled by the front, memory from the arena */
    const struct http_response *response;
    const char *id;
    enum exchange_state state;
    /* Set by the front. */
    uint64_t started_us;    /* the request's first byte */
    uint64_t head_us;       /* its whole head; times are monotonic */
    bool is_malformed;      /* refused by a parser: the client may know all about it */
    bool request_done;      /* its last byte has come */
    struct trouble trouble; /* for its line of the log; reason NULL: none */
    /* Set behind it. */
    bool has_started;      /* a final response head was given to the front */
    bool is_tunnel;        /* after an upgrade whose bytes go on as bodies do */
    bool is_response_over; /* of such a one: the server has ended, the client has not yet */
    bool is_event_stream;  /* its server may be silent for long */
    enum client_close on_client_close; /* of the route, once it is known */
    uint64_t send_ms;                  /* the same; 0: as the settings say */
    bool closes;                       /* the client's connection must end with this response */
    bool is_declined; /* no server has looked at it, and only the client can repeat it */
    uint32_t h2_code; /* of the reset that a server gave it last; 0: none */
};

/* With a reason of its own instead of the struct, as most refusals are. */
static inline void front_refuse(struct front_exchange *x, unsigned status, bool closes,
                                const char *reason, const char *detail, const char *mend)
{
    x->behind->refuse(x, status, closes, &(struct trouble){reason, detail, mend});
}

#endif

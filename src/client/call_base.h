/* A call as the sides below it see it: what is asked, and where they tell what became of it. The
 * call's owner includes client/call.h, which stands on this.
 *
 *   acquire (client/acquire.h)     finds a connection: call_attach, call_unreachable, call_unfit,
 *                                  call_no_connection
 *   a back (client/back.h)         reports: call_interim, call_head, call_body, call_end,
 *                                  call_failed, ...; what that means for the request is decided
 *                                  behind call->up, not here */
#ifndef TIDEGATE_CLIENT_CALL_BASE_H
#define TIDEGATE_CLIENT_CALL_BASE_H

#include "base/trouble.h"
#include "client/client.h"
#include "client/dial.h"
#include "client/replay.h"
#include "client/turn.h"
#include "core/state_log.h"
#include "edge/retry.h"
#include "http/message.h"
#include "upstream/lease.h"

struct back;
struct call;
struct fcgi_facts;
struct call_hedge;

struct call_failure {
    unsigned status;        /* for whoever must answer in the server's place */
    bool is_unseen;         /* no server has acted on the request: it may be asked again */
    struct trouble trouble; /* static, or in the call's arena */
};

/* To the owner, in this order: connected, interim..., head, body..., end; or failed.
 *
 * interim, head and body may come while a library is parsing what was read (an HTTP/2 back's), and
 * so may poll_response and room. Inside these no connection of this thread may be read, as that
 * would overwrite what is being parsed, and nothing may be done that leads to it: a response that
 * is not to be passed on is told with call_reject, and what may be read now waits for `writable`.
 * The other events never come so, and inside them the owner may do as it likes. conn_hold_bytes
 * asserts it.
 *
 * NULL where the owner does not care: then nothing is told, all of a response is taken as it comes,
 * none of it by splice, and no client is named. `failed` and `end` are always there. */
struct call_ops {
    /* 1xx but not 101; call->response is filled, memory from call->arena. */
    void (*interim)(struct call *call);
    /* The final head, or 101; response->framing says what follows. */
    void (*head)(struct call *call);
    void (*body)(struct call *call, struct span bytes);
    /* So much of the body has gone to `sink` by splice. */
    void (*moved)(struct call *call, uint64_t bytes);
    /* The response is whole. What is left of the request may follow. trailers NULL: none. */
    void (*end)(struct call *call, struct http_fields *trailers);
    /* The last event. Behind `end`: the server takes no more of the request. */
    void (*failed)(struct call *call, const struct call_failure *failure);
    /* More of the request can be taken, or all of it is on its way (call_is_sent). */
    void (*writable)(struct call *call);
    /* A connection is there, for the first time or again. */
    void (*connected)(struct call *call);
    /* Whether more of the response would be taken now. When that becomes true: call_resume. */
    bool (*poll_response)(struct call *call);
    /* While it is: how many bytes of it would not wait for long. */
    size_t (*room)(struct call *call);
    /* The connection to which the response's body may go by splice; NULL: none. */
    struct conn *(*sink)(struct call *call);
    /* That one is broken. */
    void (*sink_failed)(struct call *call);
    /* Who the client is, for a PROXY header. */
    void (*describe_client)(struct call *call, struct dial_client *client);
};

/* What is decided of a call that the sides below report of; see the functions of the same names. */
struct call_up {
    void (*attach)(struct call *call, struct back *back);
    void (*no_connection)(struct call *call, enum dial_result result,
                          const struct trouble *trouble);
    void (*unreachable)(struct call *call, enum lease_how how, enum dial_result result,
                        const struct trouble *trouble);
    void (*unfit)(struct call *call, unsigned status, const struct trouble *trouble);
    void (*seek_again)(struct call *call);
    void (*interim)(struct call *call);
    void (*head)(struct call *call);
    void (*end)(struct call *call, struct http_fields *trailers);
    void (*failed)(struct call *call, const struct retry_facts *facts, unsigned status,
                   const struct trouble *trouble);
    bool (*may_repeat)(const struct call *call);
};

/*   NEW --call_start--> SEEKING --attached--> ASKED --head--> ANSWERING --end--> ANSWERED
 *                          ^                    |
 *                          `------ again -------'
 *
 * and from each of them, released or failed: OVER. In ANSWERED what is left of the request may
 * still go out. */
enum call_state {
    CALL_NEW,
    CALL_SEEKING, /* a connection */
    CALL_ASKED,   /* the request goes out, or has gone */
    CALL_ANSWERING,
    CALL_ANSWERED, /* the response is whole */
    CALL_OVER      /* holds nothing */
};

/* The directive `retries`. */
struct call_retries {
    unsigned on; /* enum retry_on */
    unsigned times;
    unsigned budget;     /* percent */
    uint64_t per_try_ms; /* 0: none */
    bool is_harmless;    /* whatever the method */
    bool is_once;        /* it is never sent again */
    /* When another server is asked, too: */
    unsigned hedge_per_mille; /* of how long requests take; 0: hedge_ms */
    uint64_t hedge_ms;
    unsigned hedge_max; /* at once, of the worker; 0: never */
};
extern const struct call_retries call_retries_usual; /* what call_init sets */

struct call {
    enum call_state state;
    const struct call_up *up;
    const struct call_ops *ops;
    struct client *client;
    struct caller *caller; /* NULL: no client connection is behind it */
    /* What is asked, set before call_start; lives as long as the call. */
    struct arena *arena;
    const struct http_request *request;
    struct http_response *response;
    const struct backend *backend;
    struct span path;              /* as the server gets it */
    const char *tls_name;          /* see call_client_name; NULL: not asked yet, or none */
    const struct fcgi_facts *fcgi; /* of scripts (client/fcgi_params.h); NULL: nothing but that */
    bool is_auth_bound;  /* its credentials are for the connection (http/connection_auth.h) */
    bool asks_connect;   /* its Upgrade goes out as extended CONNECT */
    bool is_whole;       /* the request's last byte has come */
    size_t replay_limit; /* bytes of the body that are kept to be sent again; 0: none */
    struct call_retries retries;
    struct replay replay;
    struct state_owner whose; /* for the log of states; call_init sets the core */
    /* What became of it. */
    struct lease lease;  /* its member is the last server tried, for the log */
    uint32_t h2_code;    /* of the reset that a server gave it last; 0: none */
    uint64_t body_bytes; /* of the request, so far */
    uint64_t connect_began_us;
    uint64_t connected_us; /* 0: never */
    uint64_t asked_us;     /* the last of the body, or its end, came before the answer's head */
    uint64_t head_us;      /* the response's head has come; 0: not */
    bool was_continued;    /* a 100 (Continue) has come */
    bool has_interim;      /* of any kind */
    bool is_raw;           /* after an upgrade: bytes of another protocol, as bodies */
    /* Its own. */
    bool wants_new; /* sent again because of a connection: one that was at rest will not do */
    bool is_spared; /* its end says nothing of the server */
    bool wants_h1;  /* the server asked for HTTP/1.1 (HTTP_1_1_REQUIRED) */
    unsigned losses;
    unsigned refusals;
    unsigned refused_status;  /* of an answer that is not passed on: another server is asked */
    struct timer late;        /* one try's time is over */
    struct ack_watch acks;    /* ASKED: whether the server is there at all */
    struct call_hedge *hedge; /* a second try beside it; NULL: none was thought of */
    struct back *back;        /* leased; NULL: none */
    struct turn turn;         /* while all servers are full */
    struct dial *dial;        /* of its own, while connecting */
    struct call_line *line;   /* waits in it for a connection, perhaps with others */
    struct list waiting;      /* in line->calls */
    struct lease_tried tried;
    struct tries tries;    /* for the log: those that failed; */
    bool has_open_try;     /* the present server's is not among them */
    uint64_t try_began_us; /* when that began */
    struct deferred again; /* `writable`, once it may be told */
};

/* The Host, or :authority, that its server gets; its lease is held. */
struct span call_authority(const struct call *call) MUST_CHECK;

/* The request's host as certificates have it, where servers of the backend are asked for by that in
 * TLS; NULL: they are not. See dial_tls_name. */
const char *call_client_name(struct call *call) MUST_CHECK;
/* Whether a connection to the server is one by the name that the call's would be made for. What is
 * plain has none. */
bool call_may_use(struct call *call, const struct server *server,
                  const struct conn *conn) MUST_CHECK;

/* Those that wait for one connection. */
struct call_line {
    struct list calls;
    unsigned count;
    /* Nobody waits any more; NULL: it does not matter. */
    void (*on_empty)(struct call_line *line);
};

void call_line_init(struct call_line *line, void (*on_empty)(struct call_line *line));
void call_line_add(struct call_line *line, struct call *call);
/* The first one, which does not wait any more; NULL: none is left. */
struct call *call_line_pop(struct call_line *line);
/* It does not wait any more. */
void call_line_remove(struct call *call);
/* All of them, in order, behind those that are there. */
void call_line_move(struct call_line *from, struct call_line *to);
/* There is no connection for any of them: call_unreachable. However many they are, it was one
 * connection that failed: the first one's lease tells of it, unless that `was_told`. */
void call_line_fail(struct call_line *line, bool was_told, enum dial_result result,
                    const struct trouble *trouble);

/* Whose states a connection's are, while the call is on it; call NULL: the worker's own. */
struct state_owner call_whose(const struct call *call, const struct core *core, int32_t stream);

/* ---- from acquire ---- */

/* A connection is there, for the lease that is held. */
static inline void call_attach(struct call *call, struct back *back)
{
    call->up->attach(call, back);
}
/* No server is left to be asked for one; no lease is held. */
static inline void call_no_connection(struct call *call, enum dial_result result,
                                      const struct trouble *trouble)
{
    call->up->no_connection(call, result, trouble);
}
/* There is none, so the lease ends in that way: another server, or the end. */
static inline void call_unreachable(struct call *call, enum lease_how how, enum dial_result result,
                                    const struct trouble *trouble)
{
    call->up->unreachable(call, how, result, trouble);
}

/* ---- from backs ---- */

/* This server will not take such a request, as it has said before; the lease ends. */
static inline void call_unfit(struct call *call, unsigned status, const struct trouble *trouble)
{
    call->up->unfit(call, status, trouble);
}
/* It has waited for a connection that has no room for it: another one, to the same server. */
static inline void call_seek_again(struct call *call)
{
    call->up->seek_again(call);
}
static inline void call_interim(struct call *call)
{
    call->up->interim(call);
}
static inline void call_head(struct call *call)
{
    call->up->head(call);
}
static inline void call_end(struct call *call, struct http_fields *trailers)
{
    call->up->end(call, trailers);
}
/* The back failed, and is gone already. */
static inline void call_failed(struct call *call, const struct retry_facts *facts, unsigned status,
                               const struct trouble *trouble)
{
    call->up->failed(call, facts, status, trouble);
}
/* Whether it would be sent again if its connection were lost now. */
static inline bool call_may_repeat(const struct call *call)
{
    return call->up->may_repeat(call);
}
/* The server has shown that it takes the body: it is at work on the request. */
void call_taken(struct call *call);
/* A piece of the response's body; the rest of its questions and answers to the owner. */
void call_body(struct call *call, struct span bytes);
void call_writable(struct call *call);
bool call_polls_response(struct call *call);
size_t call_room(struct call *call);
struct conn *call_sink(struct call *call);
void call_has_moved(struct call *call, uint64_t bytes);
void call_sink_failed(struct call *call);
/* For a back that ends between its whole response and the request's end. */
extern const struct trouble call_unread;
/* The same, as the server itself said. */
extern const struct trouble call_unneeded;

#endif

/* What the files of the HTTP/2 back share:
 *   back_h2.c           connections: found, made, shared, closed
 *   back_h2_session.c   frames to events, by nghttp2
 *   back_h2_stream.c    one request's stream, as a struct back, and its response
 *   back_h2_request.c   the request on it
 *   back_h2_flow.c      windows: who may send how much, and how much the server may */
#ifndef TIDEGATE_CLIENT_BACK_H2_INTERNAL_H
#define TIDEGATE_CLIENT_BACK_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "base/byte_queue.h"
#include "base/strbuf.h"
#include "client/back_h2.h"
#include "http/h2_bdp.h"
#include "http/h2_response.h"

/* A stream's window for its response, at first: little, as that is what each of the many streams of
 * a client that takes nothing makes us hold. */
#define BACK_H2_WINDOW_FIRST 32768
/* And as soon as the client has begun to take it. */
#define BACK_H2_WINDOW_SOON 131072

enum back_h2_state { BACK_H2_PREFACE, BACK_H2_OPEN, BACK_H2_CLOSED };

/* What of the request was given to the stream, and sent. */
enum back_h2_request_state {
    BACK_H2_REQUEST_OPEN,  /* more of the body may come */
    BACK_H2_REQUEST_WHOLE, /* nothing is added any more */
    BACK_H2_REQUEST_SENT   /* END_STREAM has gone out */
};

/* What has come of the response. */
enum back_h2_response_state {
    BACK_H2_RESPONSE_NONE,
    BACK_H2_RESPONSE_HEAD,  /* a HEADERS frame has come, be it an interim response's */
    BACK_H2_RESPONSE_BODY,  /* the final head */
    BACK_H2_RESPONSE_ENDED, /* END_STREAM, or all that belongs to the message */
    BACK_H2_RESPONSE_FAILED /* with `facts` and `trouble`; also of the request behind ENDED */
};

struct back_h2_conn {
    struct client *client;
    struct back_h2_use use;
    enum back_h2_state state;
    struct conn *conn;
    nghttp2_session *session;
    struct client_conn of_client;
    struct list shared;       /* in its pool_entry's */
    struct call_line waiting; /* until the server has said how many streams it takes */
    struct list streams;      /* struct back_h2: those that nghttp2 knows, or is about to */
    struct list stalled;      /* of those: whose request body waits for room */
    struct list due;          /* whose call ends once nghttp2 has returned */
    struct list throttled;    /* whose body waits for a fair share of the server's window */
    unsigned uploading;       /* streams whose request is not sent whole */
    struct h2_bdp bdp;
    unsigned stream_count;
    bool is_going_away;        /* takes no new streams */
    bool is_idle;              /* counted among those of its server */
    bool is_doubtful;          /* a PING is out, after a stream on which nothing came */
    bool is_behind_rest;       /* nothing has come since it rested */
    bool was_probed;           /* in the present silence */
    bool is_greeted;           /* the server's first SETTINGS have come */
    struct caller_bound bound; /* in its owner's list, if it has one */
    bool is_orphan;            /* the owner has gone */
    bool is_pumping;
    bool in_library;       /* nghttp2 is at work, perhaps on the thread's receive buffer */
    bool is_protocol_dead; /* nghttp2 cannot go on */
    uint64_t last_read_us;
    size_t unsent;      /* bytes in the outbox since its last flush */
    struct timer timer; /* PREFACE: the server's SETTINGS; OPEN: idle, or the PING's answer */
    struct deferred again;
    struct deferred freeing;
};

/* Of a request's head, uncompressed and with 32 bytes for each field (RFC 9113 section 6.5.2). */
struct back_h2_size {
    size_t head;
    size_t field; /* the longest: name and value */
};

struct back_h2 {
    struct back base;
    struct client *client;
    struct back_h2_conn *c; /* NULL: the stream is closed */
    struct call *call;      /* NULL: released */
    struct list node;       /* in c->streams */
    struct list stalled;    /* in c->stalled */
    struct list due;        /* in c->due */
    struct list throttled;  /* in c->throttled */
    int32_t stream_id;
    /* The request. */
    enum back_h2_request_state request;
    struct strbuf body; /* waits for the windows; sent up to body_at */
    size_t body_at;
    uint64_t sent;     /* of the body, on this stream */
    uint64_t returned; /* of that, by the stream's WINDOW_UPDATEs */
    bool is_uploading; /* counted in c->uploading */
    bool is_raw;       /* after extended CONNECT: bytes of another protocol both ways */
    struct back_h2_size size;
    const struct http_fields *trailers; /* of the request, in the call's arena */
    bool is_head_sent;                  /* the server may know of it */
    /* The response. */
    enum back_h2_response_state response;
    struct h2_response head; /* the section that is being received; trailers too */
    struct http_fields response_trailers;
    bool has_trailers; /* they are being received, or have been */
    bool is_giving;
    struct retry_facts facts;
    struct trouble trouble;
    unsigned interim_count;
    bool is_bodiless; /* whatever comes behind its head */
    enum http_framing framing;
    uint64_t body_left;
    struct byte_queue held; /* what the front did not take yet */
    uint32_t window;
    uint64_t taken;       /* by the front, of the response's body */
    uint32_t code;        /* of the server's RST_STREAM */
    bool was_told_enough; /* which was NO_ERROR */
    struct timer timer;   /* the call has gone, and bytes of its tunnel are left */
    uint64_t sent_at_timer;
    struct deferred freeing;
};

static inline struct back_h2 *back_h2_of(const struct back *base)
{
    return CONTAINER_OF(base, struct back_h2, base);
}

/* ---- back_h2.c ---- */
void back_h2_enter(struct back_h2_conn *c, enum back_h2_state state);
static inline struct pool_entry *back_h2_entry(const struct back_h2_conn *c)
{
    return c->use.set->entries[c->use.server];
}
/* Output, or a check, is due: at the end of the turn. */
void back_h2_schedule(struct back_h2_conn *c);
/* Somebody waits: if it has been silent for a while, asks whether it is there at all. Until it says
 * so it gets no new requests; if it does not within the backend's ping_timeout, it fails. */
void back_h2_doubt(struct back_h2_conn *c);
/* It has said so. */
void back_h2_trust(struct back_h2_conn *c);

/* ---- back_h2_flow.c ---- */
/* Whether a request with a body may join. */
bool back_h2_flow_takes_bodies(const struct back_h2_conn *c);
/* How many bytes of its body the stream may send now, besides what the windows say; with 0 it is
 * resumed later. */
size_t back_h2_flow_share(struct back_h2 *back);
/* Its request has a body that is to be sent; that is over, one way or another. */
void back_h2_flow_begin(struct back_h2 *back);
void back_h2_flow_end(struct back_h2 *back, struct back_h2_conn *c);
/* WINDOW_UPDATE came; back NULL: for the connection. */
void back_h2_flow_update(struct back_h2_conn *c, struct back_h2 *back, uint32_t increment);
/* Data came; a PING was answered (false: not one of these). */
void back_h2_flow_received(struct back_h2_conn *c, size_t bytes);
bool back_h2_flow_answer(struct back_h2_conn *c, const uint8_t opaque[8]);
/* The front has taken so much: the server may send as much again, or more. */
void back_h2_flow_consumed(struct back_h2 *back, size_t bytes);
/* Before the call lets go of it, or it of the call: its window counts no more for the
 * client. */
void back_h2_flow_leave(struct back_h2 *back);

/* ---- back_h2_session.c ---- */
void back_h2_session_create(struct back_h2_conn *c);
/* From the server; false: the session is dead. Events may end calls. */
bool back_h2_session_receive(struct back_h2_conn *c, struct span bytes) MUST_CHECK;
/* Queues what is due as far as the socket takes it; false: the session is dead. */
bool back_h2_session_send(struct back_h2_conn *c);
/* How many streams the server takes at once. */
uint32_t back_h2_session_capacity(const struct back_h2_conn *c);
/* How long a head the server says it takes; UINT32_MAX: it says nothing. */
uint32_t back_h2_session_head_max(const struct back_h2_conn *c);
/* Whether it takes extended CONNECT (RFC 8441). */
bool back_h2_session_takes_connect(const struct back_h2_conn *c);

/* ---- back_h2_stream.c ---- */
void back_h2_enter_request(struct back_h2 *back, enum back_h2_request_state state);
struct back *back_h2_stream_create(struct back_h2_conn *c);
/* nghttp2 or the connection has done with it. `stage` (if nothing came back) and `trouble` are used
 * if the response is not whole. */
void back_h2_stream_closed(struct back_h2 *back, enum retry_stage stage,
                           const struct trouble *trouble);
/* Ends the calls of c->due. Not from inside nghttp2: a front may read its next request then,
 * into the buffer that nghttp2 is at. */
void back_h2_stream_end_due(struct back_h2_conn *c);
/* The request's END_STREAM has been written. */
void back_h2_stream_sent(struct back_h2 *back);
/* Events of the response, while back_h2_stream_listens. */
static inline bool back_h2_stream_listens(const struct back_h2 *back)
{
    return back != NULL && back->call != NULL && back->response < BACK_H2_RESPONSE_ENDED;
}
void back_h2_stream_on_section(struct back_h2 *back);
void back_h2_stream_on_field(struct back_h2 *back, struct span name, struct span value);
void back_h2_stream_on_section_end(struct back_h2 *back, bool is_end);
void back_h2_stream_on_data(struct back_h2 *back, struct span bytes);
void back_h2_stream_on_end(struct back_h2 *back);
/* ---- back_h2_request.c ---- */
struct back_h2_size back_h2_request_size(const struct call *call);
/* How much of the body waits to be sent. */
static inline size_t back_h2_request_waiting(const struct back_h2 *back)
{
    return back->body.len - back->body_at;
}
/* There is something to send, or its end. */
void back_h2_request_wake(struct back_h2 *back);
/* Asks for more of stalled bodies, where there is room again. */
void back_h2_request_wake_stalled(struct back_h2_conn *c);
/* Parts of back_ops; see client/back.h. */
void back_h2_request_head(struct back *base, struct call *call, bool is_end);
bool back_h2_request_takes_body(const struct back *base);
void back_h2_request_body(struct back *base, struct span bytes);
void back_h2_request_end(struct back *base, const struct http_fields *trailers);

#endif

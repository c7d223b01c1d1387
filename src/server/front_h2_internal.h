/* What the files of the HTTP/2 front share: front_h2.c (the connection: bytes, sending, time),
 * front_h2_state.c (states), front_h2_session.c (nghttp2's options), front_h2_charge.c (what a
 * frame costs), front_h2_request.c (nghttp2's callbacks: from frames to exchanges), front_h2_body.c
 * (requests' bodies and windows), front_h2_stream.c (a stream's life), front_h2_leaving.c
 * (clients that end), front_h2_write.c and front_h2_room.c (responses). Not for others. */
#ifndef TIDEGATE_SERVER_FRONT_H2_INTERNAL_H
#define TIDEGATE_SERVER_FRONT_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "base/byte_queue.h"
#include "edge/leaving.h"
#include "http/h2_bdp.h"
#include "http/h2_budget.h"
#include "http/h2_closed.h"
#include "http/h2_fields.h"
#include "http/h2_walk.h"
#include "http/least_rate.h"
#include "server/front.h"
#include "server/front_exchange.h"
#include "server/front_h2.h"

/* Of a request's body, what a stream may send before the server takes any. It grows when the server
 * has shown that it does. The connection's own window never holds a stream back: what has come is
 * bounded by the streams'. */
#define STREAM_WINDOW 65535
#define CONNECTION_WINDOW INT32_MAX
/* What all streams of a worker may have sent that no server has taken. */
#define WAITING_BYTES_MAX (UINT64_C(256) * 1024 * 1024)
#define FRAME_HEAD_BYTES 9
#define FLOOD_MEND "an attack, or a broken client: the connection was closed with ENHANCE_YOUR_CALM"

/* The connection, and how it ends:
 *
 *   OPEN --drain--> NOTICED --PING answered, or time--> NAMING --> LAST --its streams end--> OVER
 *     |                |                                  |         |                         ^
 *     |----------------+---- fault, idle, evicted --------+---------+--> TERMINATED ----------|
 *     |                |                                  |         |     once GOAWAY is out  |
 *     |----------------+---- the client's end, and servers are -----+--> LEFT ----------------|
 *     |                      still at work on what it sent              they are done with it |
 *     `---------------- the connection is lost, or its owner closes it -----------------------' */
enum front_h2_state {
    FRONT_H2_OPEN,
    FRONT_H2_NOTICED,    /* a GOAWAY said that the end comes: streams are begun and served still */
    FRONT_H2_NAMING,     /* a round trip later: one that names the last stream is due */
    FRONT_H2_LAST,       /* it is on its way */
    FRONT_H2_TERMINATED, /* a GOAWAY is on its way that ends all streams */
    FRONT_H2_LEFT,       /* the client has said all that it will ever say */
    FRONT_H2_OVER        /* the link was told; nothing is done any more */
};

/* A client that may not go on. Callbacks of nghttp2 note it, front_h2.c tells and terminates. */
enum front_h2_fault {
    FRONT_H2_FAULT_NONE,
    FRONT_H2_FAULT_FLOOD, /* front->flood: its budget is used up */
    FRONT_H2_FAULT_RULE,  /* front->rule_code, front->rule_text: of the connection */
    FRONT_H2_FAULT_TOLD   /* its line is written */
};

/* What has come of a stream. A RST_STREAM behind END_STREAM changes nothing of it. */
enum h2_request_state {
    H2_REQUEST_HEAD,
    H2_REQUEST_BODY,
    H2_REQUEST_ENDED,   /* END_STREAM has come */
    H2_REQUEST_GIVEN_UP /* RST_STREAM before that */
};

/* What was given for a stream, and is sent. Only forward; a state may be left out. */
enum h2_response_state {
    H2_RESPONSE_NONE,   /* but for interim heads */
    H2_RESPONSE_BODY,   /* the final head was submitted, and more is to be given */
    H2_RESPONSE_WHOLE,  /* nothing is added any more */
    H2_RESPONSE_SENT,   /* END_STREAM has gone out */
    H2_RESPONSE_RESET,  /* RST_STREAM was submitted: what is given goes nowhere */
    H2_RESPONSE_CLOSED, /* nghttp2 has forgotten the stream; a server may still take the request */
    H2_RESPONSE_BURIED  /* nobody knows it any more: in front->dead */
};

struct h2_trailers;

struct h2_stream {
    struct front_h2 *front;
    struct front_exchange *exchange; /* NULL: done, or given up; what still comes is dropped */
    struct list node;                /* in front->streams, or front->dead */
    struct list ready;               /* in front->ready: the exchange can go on */
    struct list spent;               /* in front->spent: chunks to be given back after the send */
    struct list preempted; /* in front->preempted: has bytes, and waits for front->preferred */
    int32_t id;
    /* The request. */
    enum h2_request_state request;
    struct h2_section section;
    struct http_fields trailers;
    struct byte_queue in;
    uint64_t body_bytes;
    uint64_t rate_since_us; /* since when the body's rate is measured; 0: not yet */
    uint64_t rate_bytes;    /* body_bytes then */
    uint64_t body_taken;    /* by the exchange */
    uint64_t opened_us;
    uint64_t moved_in_us;
    bool has_trailers;
    bool had_empty_data;
    uint32_t window;        /* what it may have sent that was not given back */
    bool is_open_for_all;   /* the window takes what is left of the body: nothing is given back */
    bool holds_end;         /* the response's end waits for the request's */
    uint64_t held_until_us; /* it does no longer, as nobody takes the request; 0: somebody does */
    /* The response. */
    enum h2_response_state response;
    struct byte_queue out;
    struct span direct; /* goes before `out`, during front_h2_write_body alone */
    uint64_t send_ms;   /* see link_send_ms */
    struct h2_trailers *out_trailers;
    uint64_t moved_out_us;
    uint64_t ended_us;      /* END_STREAM went out */
    uint64_t reset_due_us;  /* answered before all of the request had come; 0: not */
    struct least_rate rate; /* of what goes out */
    size_t sent_in_turn;    /* given by its exchange since it was its turn */
    uint64_t share;         /* given, as compared with front->share: who has less goes first */
    bool takes_turns;       /* with those that are as urgent */
    unsigned urgency;       /* RFC 9218: 0 goes first */
    bool is_head_sent;      /* the final one has gone out */
    bool is_deferred;       /* its data source: nghttp2 asks no more before it is resumed */
    bool is_dribbling;      /* its next frame is as short as the window makes it */
    bool is_waiting;        /* the exchange, until it is woken */
    enum client_close on_client_close; /* of its exchange, once that has begun to answer */
    bool outlives_client; /* the client has ended its direction, and gets the response still */
};

struct front_h2 {
    struct front base;
    struct link *link;
    struct conn *conn;
    struct timer timer;
    bool is_evicted; /* it makes room: nothing more is heard of the client */
    nghttp2_session *h2;
    enum front_h2_state state;
    enum front_h2_fault fault;
    enum h2_event flood;
    uint32_t rule_code;
    const char *rule_text;
    const char *ended_by; /* the fault that nghttp2 itself has answered; NULL: none */
    struct h2_budget budget;
    struct h2_walk walk;
    struct list streams;
    struct list dead; /* closed: memory goes after the next send */
    struct list ready;
    struct list spent;
    struct list preempted;
    struct h2_stream *preferred; /* less urgent ones wait: its exchange has more, but gave way */
    unsigned turns_left;         /* for which they do */
    struct h2_stream *sender;    /* whose exchange is giving a long piece just now */
    int32_t newest_id;           /* the highest stream that HEADERS came for */
    struct h2_closed closed;     /* what became of the last ones */
    size_t queued_before;        /* frames, when a SETTINGS began */
    int64_t skipped_bytes;       /* received, less those of the frames that nghttp2 told of */
    unsigned stream_count;
    struct h2_bdp bdp;             /* of what the client sends */
    uint64_t windows;              /* of all streams, above their first ones */
    bool is_ack_free;              /* of the PING that asks */
    size_t run_bytes;              /* in the outbox, not flushed yet */
    size_t held_bytes;             /* of all streams' `out` */
    uint64_t share;                /* what a stream has been given that had all its turns */
    uint64_t bytes_at_tick;        /* conn.bytes_out when the timer was set */
    struct least_rate rate;        /* of bodies' bytes, by all windows */
    struct least_rate socket_rate; /* of what the socket takes */
    uint64_t idle_since_us;        /* when the last stream went */
    int32_t prioritised[16]; /* streams that PRIORITY_UPDATE came for before HEADERS; a ring */
    unsigned prioritised_at;
    bool is_awaited;       /* something waits for the client, as of the last look */
    bool is_too_slow;      /* and it takes too little of all that */
    uint64_t reset_due_us; /* of the stream that is reset next; 0: none */
    bool has_underrun;     /* the stream that should be next has no bytes, and its exchange has */
    bool in_library;       /* nghttp2 is on the stack */
    bool is_greeted;       /* the client's first SETTINGS have come */
    struct deferred again;
};

/* ---- front_h2_state.c ---- */
void front_h2_enter(struct front_h2 *front, enum front_h2_state state);
void front_h2_enter_request(struct h2_stream *stream, enum h2_request_state state);
void front_h2_enter_response(struct h2_stream *stream, enum h2_response_state state);
/* The client was told of the last stream: what it began behind that is passed over. */
static inline bool front_h2_is_ending(const struct front_h2 *front)
{
    return front->state == FRONT_H2_LAST || front->state == FRONT_H2_TERMINATED;
}
/* Whether the client has said all of the request. */
static inline bool front_h2_has_request(const struct h2_stream *stream)
{
    return stream->request == H2_REQUEST_ENDED;
}

/* ---- front_h2.c ---- */
void front_h2_schedule(struct front_h2 *front);
/* Sends what there is, unless nghttp2 is on the stack. */
void front_h2_send(struct front_h2 *front);
void front_h2_arm(struct front_h2 *front);
uint64_t front_h2_now(const struct front_h2 *front);
/* False: the budget is used up; the connection ends when nghttp2 has returned. */
bool front_h2_charge(struct front_h2 *front, enum h2_event event) MUST_CHECK;
const struct settings *front_h2_settings(const struct front_h2 *front);

/* ---- front_h2_session.c ---- */
nghttp2_session *front_h2_session_new(struct front_h2 *front);

/* ---- front_h2_request.c ---- */
nghttp2_session_callbacks *front_h2_callbacks(void);
/* Breaks a rule of messages: the stream ends, and nothing of it is passed on (RFC 9113 section
 * 8.1.1). What is only too large gets an answer. False: the connection ends. */
bool front_h2_refuse(struct h2_stream *stream, enum h2_error error) MUST_CHECK;

/* ---- front_h2_body.c ---- */
int front_h2_on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data,
                     size_t len, void *user_data);
/* The frame is whole; the stream is NULL if it has gone. False: the connection ends. */
bool front_h2_on_data_frame(struct front_h2 *front, struct h2_stream *stream,
                            const nghttp2_frame *frame) MUST_CHECK;
/* END_STREAM, be it of DATA or of trailers. */
bool front_h2_end_input(struct h2_stream *stream) MUST_CHECK;
/* Hands on what waits of the request. */
void front_h2_feed(struct h2_stream *stream);
/* A tunnel has ended both ways: what its server has not taken yet is left with that connection to
 * be sent, no more than the stream's window. */
void front_h2_feed_rest(struct h2_stream *stream);
/* Some clients (curl 7.88) read nothing behind a response's end, and so never hear of a window that
 * is opened later. Whether the end of the response that begins now has to wait for the request's,
 * should it come before: more is to come than the window can be opened for. Not where the length is
 * unknown: the client may wait for the response's end before it says its own. */
bool front_h2_end_must_wait(const struct h2_stream *stream);
/* Before the response's end goes out and the request's has not come. What such clients have not
 * read when they close makes that a RST, which takes the last of the body away: once the window
 * takes all that is left, no more frames are sent for it. */
void front_h2_open_for_rest(struct h2_stream *stream);
/* The same where nobody takes the rest any more: it is dropped as it comes, and costs no memory. */
void front_h2_open_to_drop(struct h2_stream *stream);
/* Its window counts no more. May be called again. */
void front_h2_forget_window(struct h2_stream *stream);
/* A PING was acknowledged; false: not the one that measures the pipe. */
bool front_h2_answer_bdp(struct front_h2 *front, const uint8_t opaque[8]) MUST_CHECK;

/* ---- front_h2_stream.c ---- */
struct h2_limits front_h2_limits(const struct front_h2 *front);
struct h2_stream *front_h2_create_stream(struct front_h2 *front, int32_t id);
void front_h2_reset(struct h2_stream *stream, uint32_t code);
/* For a stream whose response is out whole: a request of which more would come is reset with
 * NO_ERROR (RFC 9113 section 8.1), but not in the same write: clients that find both together drop
 * the response. Most that were sending their last bytes just then need no reset at all. */
void front_h2_reset_later(struct h2_stream *stream);
void front_h2_drop_input(struct h2_stream *stream);
/* The exchange, if there is one, hears that the client is not there any more. */
void front_h2_abandon(struct h2_stream *stream, const char *reason);
/* A stream that nghttp2 and its exchange are done with: off the lists. */
void front_h2_bury(struct h2_stream *stream);
/* The memory of closed streams. */
void front_h2_reap(struct front_h2 *front);
void front_h2_free_stream(struct h2_stream *stream);

/* ---- front_h2_leaving.c ---- */
/* The client has ended its direction, or more: gives up what it does not wait for. */
void front_h2_part(struct front_h2 *front, enum leaving_sign sign, const char *reason);
/* Whether anything goes on all the same: servers that are answering it, or taking what it sent. */
bool front_h2_has_work(const struct front_h2 *front);

/* ---- front_h2_charge.c ---- */
int front_h2_on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *head, void *user_data);
/* Of frames that nghttp2 may pass over without a word, before it has them. False: the connection
 * ends. */
bool front_h2_judge(struct front_h2 *front, const struct h2_walk_part *part) MUST_CHECK;
/* The connection ends with this error once nghttp2 has returned. False, for who returns that. */
bool front_h2_break_rule(struct front_h2 *front, uint32_t code, const char *text);

/* ---- front_h2_room.c ---- */
/* Whether more of this response would only wait. */
bool front_h2_is_blocked(const struct h2_stream *stream);
/* Its exchange does: front_h2_wake goes on with it when it is its turn. */
void front_h2_await_room(struct h2_stream *stream);
/* So much of the response was given. */
void front_h2_count_share(struct h2_stream *stream, size_t bytes);
/* How much is worth reading, while it is not. */
size_t front_h2_room(const struct h2_stream *stream);
/* Whether the connection lets any stream read; whether one waits for just that. */
bool front_h2_has_room(const struct front_h2 *front);
bool front_h2_is_next(const struct front_h2 *front);
/* The stream's window was opened, or it has sent something. */
void front_h2_room_changed(struct h2_stream *stream);
/* Exchanges that waited for room go on; true: some have. */
bool front_h2_wake(struct front_h2 *front);
/* Bytes of the response wait, or wait no more. */
void front_h2_hold(struct h2_stream *stream, size_t bytes);
void front_h2_let_go(struct h2_stream *stream, size_t bytes);
/* Where streams with shut windows hold what others need: resets the worst, if it has not moved for
 * so long. */
void front_h2_make_room(struct front_h2 *front, uint64_t grace_us);
/* Once a tick, before the streams: does the client take enough of all? Then for each. */
void front_h2_look_at_flow(struct front_h2 *front);
bool front_h2_is_stalled(struct h2_stream *stream);

/* ---- front_h2_write.c ---- */
extern const struct front_ops front_h2_ops;
void front_h2_set_data_callbacks(nghttp2_session_callbacks *callbacks);
/* The end of a response that was held back may go out. */
void front_h2_release_end(struct h2_stream *stream);
/* The streams that wait for a more urgent one may go, unless they find it without bytes still. */
void front_h2_resume_preempted(struct front_h2 *front);
void front_h2_free_trailers(struct h2_stream *stream);

#endif

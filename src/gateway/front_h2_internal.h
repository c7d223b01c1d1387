/* What the files of the HTTP/2 front share: front_h2.c (the connection: bytes, sending, time),
 * front_h2_request.c (nghttp2's callbacks: from frames to exchanges), front_h2_write.c (responses).
 * Not for others. */
#ifndef TIDEGATE_GATEWAY_FRONT_H2_INTERNAL_H
#define TIDEGATE_GATEWAY_FRONT_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "gateway/byte_queue.h"
#include "gateway/exchange.h"
#include "gateway/front.h"
#include "gateway/front_h2.h"
#include "http/h2_budget.h"
#include "http/h2_closed.h"
#include "http/h2_fields.h"
#include "http/least_rate.h"

/* Of a request's body, what a stream may send before the server takes any; and after the server has
 * shown that it does, for at most WIDE_STREAMS_MAX streams of a connection. The connection's own
 * window never holds a stream back. */
#define STREAM_WINDOW 65535
#define STREAM_WINDOW_WIDE (1024 * 1024)
#define WIDE_STREAMS_MAX 4
/* What all streams of a worker may have sent that no server has taken. */
#define WAITING_BYTES_MAX (UINT64_C(256) * 1024 * 1024)
#define CONNECTION_WINDOW (16 * 1024 * 1024)
#define FRAME_HEAD_BYTES 9
#define FLOOD_MEND "an attack, or a broken client: the connection was closed with ENHANCE_YOUR_CALM"

struct h2_trailers;

struct h2_stream {
    struct front_h2 *front;
    struct exchange *exchange; /* NULL: done, or given up */
    struct list node;          /* in front->streams, or front->dead */
    struct list woken;         /* in front->woken: the exchange can go on */
    struct list spent;         /* in front->spent: chunks to be given back after the send */
    struct list yielding; /* in front->yielding: goes on once `dry` has given, or had its time */
    int32_t id;
    /* The request. */
    struct h2_section section;
    struct http_fields trailers;
    struct byte_queue in;
    uint64_t body_bytes;
    uint64_t rate_since_us; /* since when the body's rate is measured; 0: not yet */
    uint64_t rate_bytes;    /* body_bytes then */
    uint64_t body_taken;    /* by the exchange */
    uint64_t opened_us;
    uint64_t moved_in_us;
    bool is_head_done;
    bool is_in_ended; /* END_STREAM has come */
    bool has_trailers;
    bool had_empty_data;
    bool is_wide;
    /* The response. */
    struct byte_queue out;
    struct span direct; /* goes before `out`, during front_h2_write_body alone */
    struct h2_trailers *out_trailers;
    uint64_t moved_out_us;
    struct least_rate rate; /* of what goes out */
    size_t given;           /* by its exchange since it was its turn */
    bool takes_turns;       /* with those that are as urgent */
    unsigned urgency;       /* RFC 9218: 0 goes first */
    bool has_head;          /* the final one was submitted */
    bool is_head_sent;      /* and has gone out */
    bool is_out_ended;      /* nothing is added any more */
    bool is_out_deferred;
    bool is_dribbling;   /* its next frame is as short as the window makes it */
    bool is_out_blocked; /* the exchange waits */
    bool is_end_sent;
    bool is_reset;
    bool is_closed;        /* nghttp2 has forgotten it */
    bool is_buried;        /* in front->dead */
    uint64_t reset_due_us; /* answered before all of the request had come; 0: not */
    bool is_given_up;      /* the client has reset it */
};

struct front_h2 {
    struct front base;
    struct session *session;
    nghttp2_session *h2;
    struct h2_budget budget;
    struct list streams;
    struct list dead; /* closed: memory goes after the next send */
    struct list woken;
    struct list spent;
    struct list yielding;
    struct h2_stream *dry;   /* has run dry, and its exchange has more: goes before less urgent */
    unsigned patience;       /* for how many turns yet */
    struct h2_stream *giver; /* whose exchange is giving a long piece just now */
    int32_t newest_id;       /* the highest stream that HEADERS came for */
    struct h2_closed closed; /* what became of the last ones */
    uint32_t rule_code; /* a rule of the connection was broken, with this error code; 0: none */
    const char *rule_text;
    size_t queued_before;  /* frames, when a SETTINGS began */
    int64_t skipped_bytes; /* received, less those of the frames that nghttp2 told of */
    unsigned stream_count;
    unsigned wide_streams;
    size_t run_bytes;              /* in the outbox, not flushed yet */
    size_t held_bytes;             /* of all streams' `out` */
    uint64_t bytes_at_tick;        /* conn.bytes_out when the timer was set */
    struct least_rate rate;        /* of bodies' bytes, by all windows */
    struct least_rate socket_rate; /* of what the socket takes */
    uint64_t idle_since_us;        /* when the last stream went */
    int32_t prioritised[16]; /* streams that PRIORITY_UPDATE came for before HEADERS; a ring */
    unsigned prioritised_at;
    bool is_awaited;       /* something waits for the client, as of the last look */
    bool is_too_slow;      /* and it takes too little of all that */
    uint64_t reset_due_us; /* of the stream that is reset next; 0: none */
    bool is_starving;      /* a stream that should be next has run dry, and its exchange has more */
    bool in_library;       /* nghttp2 is on the stack */
    bool is_greeted;       /* the client's first SETTINGS have come */
    bool is_draining;      /* a GOAWAY that announces the end was sent */
    bool is_last_named;    /* and the one that names the last stream */
    bool is_terminated;    /* GOAWAY is on its way, and nothing is read any more */
    bool is_ending;        /* the last GOAWAY is on its way, and then the connection ends */
    bool is_over;          /* handed back to the session; nothing is done any more */
    bool was_flooded;
    enum h2_event flood;
    struct deferred again;
};

/* ---- front_h2.c ---- */
void front_h2_schedule(struct front_h2 *front);
/* Sends what there is, unless nghttp2 is on the stack. */
void front_h2_send(struct front_h2 *front);
void front_h2_arm(struct front_h2 *front);
uint64_t front_h2_now(const struct front_h2 *front);
/* False: the budget is used up; the connection ends when nghttp2 has returned. */
bool front_h2_charge(struct front_h2 *front, enum h2_event event) MUST_CHECK;
const struct settings *front_h2_settings(const struct front_h2 *front);

/* ---- front_h2_request.c ---- */
nghttp2_session *front_h2_session_new(struct front_h2 *front);
void front_h2_reset(struct h2_stream *stream, uint32_t code);
/* For a stream whose response is out whole: a request of which more would come is reset with
 * NO_ERROR (RFC 9113 section 8.1), but not in the same write: clients that find both together drop
 * the response. Most that were sending their last bytes just then need no reset at all. */
void front_h2_reset_later(struct h2_stream *stream);
void front_h2_drop_input(struct h2_stream *stream);
/* The exchange, if there is one, hears that the client is not there any more. */
void front_h2_abandon(struct h2_stream *stream, const char *reason);
/* Hands on what waits of the request. */
void front_h2_feed(struct h2_stream *stream);
/* A stream that nghttp2 and its exchange are done with: off the lists. */
void front_h2_bury(struct h2_stream *stream);
/* The memory of closed streams. */
void front_h2_reap(struct front_h2 *front);
void front_h2_free_stream(struct h2_stream *stream);

/* ---- front_h2_charge.c ---- */
int front_h2_on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *head, void *user_data);
/* The connection ends with this error once nghttp2 has returned. False, for who returns that. */
bool front_h2_break_rule(struct front_h2 *front, uint32_t code, const char *text);

/* ---- front_h2_room.c ---- */
/* Whether more of this response would only wait; if so it is woken later. */
bool front_h2_is_blocked(struct h2_stream *stream);
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
/* The streams that wait for a more urgent one may go, unless they find it dry still. */
void front_h2_end_yield(struct front_h2 *front);
void front_h2_free_trailers(struct h2_stream *stream);

#endif

/* What the parts of an HTTP/1.1 front share: front_h1.c (its life), front_h1_request.c (reading
 * requests), front_h1_write.c (writing responses) and front_h1_end.c (who leaves). Not for others.
 */
#ifndef TIDEGATE_SERVER_FRONT_H1_INTERNAL_H
#define TIDEGATE_SERVER_FRONT_H1_INTERNAL_H

#include "http/h1_chunked.h"
#include "http/h1_parse.h"
#include "http/reuse.h"
#include "io/relay.h"
#include "server/front_exchange.h"
#include "server/front_h1.h"
#include "server/send_deadline.h"

/*   IDLE --first byte--> HEAD --head--> BODY --last byte--> WAIT --answered--> IDLE
 *                         |              |                   |---switched--> TUNNEL --> ENDING
 *                         |              |                   `---must close-----------> ENDING
 *                         |              `--answered--> SKIP --last byte--> IDLE
 *                         `---too slow, broken---> WAIT for the refusal's end */
enum front_h1_state {
    FRONT_H1_IDLE, /* not a byte of a request has come */
    FRONT_H1_HEAD,
    FRONT_H1_BODY,
    FRONT_H1_SKIP,   /* answered: the short rest of the body is dropped */
    FRONT_H1_WAIT,   /* for the response's end; nothing is read */
    FRONT_H1_TUNNEL, /* after 101: bytes of another protocol */
    FRONT_H1_ENDING  /* the link was told; nothing is done any more */
};

struct front_h1 {
    struct front base;
    struct link *link;
    struct conn *conn;
    struct timer timer;              /* of the state */
    struct send_deadline sending;    /* the timer's meaning while output is pending */
    struct front_exchange *exchange; /* NULL between requests */
    enum front_h1_state state;
    enum http_framing framing;          /* of the request's body */
    enum http_framing response_framing; /* as written */
    bool keep_alive;                    /* after the present response */
    bool is_pumping;
    bool saved_is_stuck; /* a part of a head: more must be read first */
    bool was_held; /* the server has not taken the body at times, since its deadline was set */
    bool was_used; /* a request has come */
    bool has_left; /* the client's end has been read, while a response was awaited */
    bool is_half_closed;      /* the timer's meaning: timeouts.half_closed */
    uint64_t moved_when_left; /* both ways, when that was set */
    char *saved;              /* bytes read and not used yet */
    uint32_t saved_len;
    uint32_t saved_at; /* where the unused ones begin */
    size_t scanned;
    uint64_t head_began_us;
    uint64_t body_left;
    uint64_t moved_at_timer; /* conn.bytes_in when the body's deadline was set */
    struct h1_chunked chunked;
    struct relay relay;
    struct deferred again;
};

static inline struct front_h1 *front_h1_of(struct front *base)
{
    return CONTAINER_OF(base, struct front_h1, base);
}

static inline const struct settings *front_h1_settings(const struct front_h1 *front)
{
    return front->link->settings;
}

static inline void front_h1_watch_output(struct front_h1 *front)
{
    if (front->exchange != NULL) {
        front->link->send_ms = front->exchange->send_ms;
    }
    send_deadline_set(&front->sending, front->conn, &front->timer, front->link);
}

static inline void front_h1_set_timer(struct front_h1 *front, uint64_t ms)
{
    timer_set_ms(front->link->core->loop, &front->timer, ms);
}

/* ---- front_h1_request.c ---- */
/* Takes what it can of the bytes for the request under way; returns how many were used. */
size_t front_h1_take(struct front_h1 *front, struct span in);
/* What was read and not used yet. */
struct span front_h1_saved_bytes(const struct front_h1 *front);
/* For a request that was cut off, or too slow: with what its head says so far. */
struct front_exchange *front_h1_new_half_exchange(struct front_h1 *front);
/* Its last byte has come. */
void front_h1_end_request(struct front_h1 *front, struct http_fields *trailers);
void front_h1_begin_idle(struct front_h1 *front);
/* How long it may be idle now: while the gateway hands over, or what serves the connection is no
 * more, as long as a client may ask once more, who hears with the answer that it ends. */
uint64_t front_h1_idle_ms(const struct front_h1 *front);
void front_h1_begin_body(struct front_h1 *front);
void front_h1_begin_skip(struct front_h1 *front);

/* ---- front_h1.c ---- */
void front_h1_enter(struct front_h1 *front, enum front_h1_state state);
/* The last thing that it does. */
void front_h1_leave(struct front_h1 *front, enum link_end how);
extern const struct front_ops front_h1_ops;
void front_h1_save(struct front_h1 *front, struct span bytes);

/* ---- front_h1_end.c ---- */
/* The time for some of the body is over: whether enough has come. */
bool front_h1_body_comes(const struct front_h1 *front);
/* The client hears nothing any more. */
void front_h1_lose(struct front_h1 *front, const char *reason);
/* Whether nothing is read just now, so that the client's end would not be met. */
bool front_h1_is_deaf(const struct front_h1 *front);
/* To be called whenever a client may have said FIN while its response is awaited. */
void front_h1_watch_leaving(struct front_h1 *front);
/* The timer has struck: whether it did for timeouts.half_closed, which has then been seen to. */
bool front_h1_left_for_long(struct front_h1 *front);
/* What becomes of the connection behind the exchange's response: http/reuse.h. is_told: the client
 * has its head, and what that says of the connection (front->keep_alive): it may count on it. */
enum reuse front_h1_reuse(const struct front_h1 *front, const struct front_exchange *x,
                          bool is_told);

/* The parts of front_ops that write; see server/front_exchange.h. */
void front_h1_write_interim(struct front_exchange *x, const struct http_response *response);
void front_h1_write_head(struct front_exchange *x, const struct http_response *response);
void front_h1_write_body(struct front_exchange *x, struct span bytes);
void front_h1_write_end(struct front_exchange *x, const struct http_fields *trailers);
bool front_h1_is_blocked(const struct front_exchange *x);
bool front_h1_poll(struct front_exchange *x);

#endif

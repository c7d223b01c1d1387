/* What back_h1.c (connections and responses), back_h1_rest.c (those that rest) and back_h1_write.c
 * (requests) share. Not for others. */
#ifndef TIDEGATE_CLIENT_BACK_H1_INTERNAL_H
#define TIDEGATE_CLIENT_BACK_H1_INTERNAL_H

#include "client/back_h1.h"
#include "http/h1_chunked.h"
#include "io/relay.h"

enum back_state {
    BACK_IDLE,
    BACK_HEAD,
    BACK_BODY,
    BACK_DONE,
    BACK_TUNNEL,
    BACK_ENDING, /* released, and what is pending still goes out */
    BACK_CLOSED
};

struct back_h1 {
    struct back base;
    struct conn *conn;
    struct client *client;
    struct upstream_set *set; /* held */
    size_t server;            /* of that set */
    struct call *call;        /* NULL: parked */
    struct client_conn of_client;
    struct list parked;
    struct caller_bound bound; /* while it rests for the one client it is authenticated for */
    struct timer timer;        /* of a parked one */
    struct deferred again;
    struct deferred freeing;
    enum back_state state;
    enum http_framing framing;
    bool request_is_chunked;
    bool is_raw; /* after 101: bytes of another protocol both ways */
    bool is_reused;
    bool has_answered;  /* a byte came since the request's head was written */
    bool is_auth_bound; /* somebody is, or may be, authenticated on it: it is one client's */
    uint64_t rest_ms;   /* how long it may rest afterwards */
    bool keep_alive;
    bool is_pumping;
    bool may_be_followed;   /* a head announced a body where there is none, even an interim one */
    bool waits_for_request; /* 101 came before the request had gone out whole */
    bool has_leftover;      /* bytes behind the response: not to be used again */
    char *saved;            /* a head that has come in part */
    size_t saved_len;
    size_t scanned;
    unsigned interim_count;
    struct span rest;      /* bytes behind a 101 */
    uint64_t out_at_start; /* conn.bytes_out when the request began */
    uint64_t body_left;
    struct h1_chunked chunked;
    struct relay relay;
};

static inline struct back_h1 *back_h1_of(const struct back *base)
{
    return CONTAINER_OF(base, struct back_h1, base);
}

void back_h1_enter(struct back_h1 *back, enum back_state state);
/* Where it rests. */
static inline struct pool_entry *back_h1_entry(const struct back_h1 *back)
{
    return back->set->entries[back->server];
}
static inline const struct backend *back_h1_backend(const struct back_h1 *back)
{
    return upstream_set_backend(back->set);
}
/* From now on it is of its client connection alone. */
void back_h1_bind(struct back_h1 *back);
void back_h1_rest_init(struct back_h1 *back);
/* After its call. True: it rests now, for whom it may serve. */
bool back_h1_park(struct back_h1 *back, struct caller *caller);

/* The parts of back_ops that write; see client/back.h. */
void back_h1_write_head(struct back *base, struct call *call, bool is_end);
bool back_h1_takes_body(const struct back *base);
void back_h1_write_body(struct back *base, struct span bytes);
void back_h1_write_end(struct back *base, const struct http_fields *trailers);
struct conn *back_h1_raw(struct back *base);

#endif

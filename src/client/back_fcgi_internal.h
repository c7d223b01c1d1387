/* What back_fcgi.c (connections and requests) and back_fcgi_response.c (responses) share. Not for
 * others. */
#ifndef TIDEGATE_CLIENT_BACK_FCGI_INTERNAL_H
#define TIDEGATE_CLIENT_BACK_FCGI_INTERNAL_H

#include "base/strbuf.h"
#include "client/back_fcgi.h"
#include "http/fcgi_record.h"

enum back_fcgi_state {
    BACK_FCGI_IDLE,
    BACK_FCGI_COLLECT,
    BACK_FCGI_HEAD,
    BACK_FCGI_BODY,
    BACK_FCGI_DONE,
    BACK_FCGI_ENDING, /* released, and what is pending still goes out */
    BACK_FCGI_CLOSED
};

struct back_fcgi {
    struct back base;
    struct conn *conn;
    struct client *client;
    struct upstream_set *set; /* held */
    size_t server;            /* of that set */
    struct call *call;        /* NULL: parked */
    struct client_conn of_client;
    struct list parked;
    struct timer timer;
    struct deferred again;
    struct deferred freeing;
    enum back_fcgi_state state;
    struct fcgi_reader reader;
    enum http_framing framing; /* of the response */
    uint64_t body_left;
    bool is_reused;
    bool keeps;        /* the server was asked to keep the connection */
    bool has_answered; /* a byte came since the request was written */
    bool is_pumping;
    bool has_leftover; /* bytes that belong to no answer: not to be used again */
    bool has_sent_end;
    bool is_over_limit; /* a body of unknown length is longer than can be kept */
    bool asks_for_body; /* the client waits for a 100 (Continue), which is ours to say */
    struct strbuf body; /* COLLECT: what has come of the request's */
    struct strbuf head; /* HEAD: what has come of the response's */
    size_t scanned;
    struct strbuf said;    /* for the log */
    uint64_t out_at_start; /* conn.bytes_out when the request began */
};

static inline struct pool_entry *back_fcgi_entry(const struct back_fcgi *back)
{
    return back->set->entries[back->server];
}

static inline const struct backend *back_fcgi_backend(const struct back_fcgi *back)
{
    return upstream_set_backend(back->set);
}

/* ---- back_fcgi.c ---- */
void back_fcgi_enter(struct back_fcgi *back, enum back_fcgi_state state);
void back_fcgi_close(struct back_fcgi *back, void (*close_conn)(struct conn *));

/* ---- back_fcgi_response.c ---- */
/* Reads what there is, as far as it is taken. */
void back_fcgi_pump(struct back_fcgi *back);
/* The connection is of no more use; the call decides what that means for the request. */
void back_fcgi_fail(struct back_fcgi *back, const char *reason, const char *detail,
                    const char *mend);
void back_fcgi_fail_as(struct back_fcgi *back, enum retry_stage stage, unsigned status,
                       const struct trouble *trouble);
void back_fcgi_fail_lost(struct back_fcgi *back);
/* What the script has said to the log so far is written there. */
void back_fcgi_tell_said(struct back_fcgi *back);

#endif

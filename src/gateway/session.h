/* A session: one accepted connection, from its first byte to its close.
 *
 *   PEEK --ClientHello, site passes through--> TUNNEL ------------------------------> CLOSED
 *     |---ClientHello, site terminates--> HANDSHAKE --> HTTP --> FINISH or LINGER --> CLOSED
 *     |---anything else: HTTP/1 ----------------------> HTTP --> FINISH or LINGER --> CLOSED
 *     `---PROXY header (trusted peers): read, then PEEK again
 *
 * FINISH: what is pending still goes out. LINGER: the same, and what the client still sends is read
 * and dropped for a while, so that a RST does not take the answer away from it (RFC 9112
 * section 9.6).
 *
 * Memory of a closed session is freed at the end of the loop's turn, so callbacks on the stack
 * never see it go. */
#ifndef TIDEGATE_GATEWAY_SESSION_H
#define TIDEGATE_GATEWAY_SESSION_H

#include "base/trouble.h"
#include "client/client.h"
#include "gateway/admission.h"
#include "gateway/worker_base.h"
#include "io/conn.h"
#include "server/link.h"
#include "server/send_deadline.h"
#include "tls/hello.h"

struct front;
struct passthrough;

enum session_state {
    SESSION_PEEK,
    SESSION_HANDSHAKE,
    SESSION_HTTP,
    SESSION_TUNNEL,
    SESSION_FINISH,
    SESSION_LINGER,
    SESSION_CLOSED
};

struct session {
    struct link link;
    struct conn conn;
    struct list node; /* in worker->sessions */
    struct list idle; /* in worker->idle_sessions, where it makes room for others */
    struct worker *worker;
    struct worker_socket *socket;
    struct generation *generation; /* what link has is of; counted */
    struct deferred leaving;       /* it cannot follow: it ends when its requests have */
    struct timer timer;            /* until its front begins, and once that has left */
    struct deferred hearing;       /* what the client still sends, once it was finished */
    struct deferred freeing;
    struct peer local; /* see link_local */
    struct admission admission;
    bool has_local;
    enum session_state state;
    bool was_proxied;            /* a PROXY header was read */
    enum site_starttls starttls; /* the client has asked for TLS in that way */
    bool asked_for_gss;          /* and for another encryption before, which it was refused */
    bool is_evicted;             /* it was idle, and makes room for another */
    char *first;                 /* bytes read that are not enough to decide yet */
    uint32_t first_len;
    uint32_t first_wanted;          /* decide again when this many are there */
    struct hello_watch hello_watch; /* of a ClientHello that is not whole */
    uint32_t linger_bytes;
    uint64_t finished_us; /* when session_finish was called */
    struct send_deadline sending;
    struct front *front;
    struct passthrough *passthrough;
    struct caller caller; /* for its requests to servers */
};

static inline struct session *session_of(struct link *link)
{
    return CONTAINER_OF(link, struct session, link);
}

/* Takes the socket over. */
void session_create(struct worker *worker, struct worker_socket *socket, int fd,
                    const struct sock_address *peer);
/* Goes on with the worker's present configuration, where there is another one since and the
 * connection may: before each request, and while there is none. */
void session_follow(struct session *session);
/* It may not: it ends with what runs, and with one more request where the client could count on
 * that. has_lost_site: that one is refused. */
void session_stay_behind(struct session *session, bool has_lost_site);
/* Writes the line of a connection that never became a request. Once. */
void session_log_trouble(struct session *session, const struct trouble *trouble);
/* A client that has been served waits between two requests, or no longer. */
static inline void session_set_idle(struct session *session, bool is_idle)
{
    list_remove(&session->idle);
    if (is_idle) {
        list_push_back(&session->worker->idle_sessions, &session->idle);
    }
}
/* No more output will come: close once all is out. `linger`: the client may still be sending. */
void session_finish(struct session *session, bool linger);
/* Now. May be called twice. */
void session_close(struct session *session);
/* With a RST. */
void session_abort(struct session *session);
/* Shutting down: close if no request is under way, or as soon as there is none. */
void session_drain(struct session *session);
/* Sets its state, and tells of it. */
void session_enter(struct session *session, enum session_state state);
/* Bytes that were read and are needed later; copied. `wanted`: look again when so many are there.
 */
void session_keep_first(struct session *session, struct span bytes, size_t wanted);
void session_drop_first(struct session *session);

#endif

/* A session: one accepted connection, from its first byte to its close.
 *
 *   PEEK --ClientHello, site passes through--> TUNNEL ------------------------.
 *     |---ClientHello, site terminates--> HANDSHAKE --> HTTP --upgrade--> TUNNEL --> CLOSED
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
#include "gateway/worker.h"
#include "io/conn.h"
#include "tls/hello.h"

struct front;
struct client_identity;
struct passthrough;

/* Shutting down, a connection on which no request has come yet: one may be on its way, or lie in
 * the socket. */
#define SESSION_DRAIN_FIRST_BYTE_MS 500

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
    struct conn conn;
    uint64_t id;      /* among the worker's, for its messages */
    struct list node; /* in worker->sessions */
    struct list idle; /* in worker->idle_sessions, where it makes room for others */
    struct worker *worker;
    struct snapshot *snapshot;
    const struct worker_socket *socket;
    const struct site *site; /* chosen by SNI; NULL: plain HTTP, or not yet */
    struct timer timer;
    struct deferred freeing;
    struct peer peer;  /* the client; a trusted PROXY header's, if there was one */
    struct peer local; /* the address it came to; see session_local */
    enum session_state state;
    bool has_local;
    bool is_tls;          /* terminated here */
    bool was_proxied;     /* a PROXY header was read */
    bool is_peer_trusted; /* its Forwarded and X-Forwarded-* are believed */
    bool is_logged;       /* a line was written for it, or a request came */
    bool is_evicted;      /* it was idle, and makes room for another */
    char *sni;            /* NULL: none */
    char *sni_sent;       /* what was asked for that is no host name, escaped; NULL: nothing */
    enum site_starttls starttls; /* the client has asked for TLS in that way */
    bool asked_for_gss;          /* and for another encryption before, which it was refused */
    char *early;                 /* bytes read that are not enough to decide yet */
    uint32_t early_len;
    uint32_t early_wanted;          /* decide again when this many are there */
    struct hello_watch hello_watch; /* of a ClientHello that is not whole */
    uint64_t accepted_us;           /* monotonic */
    uint32_t handshake_us;          /* how long it took */
    uint32_t linger_bytes;
    uint64_t finished_us; /* when session_finish was called */
    uint64_t stalled_at;  /* conn.bytes_out when the send deadline was set */
    struct front *front;
    struct passthrough *passthrough;
    struct client_identity *identity; /* NULL: not asked for yet, or none */
    uint64_t open_files;              /* of its exchanges */
    struct caller caller;             /* for its requests to servers */
};

/* Takes the socket over. */
void session_create(struct worker *worker, const struct worker_socket *socket, int fd,
                    const struct sock_address *peer);
/* Writes the line of a connection that never became a request. Once. */
void session_log_trouble(struct session *session, const struct trouble *trouble);
/* The same for one that was of use before: its line comes besides those of its requests. */
void session_log_end(struct session *session, const struct trouble *trouble);
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
/* What comes now came before the TLS handshake is over, and may be a copy of what came before
 * (tls_conn_is_early). */
bool session_is_early(const struct session *session);
/* Whether an address is one of trusted_proxies. */
bool session_trusts(const struct session *session, const struct peer *peer);
/* For logs: the name that it asked for (SNI), or what it asked for that is none; NULL: nothing. */
const char *session_asked_name(const struct session *session);
/* The address that the client connected to. */
const struct peer *session_local(struct session *session);
struct dial_client;
/* Who the client is, for a PROXY header. */
void session_describe(struct session *session, struct dial_client *out);
/* The send deadline: set when output is pending, called from the timer; false: it has stalled. */
void session_watch_output(struct session *session);
/* When that has passed: whether the client took enough meanwhile (limits.send_rate). */
bool session_takes_output(const struct session *session);

#endif

/* A client's connection as its front and its exchanges know it: who the client is, by what settings
 * it is served, and how its front takes its leave. What carries it (TCP, with or without TLS) is
 * known to its owner alone: the session, in which it is embedded, and which outlives both.
 *
 * A front that reads a stream of bytes is given the struct conn besides; HTTP/3's will be given
 * something else. */
#ifndef TIDEGATE_SERVER_LINK_H
#define TIDEGATE_SERVER_LINK_H

#include "base/trouble.h"
#include "core/core.h"
#include "io/conn.h"
#include "io/sock.h"
#include "settings/settings.h"

struct caller;
struct client_identity;
struct front_exchange;
struct front_ops;
struct link;
struct listener;
struct site;
struct snapshot;

/* Shutting down, a connection on which no request has come yet: one may be on its way, or lie in
 * the socket. */
#define LINK_DRAIN_FIRST_BYTE_MS 500

/* How a front leaves; the owner does the rest. */
enum link_end {
    LINK_FINISHED, /* what is pending still goes out, then the connection closes */
    LINK_LINGERS,  /* the same, and what the client may still be sending is heard */
    LINK_CLOSED,   /* at once */
    LINK_RESET     /* at once, so that the client can tell that something is missing */
};

/* What its owner does for it. */
struct link_ops {
    /* No more output will come. The front may be destroyed before this returns; its memory goes at
     * the end of the turn. Once. */
    void (*end)(struct link *link, enum link_end how);
    /* Whether the client waits between two requests, so that it may have to make room for others.
     * Not before its first one. */
    void (*set_idle)(struct link *link, bool is_idle);
    /* Writes a line about the connection, besides those of its requests. */
    void (*tell)(struct link *link, const struct trouble *trouble);
    /* The address that the client came to. */
    const struct peer *(*local)(struct link *link);
    /* One more request has begun. It ends itself (front_ops.done), or with behind->abandon. */
    struct front_exchange *(*open)(struct link *link, const struct front_ops *ops, void *owner);
};

struct link {
    const struct link_ops *ops;
    struct core *core;
    uint64_t id; /* among the core's, for messages */
    const struct settings *settings;
    struct peer peer;     /* the client; a trusted PROXY header's, if there was one */
    bool is_tls;          /* ended here */
    bool is_peer_trusted; /* its Forwarded and X-Forwarded-* are believed */
    bool is_logged;       /* a line was written for it, or a request came */
    bool is_leaving;      /* it ends with the requests that run: what serves it is no more */
    struct conn *secured; /* see link_tls */
    char *sni;            /* NULL: none */
    char *sni_sent;       /* what was asked for that is no host name, escaped; NULL: nothing */
    uint64_t accepted_us; /* monotonic */
    uint32_t handshake_us;
    uint64_t
        send_ms; /* how long what is sent now may wait for the client; 0: as the settings say */
    uint64_t open_files; /* of its exchanges */
    /* What serves it: no front looks at these. */
    struct caller *caller;           /* what it has to do with servers */
    const struct snapshot *snapshot; /* has the settings */
    const struct listener *listener;
    const char *listener_text; /* its address, for logs */
    const struct site *site;   /* the handshake was for; NULL: plain HTTP, or not yet */
    bool has_lost_site;        /* that one is gone since, or asks something else of clients */
    struct client_identity *identity; /* NULL: not asked for yet, or none */
};

/* How long what waits for the client may wait while it takes too little of it. */
static inline uint64_t link_send_ms(const struct link *link)
{
    return link->send_ms != 0 ? link->send_ms : link->settings->timeouts.send_ms;
}

/* What has the client's TLS, for tls/tls_conn.h and tls/tls_peer.h; NULL: none, or it has gone. */
static inline struct conn *link_tls(const struct link *link)
{
    return link->is_tls && !conn_is_plain(link->secured) ? link->secured : NULL;
}

/* What comes now came before the TLS handshake is over, and may be a copy of what came before
 * (tls_conn_is_early). */
bool link_is_early(const struct link *link);
/* For logs: the name that was asked for (SNI), or what was asked for that is none; NULL: nothing.
 */
const char *link_asked_name(const struct link *link);
/* A client is lost that came by `conn`: reads what is left of it for an alert, tells if TLS has
 * failed, and returns the word for its requests; else `word`. */
const char *link_loss(struct link *link, struct conn *conn, const char *word) MUST_CHECK;

/* Nothing new is begun on it. */
static inline bool link_is_draining(const struct link *link)
{
    return link->is_leaving || link->core->is_draining;
}

/* And a client that was not told so yet may not ask once more, to hear it with the answer: the
 * process ends, and nobody goes on with its sockets. */
static inline bool link_ends_at_once(const struct link *link)
{
    return link->core->is_draining && !link->core->is_handing_over;
}

static inline void link_finish(struct link *link, enum link_end how)
{
    link->ops->end(link, how);
}

static inline void link_set_idle(struct link *link, bool is_idle)
{
    link->ops->set_idle(link, is_idle);
}

static inline void link_tell(struct link *link, const struct trouble *trouble)
{
    link->ops->tell(link, trouble);
}

static inline struct front_exchange *link_open(struct link *link, const struct front_ops *ops,
                                               void *owner)
{
    return link->ops->open(link, ops, owner);
}

static inline const struct peer *link_local(struct link *link)
{
    return link->ops->local(link);
}

#endif

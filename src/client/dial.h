/* Connects to one of a backend's servers: the balancer's choice, then the next one when it cannot
 * be reached, until none is left. Sends the PROXY header and makes the TLS handshake where the
 * backend asks for them.
 *
 * Made for one connection attempt and freed by its owner after on_done. Where servers are left but
 * full it does not wait for them: that is the owner's (client/turn.h). */
#ifndef TIDEGATE_CLIENT_DIAL_H
#define TIDEGATE_CLIENT_DIAL_H

#include "base/trouble.h"
#include "client/client.h"
#include "client/tries.h"
#include "io/conn.h"
#include "io/proxy_header.h"
#include "upstream/lease.h"

enum dial_result {
    DIAL_OK,
    DIAL_NO_SERVER, /* none is known: not resolved yet */
    DIAL_FULL,      /* all are full, and the line in front of them is, or took too long */
    DIAL_REFUSED,   /* the last one tried could not be reached */
    DIAL_TIMEOUT,
    DIAL_TLS /* the last one tried failed the handshake; see trouble */
};

/* Who the client is, for a PROXY header. */
struct dial_client {
    struct peer peer;
    struct peer local;                        /* the address it came to */
    char sni[PROXY_HEADER_AUTHORITY_MAX + 1]; /* empty: none */
    /* Its TLS, which has ended here: of the heap, and whoever has this frees it; NULL: none. Its
     * texts lie behind it. */
    struct proxy_header_tls *tls;
};

/* ANY: HTTP/2 as well, where the backend says so; tls_conn_alpn tells what the server chose. */
enum dial_offer { DIAL_OFFER_H1, DIAL_OFFER_ANY };

struct dial {
    struct client *client;
    struct dial_client who;
    char *client_name; /* see dial_tls_name; NULL: none */
    struct upstream *upstream;
    struct conn *conn; /* in the making */
    enum dial_offer offer;
    struct lease_tried *tried;
    struct lease *lease; /* the owner's */
    struct timer timer;
    const struct endpoint_addresses *addresses; /* of its server, when that was chosen; held */
    size_t address;                             /* which of them */
    uint64_t started_us;
    struct tries *tries; /* the owner's; NULL: it does not ask */
    uint64_t try_began_us;
    bool is_over;
    bool others_are_full; /* after a failure: servers are left that were not tried, all full */
    enum dial_result last;
    struct trouble trouble; /* of the last failure; texts are static or in text */
    char text[256];
    void *owner;
    /* Once; from the loop, or from inside dial_start. DIAL_OK: the lease is held, and the owner
     * takes the connection (dial_take). Otherwise it has ended. */
    void (*on_done)(struct dial *dial, enum dial_result result);
};

/* who: copied, and who->tls taken over; NULL: nobody. client_name: copied; see dial_tls_name;
 * tries: those that fail are added; NULL: none are. `tried` is kept by the owner over several dials
 * of one request. Where the lease is held already, its server is tried first. */
void dial_start(struct dial *dial, struct client *client, const struct dial_client *who,
                const struct backend *backend, enum dial_offer offer, struct lease_tried *tried,
                struct tries *tries, const char *client_name, struct lease *lease, void *owner,
                void (*on_done)(struct dial *, enum dial_result));
/* By which name a server is asked for in TLS, and its certificate verified: the client's, where the
 * server is named so and there is one (NULL: none), else the server's own; NULL: without TLS. */
const char *dial_tls_name(const struct server *server, const char *client_name);
/* In on_done, after DIAL_OK: the connection, open and made with conn_create; the taker sets its
 * handler. */
struct conn *dial_take(struct dial *dial) MUST_CHECK;
/* Whether an open connection to the server was made with its TLS files as they are now: otherwise
 * it is for what it carries already, and no more. */
bool dial_is_current(struct server_ref ref, const struct conn *conn);
/* Why there is none to be tried, in `text`. */
struct trouble dial_no_server(struct upstream *upstream, char *text, size_t size);
/* Gives up: closes the connection and ends the lease. Not after on_done. May be called twice. */
void dial_cancel(struct dial *dial);

#endif

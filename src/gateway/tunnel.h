/* A tunnel: two connections whose bytes are carried across both ways until both have ended.
 *
 * An end of one side is carried across as a half-close; a broken side resets the other. Used for
 * passthrough and after an Upgrade. Embedded in its owner, which owns the connections too. */
#ifndef TIDEGATE_GATEWAY_TUNNEL_H
#define TIDEGATE_GATEWAY_TUNNEL_H

#include "gateway/worker_base.h"
#include "io/relay.h"

struct tunnel {
    struct worker *worker;
    struct conn *conns[2];      /* [0] the client, [1] the server */
    struct relay relays[2];     /* [i]: from conns[i] to the other */
    struct relay_look looks[2]; /* at what goes from conns[i]; set by the owner before the start */
    uint64_t moved[2];          /* bytes taken from conns[i] */
    uint64_t started_us;
    uint64_t idle_ms;        /* how long no byte may go either way; 0: as the settings say */
    uint64_t moved_at_check; /* of both ways, when the idle timer last looked */
    struct timer timer;
    struct deferred again;
    bool has_ended[2]; /* conns[i] has sent its last byte */
    bool is_over;
    /* Once, from the loop; reason is NULL for an orderly end, else a word for the log. The owner
     * closes both connections. Never called from inside tunnel_start. */
    void (*on_end)(struct tunnel *tunnel, const char *reason);
    const char *reason;
};

void tunnel_init(struct tunnel *tunnel, struct worker *worker,
                 void (*on_end)(struct tunnel *, const char *reason));
/* Takes the connections' handlers over and moves what is there. Bytes that were read before were
 * queued by the owner. */
void tunnel_start(struct tunnel *tunnel, struct conn *client, struct conn *server);
/* Stops without a call of on_end; before the memory goes. May be called twice. */
void tunnel_stop(struct tunnel *tunnel);

#endif

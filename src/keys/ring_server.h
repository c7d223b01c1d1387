/* One ring as the keyholder serves it: a thread that takes a question, looks whether it is one of a
 * handshake, signs, and answers, in batches; and sleeps when there is none. */
#ifndef TIDEGATE_KEYS_RING_SERVER_H
#define TIDEGATE_KEYS_RING_SERVER_H

#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "keys/held_keys.h"
#include "keys/key_ring.h"

struct ring_server;

/* Takes the descriptors over, in any case. rate: signatures a second; 0: no bound: what is above it
 * waits. The keys must outlive it. NULL with an error. */
struct ring_server *ring_server_start(const struct key_ring_fds *fds, struct held_keys *keys,
                                      uint32_t rate, struct error *error) MUST_CHECK;
/* Waits for the signature that is being made, and no longer. */
void ring_server_stop(struct ring_server *server);

/* Answers what is there to be answered, and returns; false: the client has broken the rules. For
 * the server's thread, and for tests. */
struct ring_worker {
    struct key_ring ring;
    struct held_keys *keys;
    uint32_t rate;
    uint64_t credit;    /* signatures that may be made at once, in millionths */
    uint64_t credit_us; /* as of then */
    char *buffer;       /* KEY_MESSAGE_MAX */
};
bool ring_worker_serve(struct ring_worker *worker) MUST_CHECK;

#endif

/* Asks the keyholder for signatures: the `struct signer` (tls/signer.h) of a process without keys.
 *
 * There is one signer for all contexts, and a client for each thread that shakes hands: a thread
 * with a loop has its own, and handshakes there wait without keeping anything else from going
 * on. All other threads (which try a context before it is used) share one, where they wait in turn.
 *
 * Questions go out together at the end of a turn of the loop. Where the ring is full they wait in
 * order, KEY_QUEUE_MAX of them; more are refused, and so is what was not answered for KEY_WAIT_MS.
 * When the keyholder dies, all of them stay where they are, and the next one answers. */
#ifndef TIDEGATE_KEYS_KEY_CLIENT_H
#define TIDEGATE_KEYS_KEY_CLIENT_H

#include <stdbool.h>

#include "base/check.h"
#include "keys/key_ring.h"

#define KEY_QUEUE_MAX 4096
#define KEY_WAIT_MS 5000

struct key_client;
struct loop;

/* For tls/key_source.h and contexts; as long as the process. */
struct signer *key_client_signer(void);

/* The rings of this process, in the place of those that it had: `count` of them, the last one for
 * all threads that have no client. They must stay. Before any thread is started. False with
 * errno. */
bool key_client_use_rings(const struct key_ring_fds *rings, size_t count) MUST_CHECK;
/* None any more: nobody gets signatures. */
void key_client_leave_rings(void);
/* The sums of all of them; false: there are none. From any thread. */
bool key_client_counts(struct key_counts *counts);

/* For a thread with a loop, which is the `index`th one; NULL where there is no ring for it, which
 * is fine where no key is elsewhere. One for each ring, until it is destroyed. */
struct key_client *key_client_create(size_t index, struct loop *loop);
/* From the loop's own thread: it asks by way of this one from now on. NULL: none, as at first. */
void key_client_use(struct key_client *client);
/* When the loop's thread has ended, or has stopped using it, and no handshake is left: what still
 * waits counts as dropped. NULL is allowed. */
void key_client_destroy(struct key_client *client);

#endif

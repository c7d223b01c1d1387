/* The keyholder: the process that has the private keys, and does nothing but sign with them.
 *
 *   supervisor --open files of keys, rings--> keyholder <--ring--> worker 1..N of the gateway
 *
 * It parses no byte of the network's, opens no file and no connection. The supervisor sends it
 * files that are open; those who shake hands ask over rings (keys/key_ring.h), each of which a
 * thread of its own answers. It signs nothing that does not look like a handshake
 * (tls/sign_form.h), and no more in a second than it was told.
 *
 * It ends when the supervisor has gone, and everybody who uses keys too: what a gateway still
 * serves while it drains is signed. */
#ifndef TIDEGATE_KEYS_KEYHOLDER_H
#define TIDEGATE_KEYS_KEYHOLDER_H

#include "base/check.h"

/* More keys than any gateway has. */
#define KEYHOLDER_KEYS_MAX 65536
/* Processes that use keys, at a time: gateways that go and that come, and whoever tries a new
 * configuration. */
#define KEYHOLDER_USERS_MAX 8

/* Before rights are given up, which locking memory needs: what can be locked is. */
void keyholder_lock_memory(void);
/* Serves the supervisor's socket (keys/key_message.h); returns the process's exit status. */
int keyholder_main(int control_fd);

#endif

/* The gateway process: a control thread (this one) and N workers.
 *
 * Runs in the child that the supervisor forked, after privileges were dropped. The control thread
 * listens to the supervisor, resolves the names of servers, and ends the workers. */
#ifndef TIDEGATE_GATEWAY_GATEWAY_H
#define TIDEGATE_GATEWAY_GATEWAY_H

#include <stddef.h>

struct snapshot;

/* Serves the sockets (in the settings' order) until control_fd says 'D' (drain) or 'S' (stop) or
 * ends; writes 'U' to it once every worker accepts. Returns the exit status. Takes over the
 * caller's reference to the snapshot; the sockets stay the caller's. */
int gateway_main(struct snapshot *snapshot, const int *listen_fds, size_t listen_count,
                 int control_fd);

#endif

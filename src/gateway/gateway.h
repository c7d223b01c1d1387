/* The gateway process: a control thread (this one) and N workers.
 *
 * Runs in the child that the supervisor forked, after privileges were dropped. The control thread
 * listens to the supervisor, resolves the names of servers, and ends the workers. */
#ifndef TIDEGATE_GATEWAY_GATEWAY_H
#define TIDEGATE_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>

struct snapshot;
struct worker;

/* What runs beside the workers and looks at them: src/admin, which gateway/ does not know. */
struct gateway_companion {
    /* Once the workers run; false: it does not run, which stops nothing. */
    bool (*start)(void *self, struct snapshot *snapshot, struct worker **workers, unsigned count);
    /* The workers have ended, and are still there. Also after a start that failed. */
    void (*stop)(void *self);
    void *self;
};

/* Serves the sockets (in the settings' order) until control_fd says 'D' (drain) or 'S' (stop) or
 * ends; writes 'U' to it once every worker accepts, and 'Q' once none
 * does any more. Returns the exit status. Takes over the
 * caller's reference to the snapshot; the sockets stay the caller's. companion: may be NULL. */
int gateway_main(struct snapshot *snapshot, const int *listen_fds, size_t listen_count,
                 int control_fd, const struct gateway_companion *companion);

#endif

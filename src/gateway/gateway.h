/* The gateway process: a control thread (this one) and N workers.
 *
 * Runs in the child that the supervisor forked, after privileges were dropped. The control thread
 * listens to the supervisor (gateway/commands.h), looks for changed certificates, takes up other
 * configurations (gateway/reload.h), and ends the workers. */
#ifndef TIDEGATE_GATEWAY_GATEWAY_H
#define TIDEGATE_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct current;
struct snapshot;
struct worker;

/* What runs beside the workers and looks at them: src/admin, which gateway/ does not know. */
struct gateway_companion {
    /* Once the workers run; false: it does not run, which stops nothing. */
    bool (*start)(void *self, struct current *current, struct worker **workers, unsigned count);
    /* The workers have ended, and are still there. Also after a start that failed. */
    void (*stop)(void *self);
    void *self;
};

struct gateway_start {
    struct snapshot *snapshot; /* the caller's reference is taken over */
    const char *config_path;   /* what the configuration's file is called in bundles */
    const int *listen_fds;     /* in the settings' order */
    size_t listen_count;
    int control_fd;
    const struct gateway_companion *companion; /* NULL: none */
    /* Other sockets are listened on from now on. NULL: nobody asks. */
    void (*on_sockets)(const int *fds, size_t count);
    /* GATEWAY_OWN; GATEWAY_SHARE and GATEWAY_LEAVE. NULL: nobody asks. */
    void (*on_ownership)(bool is_owner);
};

/* How many workers it will have, where the configuration says so many; 0: it says none. */
unsigned gateway_worker_count(uint64_t said);
/* Serves the sockets until the supervisor says that it is over, or is gone. Returns the exit
 * status. The sockets of the start stay the caller's. */
int gateway_main(const struct gateway_start *start);

#endif

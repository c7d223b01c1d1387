/* The supervisor: the first process. It binds the sockets, forks the gateway, starts it again when
 * it dies, and passes on what signals ask for. It reads nothing from the network and has a single
 * thread.
 *
 *     STARTING --'U'--> UP --died--> WAITING --back-off over--> STARTING
 *        |               |              |
 *        |  (died before it was ever up: exit 1)
 *        +---- SIGTERM or SIGINT -------+--> DRAINING --gateway ended--> exit
 *                                            DRAINING --another signal, or too long--> KILLING
 *
 * SIGHUP and SIGUSR1 reopen the logs. */
#ifndef TIDEGATE_PROCESS_SUPERVISOR_H
#define TIDEGATE_PROCESS_SUPERVISOR_H

#include <stdbool.h>

struct settings;
struct snapshot;

/* The bytes on the control socket, both ways. The end of file means the other side is gone. */
enum supervisor_command {
    SUPERVISOR_DRAIN = 'D',
    SUPERVISOR_STOP = 'S',
    SUPERVISOR_REOPEN_LOGS = 'R', /* with the descriptor of the new file */
    SUPERVISOR_UP = 'U',          /* from the gateway: its workers accept */
    SUPERVISOR_QUIET = 'Q',       /* from the gateway: none does any more, and nobody waits to be */
};

struct supervisor_options {
    bool keep_dumpable;  /* core dumps of the gateway; for developers */
    const char *version; /* for whoever asks on the control socket */
};

/* Runs until told to stop; returns the process's exit status: 0 after a clean drain, 1 when it
 * could not start or had to be cut short. Borrows both trees. */
int supervisor_run(const struct settings *settings, struct snapshot *snapshot,
                   const struct supervisor_options *options);

#endif

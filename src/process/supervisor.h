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
 * SIGHUP, and whoever asks on the control socket, has the configuration loaded anew
 * (process/change.h); SIGUSR1 reopens the logs; SIGUSR2, and whoever asks, has the program's file
 * as it is now take its place (process/upgrade.h). */
#ifndef TIDEGATE_PROCESS_SUPERVISOR_H
#define TIDEGATE_PROCESS_SUPERVISOR_H

#include <stdbool.h>

struct inherited;

struct supervisor_options {
    const char *config_path;
    char *const *argv; /* that a new version is started with, its file first */
    struct inherited *inherited;
    bool debug;          /* messages for developers, and core dumps of the gateway */
    bool color;          /* of the report of errors at the start */
    const char *version; /* for whoever asks on the control socket */
};

/* Loads, and runs until told to stop; returns the process's exit status: 0 after a clean drain, 1
 * when it could not start or had to be cut short; after an upgrade, where nobody was told of the
 * other process, as that ended (process/stand_in.h). What is wrong is said on standard error. */
int supervisor_run(const struct supervisor_options *options);

#endif

/* Signals of a terminal or a service manager reach every process of the group, but they are for the
 * supervisor alone. */
#ifndef TIDEGATE_PROCESS_CHILD_SIGNALS_H
#define TIDEGATE_PROCESS_CHILD_SIGNALS_H

#include <signal.h>

/* The supervisor hears these. */
#define CHILD_SIGNALS SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD

/* In any child: they count for nothing. signals: the mask that the program was started with. */
void child_signals_ignore(const sigset_t *signals);

#endif

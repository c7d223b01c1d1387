/* Who started the program waits for that process, in a shell, in a container or as a service
 * without notifications. After an upgrade it stands in for those that have taken its place: passes
 * signals on to the one that is in charge, and ends as that ends.
 *
 *     stand-in --signals--> in charge --hands over, and says to whom--> in charge
 *
 * Where a service manager was told that another process is the main one (notify_main), nobody
 * stands in. */
#ifndef TIDEGATE_PROCESS_STAND_IN_H
#define TIDEGATE_PROCESS_STAND_IN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/check.h"

struct stand_in {
    int fd;          /* whoever is in charge says so there; -1: it stands in for nobody */
    int other_fd;    /* its other end, for the handover; -1: it went over */
    pid_t in_charge; /* 0: nobody yet */
    bool has_ended;  /* that one */
    int exit_status;
};

#define STAND_IN_NONE ((struct stand_in){.fd = -1, .other_fd = -1})

/* Before the first process is started that may take over. False: there are no descriptors. */
bool stand_in_prepare(struct stand_in *s) MUST_CHECK;
/* That process has taken over: its children's children become ours. */
void stand_in_begin(struct stand_in *s, pid_t in_charge);
/* Who is in charge now, if that was said. */
void stand_in_read(struct stand_in *s);
/* A process that has ended, as waitpid has it. */
void stand_in_reap(struct stand_in *s, pid_t pid, int status);
void stand_in_pass_on(const struct stand_in *s, int signal_number);
/* Until whoever is in charge has ended: the exit status to have. signal_fd: of signals and of
 * children. */
int stand_in_run(struct stand_in *s, int signal_fd);

/* Said by one that was in charge itself, to its stand-in. */
void stand_in_tell(int fd, pid_t in_charge);

#endif

/* What a process is started with and did not ask for. */
#ifndef TIDEGATE_PROCESS_INHERITED_H
#define TIDEGATE_PROCESS_INHERITED_H

#include "process/given_sockets.h"

struct inherited {
    struct given_sockets given; /* by systemd */
    int link_fd; /* to the process whose place this one takes (process/takeover.h); -1: none */
};

/* Takes what the environment says is for us, and closes every other descriptor above standard
 * error: whoever started us may have left files and sockets open, and the process that talks to the
 * network must not hold them. Before anything is opened. */
void inherited_take(struct inherited *inherited);
/* From this number on. */
void inherited_close_from(int first);

/* Raises the limit of open files as far as it may be: every connection takes one or two, and the
 * soft limit of 1024 is from another age. */
void inherited_raise_limits(void);

#endif

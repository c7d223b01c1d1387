/* Telling systemd (or whoever set NOTIFY_SOCKET) how we are: sd_notify(3)'s protocol, one datagram
 * a message. Does nothing when nobody asked. Never blocks and never fails: a manager that does not
 * listen is no reason to stop. */
#ifndef TIDEGATE_PROCESS_NOTIFY_H
#define TIDEGATE_PROCESS_NOTIFY_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether somebody asked. */
bool notify_is_wanted(void);
/* `state` is such as "READY=1". */
void notify_send(const char *state);
/* With a descriptor beside it; -1: none. False: it was not sent, or nobody asked. */
bool notify_send_fd(const char *state, int fd);
/* The configuration is being taken up anew; READY=1 ends it. */
void notify_reloading(void);
/* That process is the service's main one from now on. */
void notify_main(pid_t pid);

#endif

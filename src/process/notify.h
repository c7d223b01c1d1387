/* Telling systemd (or whoever set NOTIFY_SOCKET) how we are: sd_notify(3)'s protocol, one datagram
 * a message. Does nothing when nobody asked. */
#ifndef TIDEGATE_PROCESS_NOTIFY_H
#define TIDEGATE_PROCESS_NOTIFY_H

/* `state` is such as "READY=1". Never blocks and never fails: a supervisor that does not listen is
 * no reason to stop. */
void notify_send(const char *state);

#endif

/* The control socket: a Unix socket that only the user of the supervisor (root, as a rule) may
 * connect to. Bound by the supervisor before privileges are given up; served by src/admin.
 *
 * A process that takes another's place binds it beside that one's, and puts it in its place once it
 * is in charge: at every moment somebody answers at the path. */
#ifndef TIDEGATE_PROCESS_CONTROL_SOCKET_H
#define TIDEGATE_PROCESS_CONTROL_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/check.h"
#include "base/error.h"

struct control_socket {
    int fd;     /* -1: none */
    char *path; /* where it belongs */
    char *now;  /* where it is; NULL: nowhere */
    dev_t device;
    ino_t inode; /* what is at its path may be somebody else's by now */
};

#define CONTROL_SOCKET_NONE ((struct control_socket){.fd = -1})

/* path: as in the settings; NULL and "off": none. aside: not in its place yet. False with an error;
 * else it is listening, or there is none. */
bool control_socket_open(struct control_socket *control, const char *path, bool aside,
                         struct error *error) MUST_CHECK;
/* In its place, in one step with the end of what was there. */
void control_socket_settle(struct control_socket *control);
/* Closes, and removes the file if it is still this one's. May be called twice. */
void control_socket_close(struct control_socket *control);

#endif

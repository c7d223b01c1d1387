/* The control socket: a Unix socket that only the user of the supervisor (root, as a rule) may
 * connect to. Bound by the supervisor before privileges are given up; served by src/admin. */
#ifndef TIDEGATE_PROCESS_CONTROL_SOCKET_H
#define TIDEGATE_PROCESS_CONTROL_SOCKET_H

#include "base/check.h"
#include "base/error.h"

/* path: as in the settings; "off": none. False with an error; else *fd is listening, or -1. */
bool control_socket_open(const char *path, int *fd, struct error *error) MUST_CHECK;
/* Closes and removes the file; fd may be -1. */
void control_socket_close(const char *path, int fd);

#endif

/* One byte with a descriptor beside it, over a Unix stream socket between two of our processes. */
#ifndef TIDEGATE_IO_FD_PASS_H
#define TIDEGATE_IO_FD_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/check.h"

/* Never waits; the caller keeps the descriptor. False with errno set. */
bool fd_pass_send(int sock, char byte, int fd) MUST_CHECK;
/* As recv: bytes, 0 at the end, -1 with errno set. *fd is the descriptor that came with the last of
 * these bytes, which is the caller's now; -1: none. A byte with a descriptor is the last of a call
 * (unix(7): ancillary data is a barrier). */
ssize_t fd_pass_receive(int sock, char *bytes, size_t size, int *fd) MUST_CHECK;

#endif

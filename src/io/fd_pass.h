/* Bytes with a descriptor beside them, over a Unix socket between two of our processes. */
#ifndef TIDEGATE_IO_FD_PASS_H
#define TIDEGATE_IO_FD_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/check.h"

/* Neither waits. fd -1: the bytes alone; the caller keeps the descriptor. False with errno set. */
bool fd_pass_send(int sock, const void *bytes, size_t len, int fd) MUST_CHECK;
/* As recv: bytes, 0 at the end, -1 with errno set. *fd is the descriptor that came with the last of
 * these bytes, which is the caller's now, close-on-exec; -1: none. On a stream, bytes that came
 * with a descriptor are the last of a call (unix(7): ancillary data is a barrier). */
ssize_t fd_pass_receive(int sock, void *bytes, size_t size, int *fd) MUST_CHECK;

/* The same with several descriptors, which come together: FD_PASS_MAX at most, of which *count are
 * there. */
#define FD_PASS_MAX 64
bool fd_pass_send_all(int sock, const void *bytes, size_t len, const int *fds,
                      size_t count) MUST_CHECK;
ssize_t fd_pass_receive_all(int sock, void *bytes, size_t size, int fds[FD_PASS_MAX],
                            size_t *count) MUST_CHECK;

#endif

/* Opening a file for appending, as a user with more rights than those who may change its folder.
 *
 * Whoever can write in a folder can put a link there that leads anywhere, and root would follow it
 * (CVE-2016-1247 was such a log). So the way to the file is walked step by step: a symbolic link
 * counts only where nobody but root and this process's user can have made it, and a file in a
 * folder of somebody else's must be that one's own, by one name alone. */
#ifndef TIDEGATE_BASE_SAFE_OPEN_H
#define TIDEGATE_BASE_SAFE_OPEN_H

#include <sys/types.h>

#include "base/check.h"
#include "base/error.h"

/* Makes the file with `mode` where it is missing. Never waits (a FIFO that nobody reads is ENXIO).
 * Returns the descriptor, close-on-exec, which the caller closes; -1 with *error filled, which
 * begins with `what` and the path. */
int safe_open_append(const char *path, mode_t mode, const char *what,
                     struct error *error) MUST_CHECK;

#endif

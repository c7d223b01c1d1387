/* Bytes in a memory file that nobody can change any more: how our processes leave each other what
 * is to be read as a whole. It lies in memory alone, and is gone with the last descriptor of it. */
#ifndef TIDEGATE_BASE_SEALED_FILE_H
#define TIDEGATE_BASE_SEALED_FILE_H

#include "base/check.h"
#include "base/span.h"

/* The name is for whoever looks at /proc. -1 with errno set. */
int sealed_file_make(const char *name, struct span bytes) MUST_CHECK;
/* All that is in it, to be freed, ptr never NULL; false: it is not sealed, has more than `max`
 * bytes, or cannot be read. The descriptor stays the caller's. */
bool sealed_file_read(int fd, size_t max, char **bytes, size_t *len) MUST_CHECK;

#endif

/* Bytes of `explain`, through TLS or plain, until the deadline. */
#ifndef TIDEGATE_CLI_EXPLAIN_BYTES_H
#define TIDEGATE_CLI_EXPLAIN_BYTES_H

#include <sys/types.h>

#include "cli/explain.h"

/* Bytes read, 0 at the end, -1 on a failure that is told. */
ssize_t explain_read(struct explain *ex, void *bytes, size_t size);
bool explain_write(struct explain *ex, const void *bytes, size_t len);

#endif

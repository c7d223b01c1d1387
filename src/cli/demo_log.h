/* Reads the gateway's access log for the demo: why a connection was refused, in its own words. */
#ifndef TIDEGATE_CLI_DEMO_LOG_H
#define TIDEGATE_CLI_DEMO_LOG_H

#include <jansson.h>

/* The last line of a connection for that name that failed. Lines are written a moment after what
 * they tell of, so it waits for up to 3 seconds. NULL: none came. The caller owns it. */
json_t *demo_log_find_failure(const char *path, const char *sni);

#endif

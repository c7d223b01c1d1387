/* Tells people of each change of a server's state: a line on standard error, and one of the access
 * log where that is JSON. At most HEALTH_LINES_PER_SECOND; how many were left out is told with the
 * next one. */
#ifndef TIDEGATE_GATEWAY_HEALTH_LOG_H
#define TIDEGATE_GATEWAY_HEALTH_LOG_H

struct snapshot;

#define HEALTH_LINES_PER_SECOND 50

/* From now on, until stop; one of the process. The snapshot stays as long. */
void health_log_start(struct snapshot *snapshot);
void health_log_stop(void);

#endif

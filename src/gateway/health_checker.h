/* Looks after the servers' health: makes the checks of backends that have some, asks servers that
 * could not be reached whether they are there again, and compares what the servers of a backend
 * make of their requests. On a thread with a core of its own, so that no worker waits for it and
 * it for none.
 *
 * Started once in the gateway's process, after the fork; stopped when its workers have ended. */
#ifndef TIDEGATE_GATEWAY_HEALTH_CHECKER_H
#define TIDEGATE_GATEWAY_HEALTH_CHECKER_H

#include "gateway/snapshot.h"

struct health_checker;

/* Holds the snapshot. NULL: it cannot be started, which was logged. */
struct health_checker *health_checker_start(struct snapshot *snapshot) MUST_CHECK;
/* NULL is allowed. */
void health_checker_stop(struct health_checker *checker);

#endif

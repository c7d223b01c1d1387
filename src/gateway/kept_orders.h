/* Orders of people (upstream/server_order.h) outlive the process that they were given to: after
 * each the gateway sends all of them to its supervisor, as a sealed memory file. The supervisor
 * keeps the last one, without looking into it, and gives it to the gateway that comes next: after a
 * death, or of another version. */
#ifndef TIDEGATE_GATEWAY_KEPT_ORDERS_H
#define TIDEGATE_GATEWAY_KEPT_ORDERS_H

#include <stdbool.h>

#include "base/check.h"

/* More than this is kept of nobody: some ten thousand orders. */
#define KEPT_ORDERS_MAX_BYTES (1024 * 1024)

/* To the supervisor (gateway/commands.h: GATEWAY_KEEP). False with errno set: it is not kept. */
bool kept_orders_send(int control_fd) MUST_CHECK;
/* They are in force now, and no others. The file is closed; one that is not sealed, or too large,
 * is passed over. */
void kept_orders_take(int fd);

#endif

/* The administration of a running gateway: HTTP/1.1 and JSON on a local Unix socket, on a thread of
 * its own beside the workers. What can be asked for is the table in admin/routes.c.
 *
 * Who may connect is decided by the socket file's permissions. All the same everything is bounded:
 * ADMIN_CLIENTS_MAX at a time, ADMIN_REQUEST_MAX bytes of a request, ADMIN_CLIENT_MS for one client
 * from its first byte to its last. One request per connection, without a body. */
#ifndef TIDEGATE_ADMIN_ADMIN_H
#define TIDEGATE_ADMIN_ADMIN_H

#include "gateway/gateway.h"

#define ADMIN_CLIENTS_MAX 8
#define ADMIN_REQUEST_MAX 8192
#define ADMIN_CLIENT_MS 5000

struct admin;

/* listen_fd: listening and non-blocking. control_fd: to the supervisor (gateway/commands.h), who
 * answers itself where another configuration is asked for. Both stay the caller's. version: kept by
 * reference. */
struct admin *admin_create(int listen_fd, const char *version, int control_fd);
/* After gateway_main has returned. */
void admin_destroy(struct admin *admin);
/* What gateway_main starts and stops. */
struct gateway_companion admin_companion(struct admin *admin);

#endif

/* Who listens on a TCP port already: for the message that says why we cannot. Reads /proc; finds
 * other users' processes only as root. */
#ifndef TIDEGATE_PROCESS_PORT_OWNER_H
#define TIDEGATE_PROCESS_PORT_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

enum { PORT_OWNER_TEXT_MAX = 64 };

/* Writes such as "nginx, process 812". False when nobody listens there or it cannot be seen. */
bool port_owner_find(uint16_t port, char text[PORT_OWNER_TEXT_MAX]) MUST_CHECK;

#endif

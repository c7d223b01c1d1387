/* Whether an address lies in networks of the configuration. No I/O, no globals. */
#ifndef TIDEGATE_EDGE_NETWORK_H
#define TIDEGATE_EDGE_NETWORK_H

#include "settings/settings.h"

/* `ip` has 16 bytes, IPv4 mapped into IPv6; NULL: a Unix socket's, which is in the network `unix`
 * alone. */
bool network_list_has(const struct network_list *list, const uint8_t *ip) MUST_CHECK;

#endif

/* Whether an address lies in networks of the configuration. */
#ifndef TIDEGATE_CERTS_NETWORKS_H
#define TIDEGATE_CERTS_NETWORKS_H

#include <stdbool.h>

#include "io/sock.h"
#include "settings/settings.h"

/* Unix sockets are in the network `unix` alone. */
bool networks_have(const struct network_list *list, const struct peer *peer);
/* Whether it is one of trusted_proxies. */
bool networks_trust(const struct settings *settings, const struct peer *peer);

#endif

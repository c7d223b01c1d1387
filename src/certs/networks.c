#include "certs/networks.h"

#include "edge/network.h"

bool networks_have(const struct network_list *list, const struct peer *peer)
{
    return network_list_has(list, peer->is_unix ? NULL : peer->ip);
}

bool networks_trust(const struct settings *settings, const struct peer *peer)
{
    return networks_have(&settings->trusted_proxies, peer);
}

#include "certs/networks.h"

#include <string.h>

static bool is_in(const struct network *network, const struct peer *peer)
{
    unsigned whole = network->prefix_bits / 8;
    unsigned rest = network->prefix_bits % 8;

    if (network->is_unix || peer->is_unix) {
        return network->is_unix && peer->is_unix;
    }
    if (memcmp(network->address, peer->ip, whole) != 0) {
        return false;
    }
    return rest == 0 ||
           ((network->address[whole] ^ peer->ip[whole]) & (0xff00U >> rest & 0xffU)) == 0;
}

bool networks_have(const struct network_list *list, const struct peer *peer)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_in(&list->items[i], peer)) {
            return true;
        }
    }
    return false;
}

bool networks_trust(const struct settings *settings, const struct peer *peer)
{
    return networks_have(&settings->trusted_proxies, peer);
}

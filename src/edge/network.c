#include "edge/network.h"

static bool is_in(const struct network *network, const uint8_t *ip)
{
    unsigned whole = network->prefix_bits / 8;
    unsigned rest = network->prefix_bits % 8;

    if (network->is_unix || ip == NULL) {
        return network->is_unix && ip == NULL;
    }
    if (memcmp(network->address, ip, whole) != 0) {
        return false;
    }
    return rest == 0 || ((network->address[whole] ^ ip[whole]) & (0xff00U >> rest & 0xffU)) == 0;
}

bool network_list_has(const struct network_list *list, const uint8_t *ip)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_in(&list->items[i], ip)) {
            return true;
        }
    }
    return false;
}

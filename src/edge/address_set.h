/* A set of addresses that may be large: networks as sorted ranges that do not touch, in which one
 * is found by halving. The memory is the caller's; no I/O, no globals. */
#ifndef TIDEGATE_EDGE_ADDRESS_SET_H
#define TIDEGATE_EDGE_ADDRESS_SET_H

#include "settings/settings.h"

/* Both ends belong to it. The first word has an address's first 8 bytes. */
struct address_range {
    uint64_t first[2];
    uint64_t last[2];
};

/* Zero-initialised: none. */
struct address_set {
    struct address_range *ranges;
    size_t count;
    bool has_unix; /* peers on a Unix socket, too */
};

/* `room` has place for as many ranges as there are networks, and stays with the set. */
void address_set_make(struct address_set *set, struct address_range *room,
                      const struct network *networks, size_t count);
/* `ip` has 16 bytes, IPv4 mapped into IPv6; NULL: a Unix socket's. */
bool address_set_has(const struct address_set *set, const uint8_t *ip) MUST_CHECK;

#endif

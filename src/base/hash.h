/* Hashes for tables and for shares that several gateways agree on: the same in every process and
 * release. No secret, and no defence against who picks the texts. */
#ifndef TIDEGATE_BASE_HASH_H
#define TIDEGATE_BASE_HASH_H

#include "base/span.h"

/* Every bit of the number changes half of the result's (the finaliser of splitmix64). */
static inline uint64_t hash_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* FNV-1a, whose last bytes alone would change few bits. */
static inline uint64_t hash_text(struct span text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    }
    return hash_mix(hash);
}

#endif

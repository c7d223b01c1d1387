#include "edge/split.h"

#include "base/hash.h"

/* -log2((u + 1) / 2^32), in 2^-32ths: what a part bids, before its weight. */
static uint64_t bid_of(uint32_t u)
{
    uint64_t x = (uint64_t)u + 1; /* 1 to 2^32 */
    uint64_t fraction = 0;
    unsigned whole = 0;

    while (x < UINT64_C(1) << 32) { /* to 1 <= x < 2, with 32 bits behind the point */
        x <<= 1;
        whole++;
    }
    for (unsigned i = 0; i < 32; i++) {
        x = (x >> 1) * (x >> 1) >> 30;
        fraction <<= 1;
        if (x >= UINT64_C(1) << 33) {
            x >>= 1;
            fraction |= 1;
        }
    }
    return ((uint64_t)whole << 32) - fraction;
}

/* The lowest bid for its weight gets the key. */
static size_t choose(const struct split_part *parts, size_t count, const bool *among, uint64_t key)
{
    size_t best = SPLIT_NONE;
    uint64_t best_bid = 0;

    for (size_t i = 0; i < count; i++) {
        if (parts[i].weight == 0 || (among != NULL && !among[i])) {
            continue;
        }
        uint64_t bid = bid_of((uint32_t)(hash_mix(key ^ hash_text(parts[i].name)) >> 32));
        if (best == SPLIT_NONE || bid * parts[best].weight < best_bid * parts[i].weight) {
            best = i;
            best_bid = bid;
        }
    }
    return best;
}

size_t split_choose(const struct split_part *parts, size_t count, const bool *has_server,
                    uint64_t key)
{
    size_t best = choose(parts, count, has_server, key);

    return best == SPLIT_NONE && has_server != NULL ? choose(parts, count, NULL, key) : best;
}

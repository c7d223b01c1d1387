#include "upstream/balance.h"

static const struct balance_type *const types[] = {
    [BALANCE_ROUND_ROBIN] = &balance_round_robin,
    [BALANCE_LEAST_REQUESTS] = &balance_least_requests,
    [BALANCE_RANDOM_OF_TWO] = &balance_random_of_two,
    [BALANCE_EWMA] = &balance_ewma,
    [BALANCE_FIRST] = &balance_first,
    [BALANCE_SOURCE] = &balance_hash, /* whose key is the client's address */
    [BALANCE_HASH] = &balance_hash,
    [BALANCE_STICKY] = &balance_sticky,
};

const struct balance_type *balance_type_of(enum balance_kind kind)
{
    CHECK((size_t)kind < ARRAY_LEN(types));
    return types[kind];
}

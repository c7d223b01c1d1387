/* `split` of a route, as a snapshot has it. */
#ifndef TIDEGATE_GATEWAY_ROUTE_SPLIT_H
#define TIDEGATE_GATEWAY_ROUTE_SPLIT_H

#include "edge/split.h"
#include "settings/split_settings.h"
#include "upstream/backend.h"
#include "upstream/sticky.h"

struct route_split {
    size_t count;
    struct split_part parts[SPLIT_PARTS_MAX];
    const struct backend *backends[SPLIT_PARTS_MAX];
    const struct backend_settings *settings[SPLIT_PARTS_MAX];
    char tokens[SPLIT_PARTS_MAX][STICKY_TOKEN_LEN]; /* of `sticky` */
    const struct balance_hash_settings *by;         /* NULL: each request by itself */
    const struct balance_sticky_settings *sticky;   /* NULL: no cookie */
};

#endif

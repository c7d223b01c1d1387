#include "upstream/server_set.h"

#include <stdlib.h>

struct server_set *server_set_create(const struct server *servers, size_t count,
                                     const char *problem)
{
    struct server_set *set = xcalloc(1, sizeof(*set));

    CHECK(count <= SERVER_SET_MAX);
    set->servers = xcalloc(count + 1, sizeof(*set->servers));
    set->count = count;
    for (size_t i = 0; i < count; i++) {
        set->servers[i] = servers[i];
        set->servers[i].text = xstrdup(servers[i].text);
        set->servers[i].host = xstrdup(servers[i].host != NULL ? servers[i].host : servers[i].text);
        set->servers[i].own_host =
            servers[i].own_host != NULL ? xstrdup(servers[i].own_host) : NULL;
        set->servers[i].order = NULL;
    }
    set->problem = problem != NULL ? xstrdup(problem) : NULL;
    atomic_init(&set->uses, 1);
    return set;
}

struct server_set *server_set_hold(struct server_set *set)
{
    (void)atomic_fetch_add_explicit(&set->uses, 1, memory_order_relaxed);
    return set;
}

void server_set_release(struct server_set *set)
{
    if (set == NULL || atomic_fetch_sub_explicit(&set->uses, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        server_order_release(set->servers[i].order);
        endpoint_release(set->servers[i].endpoint);
        free((char *)(uintptr_t)set->servers[i].text);
        free((char *)(uintptr_t)set->servers[i].host);
        free((char *)(uintptr_t)set->servers[i].own_host);
    }
    free(set->servers);
    free((char *)(uintptr_t)set->problem);
    free(set);
}

bool server_set_has_limits(const struct server_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->servers[i].max_in_use != 0) {
            return true;
        }
    }
    return false;
}

unsigned server_weight(const struct server *server)
{
    int ordered =
        server->order != NULL ? server_order_weight(server->order) : SERVER_WEIGHT_DEFAULT;
    unsigned weight = server->weight;

    if (ordered > 0) {
        weight = (unsigned)ordered * (server->unit != 0 ? server->unit : 1);
    }
    return weight < SERVER_WEIGHT_MAX ? weight : SERVER_WEIGHT_MAX;
}

#include "upstream/upstream.h"

#include <stdlib.h>

void upstream_init(struct upstream *upstream, const struct backend *backend)
{
    size_t count = backend->server_count;

    CHECK(count >= 1 && count <= BACKEND_SERVERS_MAX);
    *upstream = (struct upstream){.backend = backend};
    upstream->balance = xcalloc(count, sizeof(*upstream->balance));
    upstream->servers = xcalloc(count, sizeof(*upstream->servers));
    for (size_t i = 0; i < count; i++) {
        upstream->balance[i].weight = backend->servers[i].weight;
        list_init(&upstream->servers[i].idle);
        list_init(&upstream->servers[i].dials);
        list_init(&upstream->servers[i].shared);
    }
}

void upstream_free(struct upstream *upstream)
{
    CHECK(upstream->leases == 0);
    for (size_t i = 0; i < upstream->backend->server_count; i++) {
        CHECK(list_is_empty(&upstream->servers[i].idle));
        CHECK(list_is_empty(&upstream->servers[i].dials));
        CHECK(list_is_empty(&upstream->servers[i].shared));
    }
    free(upstream->balance);
    free(upstream->servers);
}

static bool was_tried(const struct upstream_tried *tried, size_t i)
{
    return (tried->bits[i / 64] >> (i % 64) & 1) != 0;
}

static bool has_addresses(const struct upstream *upstream, size_t i)
{
    return atomic_load_explicit(&upstream->backend->servers[i].addresses, memory_order_acquire) !=
           NULL;
}

static size_t pick_among(struct upstream *upstream, const struct upstream_tried *tried,
                         uint64_t now_us, bool take_down_ones)
{
    size_t count = upstream->backend->server_count;

    for (size_t i = 0; i < count; i++) {
        bool is_down = upstream->servers[i].down_until_us > now_us;
        upstream->balance[i].may_be_chosen =
            !was_tried(tried, i) && (take_down_ones || !is_down) && has_addresses(upstream, i);
    }
    return upstream->backend->policy->pick(upstream->balance, count);
}

size_t upstream_pick(struct upstream *upstream, struct upstream_tried *tried, uint64_t now_us)
{
    size_t i = pick_among(upstream, tried, now_us, false);

    if (i == BALANCE_NONE) {
        i = pick_among(upstream, tried, now_us, true);
    }
    if (i != BALANCE_NONE) {
        tried->bits[i / 64] |= UINT64_C(1) << (i % 64);
        tried->count++;
        upstream_lease(upstream, i);
    }
    return i;
}

void upstream_lease(struct upstream *upstream, size_t server)
{
    upstream->balance[server].leases++;
    upstream->leases++;
}

void upstream_done(struct upstream *upstream, size_t server, bool succeeded)
{
    CHECK(upstream->balance[server].leases > 0 && upstream->leases > 0);
    upstream->balance[server].leases--;
    upstream->leases--;
    if (upstream->backend->policy->done != NULL) {
        upstream->backend->policy->done(upstream->balance, upstream->backend->server_count, server,
                                        succeeded);
    }
}

void upstream_mark_down(struct upstream *upstream, size_t server, uint64_t now_us)
{
    upstream->servers[server].down_until_us = now_us + UPSTREAM_DOWN_US;
}

void upstream_mark_up(struct upstream *upstream, size_t server)
{
    upstream->servers[server].down_until_us = 0;
}

bool upstream_park(struct upstream *upstream, size_t server, struct list *node)
{
    struct upstream_server *s = &upstream->servers[server];

    if (s->idle_count >= upstream->backend->idle_connections) {
        return false;
    }
    list_push_front(&s->idle, node);
    s->idle_count++;
    return true;
}

bool upstream_rest(struct upstream *upstream, size_t server)
{
    struct upstream_server *s = &upstream->servers[server];

    if (s->idle_count >= upstream->backend->idle_connections) {
        return false;
    }
    s->idle_count++;
    return true;
}

void upstream_wake(struct upstream *upstream, size_t server)
{
    CHECK(upstream->servers[server].idle_count > 0);
    upstream->servers[server].idle_count--;
}

struct list *upstream_unpark(struct upstream *upstream, size_t server,
                             bool (*fits)(struct list *node, const void *arg), const void *arg)
{
    struct upstream_server *s = &upstream->servers[server];
    int looks = 0;

    LIST_FOR_EACH(node, &s->idle)
    {
        if (++looks > UPSTREAM_LOOKS) {
            break;
        }
        if (fits(node, arg)) {
            list_remove(node);
            s->idle_count--;
            return node;
        }
    }
    return NULL;
}

void upstream_remove_parked(struct upstream *upstream, size_t server, struct list *node)
{
    CHECK(upstream->servers[server].idle_count > 0);
    list_remove(node);
    upstream->servers[server].idle_count--;
}

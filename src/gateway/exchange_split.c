/* Which backend an exchange's request goes to, where its route splits them, and the cookie by which
 * a client stays with one. */
#include "gateway/exchange_internal.h"
#include "gateway/route_split.h"
#include "http/cookie.h"

static void take(struct exchange *x, const struct backend *backend,
                 const struct backend_settings *settings)
{
    x->backend = backend;
    x->backend_settings = settings;
}

static struct upstream *upstream_of(struct exchange *x, size_t part)
{
    return upstreams_find(&x->worker->client.upstreams, x->route->split->backends[part]);
}

/* The part that the client's cookie is of; SPLIT_NONE: it has none, or one of nobody's. */
static size_t part_of_cookie(const struct exchange *x, const struct route_split *split)
{
    struct span cookie;

    if (split->sticky == NULL) {
        return SPLIT_NONE;
    }
    cookie = http_cookie_find(&x->request.fields, span_from_cstr(split->sticky->cookie));
    for (size_t i = 0; cookie.ptr != NULL && i < split->count; i++) {
        if (span_eq(cookie, span_make(split->tokens[i], STICKY_TOKEN_LEN))) {
            return i;
        }
    }
    return SPLIT_NONE;
}

static uint64_t key_of(struct exchange *x, const struct route_split *split)
{
    const struct balance_settings by = {
        .strategy = BALANCE_HASH, .hash = (struct balance_hash_settings *)(uintptr_t)split->by};
    uint64_t key = split->by != NULL ? exchange_balance_key(x, &by) : 0;

    return key != 0 ? key : upstream_random(upstream_of(x, 0));
}

void exchange_choose_backend(struct exchange *x)
{
    const struct route_split *split = x->route->split;
    bool has_server[SPLIT_PARTS_MAX];
    size_t part;

    if (split == NULL) {
        take(x, x->route->backend, x->route->settings->backend);
        return;
    }
    for (size_t i = 0; i < split->count; i++) {
        has_server[i] = lease_has_choice(upstream_of(x, i), loop_now_us(x->worker->core.loop));
    }
    part = part_of_cookie(x, split);
    x->is_part_new = split->sticky != NULL && part == SPLIT_NONE;
    if (part == SPLIT_NONE || !has_server[part]) {
        part = split_choose(split->parts, split->count, has_server, key_of(x, split));
    }
    x->part = part;
    take(x, split->backends[part], split->settings[part]);
}

void exchange_keep_part(struct exchange *x)
{
    const struct route_split *split = x->route->split;

    if (split != NULL && x->is_part_new) {
        exchange_set_sticky(x, split->sticky, span_make(split->tokens[x->part], STICKY_TOKEN_LEN));
    }
}

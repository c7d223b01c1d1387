/* The copy of its request that an exchange makes for its route's mirror. */
#include "edge/balance_key.h"
#include "edge/mirror.h"
#include "gateway/exchange_internal.h"
#include "gateway/mirror.h"

static struct mirror *create(struct exchange *x, const struct route_mirror *mirror)
{
    const struct balance_settings *balance = &mirror->settings->backend->balance;

    return mirror_create(&(struct mirror_ask){
        .worker = x->worker,
        .generation = x->generation,
        .route = mirror,
        .request = x->call.request,
        .path = x->target.forward,
        .key = balance_has_key(balance) ? exchange_balance_key(x, balance) : 0,
    });
}

void exchange_mirror_begin(struct exchange *x)
{
    const struct route_mirror *mirror = x->route->mirror;
    struct upstream *upstream = upstreams_find(&x->worker->client.upstreams, mirror->backend);

    switch (mirror_choose(&(struct mirror_facts){.request = x->call.request,
                                                 .is_early = x->is_early,
                                                 .is_auth_bound = x->call.is_auth_bound,
                                                 .share = mirror->settings->share,
                                                 .random = upstream_random(upstream),
                                                 .body_limit = mirror->settings->body_limit,
                                                 .under_way = upstream->mirrors,
                                                 .max = mirror->settings->max})) {
    case MIRROR_PASS:
        break;
    case MIRROR_FULL:
        mirror_counts_add(mirror->counts, MIRROR_DROPPED);
        break;
    case MIRROR_TOO_LARGE:
        mirror_counts_add(mirror->counts, MIRROR_LARGE);
        break;
    case MIRROR_COPY:
        x->mirror = create(x, mirror);
        if (x->front.request_done) {
            exchange_mirror_end(x, NULL);
        }
        break;
    }
}

void exchange_mirror_body(struct exchange *x, struct span bytes)
{
    if (x->mirror != NULL && !mirror_add(x->mirror, bytes)) {
        x->mirror = NULL;
    }
}

void exchange_mirror_end(struct exchange *x, const struct http_fields *trailers)
{
    struct mirror *mirror = x->mirror;

    x->mirror = NULL;
    if (mirror == NULL) {
        return;
    }
    /* Not where some of it was no request's any more, as behind a refusal. */
    if (mirror_bytes(mirror) == x->request_bytes) {
        mirror_send(mirror, trailers);
    } else {
        mirror_drop(mirror);
    }
}

void exchange_mirror_leave(struct exchange *x)
{
    if (x->mirror != NULL) {
        mirror_drop(x->mirror);
        x->mirror = NULL;
    }
}

/* The exchange as its front calls it. */
#include "gateway/exchange_internal.h"

static void begin(struct front_exchange *front)
{
    exchange_begin(exchange_of(front));
}

static void refuse(struct front_exchange *front, unsigned status, bool closes,
                   const struct trouble *trouble)
{
    exchange_refuse(exchange_of(front), status, closes, trouble->reason, trouble->detail,
                    trouble->mend);
}

static bool takes_body(const struct front_exchange *front)
{
    return exchange_takes_body(exchange_of(front));
}

static void request_body(struct front_exchange *front, struct span bytes)
{
    exchange_request_body(exchange_of(front), bytes);
}

static void request_end(struct front_exchange *front, struct http_fields *trailers)
{
    exchange_request_end(exchange_of(front), trailers);
}

static struct conn *raw(const struct front_exchange *front)
{
    return exchange_raw_back(exchange_of(front));
}

static void request_moved(struct front_exchange *front, uint64_t bytes)
{
    exchange_request_moved(exchange_of(front), bytes);
}

static bool is_held_back(const struct front_exchange *front)
{
    return exchange_is_held_back(exchange_of(front));
}

static bool is_forwarded(const struct front_exchange *front)
{
    return call_is_open(&exchange_of(front)->call);
}

static struct idle_limit idle_of_client(const struct front_exchange *front)
{
    return exchange_idle_of_client(exchange_of(front));
}

static bool body_comes(const struct front_exchange *front, uint64_t moved, bool was_held)
{
    return exchange_body_comes(exchange_of(front), moved, was_held);
}

static struct idle_limit body_limit(const struct front_exchange *front, uint64_t moved)
{
    return exchange_body_limit(exchange_of(front), moved);
}

static bool has_more(const struct front_exchange *front)
{
    return exchange_has_more(exchange_of(front));
}

static void writable(struct front_exchange *front)
{
    exchange_front_writable(exchange_of(front));
}

void exchange_lose_client(struct exchange *x)
{
    if (x->front.trouble.reason == NULL) {
        x->front.trouble.reason = "client_reset";
    }
    exchange_finish(x, true);
}

static void give_up(struct front_exchange *front, const char *reason)
{
    exchange_abandon(exchange_of(front), reason);
}

const struct exchange_ops exchange_ops = {
    .begin = begin,
    .refuse = refuse,
    .takes_body = takes_body,
    .request_body = request_body,
    .request_end = request_end,
    .raw = raw,
    .request_moved = request_moved,
    .is_held_back = is_held_back,
    .is_forwarded = is_forwarded,
    .idle_of_client = idle_of_client,
    .body_comes = body_comes,
    .body_limit = body_limit,
    .has_more = has_more,
    .writable = writable,
    .abandon = give_up,
};

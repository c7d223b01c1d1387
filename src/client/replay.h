/* What a request's body has come to so far, kept for as long as it may have to be sent again: a
 * pooled connection may end just as it is used, and a server that speaks HTTP/2 may decline a
 * request unseen (RFC 9113 section 8.7) when part of the body, or all of a short one, is on its way
 * already. Embedded in its call.
 *
 * Dropped as soon as the server shows that it is at work on the request, or when a bound is met:
 * the request then cannot be sent again, and is not held up.
 *
 * A server that speaks HTTP/2 usually takes 64 KiB before it has looked at a request; as much again
 * may wait in front of its window, and a receive buffer's worth may come on top: hence the default
 * of a route's replay_limit. */
#ifndef TIDEGATE_CLIENT_REPLAY_H
#define TIDEGATE_CLIENT_REPLAY_H

#include "base/strbuf.h"
#include "http/message.h"

/* All that a worker keeps. */
#define REPLAY_SUM_MAX (UINT64_C(64) * 1024 * 1024)

struct replay {
    struct strbuf body;
    struct http_fields trailers; /* items in the call's arena */
    uint64_t *sum;               /* the worker's; NULL: nothing was ever kept */
    size_t limit;                /* of body */
    bool is_off;
};

/* limit 0: nothing is kept. */
static inline void replay_init(struct replay *replay, uint64_t *sum, size_t limit)
{
    replay->sum = sum;
    replay->limit = limit;
    replay->is_off = limit == 0;
}

static inline void replay_drop(struct replay *replay)
{
    if (replay->body.len != 0) {
        *replay->sum -= replay->body.len;
    }
    strbuf_free(&replay->body);
    replay->is_off = true;
}

static inline void replay_add(struct replay *replay, struct span bytes)
{
    if (replay->is_off || bytes.len == 0) {
        return;
    }
    if (bytes.len > replay->limit - replay->body.len || *replay->sum + bytes.len > REPLAY_SUM_MAX) {
        replay_drop(replay);
        return;
    }
    *replay->sum += bytes.len;
    strbuf_add(&replay->body, bytes);
}

#endif

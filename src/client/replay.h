/* What a request's body has come to so far, kept for as long as it may have to be sent again: a
 * pooled connection may end just as it is used, and a server that speaks HTTP/2 may decline a
 * request unseen (RFC 9113 section 8.7) when part of the body, or all of a short one, is on its way
 * already. Embedded in its exchange.
 *
 * Dropped as soon as the server shows that it is at work on the request, or when a bound is met:
 * the request then cannot be sent again, and is not held up. */
#ifndef TIDEGATE_CLIENT_REPLAY_H
#define TIDEGATE_CLIENT_REPLAY_H

#include "base/strbuf.h"
#include "http/message.h"

/* The longest body, or part of one, that is kept. A server that speaks HTTP/2 usually takes 64 KiB
 * before it has looked at a request; as much again may wait in front of its window, and a receive
 * buffer's worth may come on top. */
#define REPLAY_MAX (256 * 1024)
/* All that a worker keeps. */
#define REPLAY_SUM_MAX (UINT64_C(64) * 1024 * 1024)

struct replay {
    struct strbuf body;
    struct http_fields trailers; /* items in the exchange's arena */
    uint64_t *sum;               /* the worker's; NULL: nothing was ever kept */
    bool is_off;
};

static inline void replay_init(struct replay *replay, uint64_t *sum, bool is_off)
{
    replay->sum = sum;
    replay->is_off = is_off;
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
    if (bytes.len > REPLAY_MAX - replay->body.len || *replay->sum + bytes.len > REPLAY_SUM_MAX) {
        replay_drop(replay);
        return;
    }
    *replay->sum += bytes.len;
    strbuf_add(&replay->body, bytes);
}

#endif

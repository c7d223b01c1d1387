/* What a request's body has come to so far, kept for as long as it may have to be sent again: a
 * server that speaks HTTP/2 may decline a request unseen (RFC 9113 section 8.7) when part of the
 * body, or all of a short one, is on its way already. Embedded in its exchange. */
#ifndef TIDEGATE_GATEWAY_REPLAY_H
#define TIDEGATE_GATEWAY_REPLAY_H

#include "base/strbuf.h"
#include "http/message.h"

/* A body of more bytes is not kept, so its request is not sent again. */
#define REPLAY_MAX 65536

struct replay {
    struct strbuf body;
    struct http_fields trailers; /* items in the exchange's arena */
    bool is_off;
};

static inline void replay_drop(struct replay *replay)
{
    strbuf_free(&replay->body);
    replay->is_off = true;
}

static inline void replay_add(struct replay *replay, struct span bytes)
{
    if (replay->is_off || bytes.len == 0) {
        return;
    }
    if (bytes.len > REPLAY_MAX - replay->body.len) {
        replay_drop(replay);
        return;
    }
    strbuf_add(&replay->body, bytes);
}

#endif

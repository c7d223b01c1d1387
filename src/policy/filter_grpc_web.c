#include "policy/filter_grpc_web.h"

#include "base/base64.h"

struct filter_grpc_web {
    struct body_filter base;
    bool is_text;
    struct coder_pool *pool; /* whose room is written to */
    struct span end;         /* the frame of the trailers; empty: there are none */
};

static struct filter_grpc_web *web_of(struct body_filter *filter)
{
    return CONTAINER_OF(filter, struct filter_grpc_web, base);
}

/* Each piece by itself, padded: nothing of a message waits for the next one. */
static bool push(struct body_filter *filter, struct span bytes)
{
    struct filter_grpc_web *web = web_of(filter);

    if (!web->is_text) {
        return body_filter_give(filter, bytes);
    }
    while (bytes.len != 0) {
        size_t size;
        char *room = coder_pool_room(web->pool, &size);
        size_t most = size / 4 * 3;
        struct span piece = span_head(bytes, bytes.len < most ? bytes.len : most);
        size_t len = base64_encode(BASE64, piece, room);

        coder_pool_use_room(web->pool, len);
        if (!body_filter_give(filter, span_make(room, len))) {
            return false;
        }
        bytes = span_skip(bytes, piece.len);
    }
    return true;
}

static bool end(struct body_filter *filter)
{
    return web_of(filter)->end.len == 0 || push(filter, web_of(filter)->end);
}

static const struct body_filter_type type = {.name = "grpc_web", .push = push, .end = end};

struct body_filter *filter_grpc_web_create(bool is_text, struct coder_pool *pool,
                                           struct arena *arena)
{
    struct filter_grpc_web *web = arena_calloc(arena, sizeof(*web));

    web->base.type = &type;
    web->is_text = is_text;
    web->pool = pool;
    return &web->base;
}

void filter_grpc_web_set_end(struct body_filter *filter, struct span frame)
{
    web_of(filter)->end = frame;
}

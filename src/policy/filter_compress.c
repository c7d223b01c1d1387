#include "policy/filter_compress.h"

struct filter_compress {
    struct body_filter base;
    struct coder_pool *pool;
    struct coder *coder; /* NULL: it has gone back */
    bool holds;          /* bytes were taken since the last flush */
};

static const struct trouble failed = {
    "compression_failed", "the response could not be compressed to its end",
    "see whether the machine is out of memory; compress: off in the route lets it pass as it is"};

static struct filter_compress *compress_of(const struct body_filter *filter)
{
    return CONTAINER_OF((struct body_filter *)(uintptr_t)filter, struct filter_compress, base);
}

static void give_back(void *arg)
{
    struct filter_compress *compress = arg;

    if (compress->coder != NULL) {
        coder_pool_give_back(compress->pool, compress->coder);
        compress->coder = NULL;
    }
}

static bool run(struct filter_compress *compress, enum coder_wish wish, struct span bytes)
{
    struct coder *coder = compress->coder;
    enum coder_result result = CODER_MORE;

    compress->pool->taken += bytes.len;
    while (result == CODER_MORE) {
        size_t size;
        size_t written = 0;
        char *room = coder_pool_room(compress->pool, &size);
        result = coder->type->run(coder, wish, &bytes, room, size, &written);
        if (result == CODER_FAILED) {
            return body_filter_fail(&compress->base, &failed);
        }
        coder_pool_use_room(compress->pool, written);
        compress->pool->given += written;
        if (!body_filter_give(&compress->base, span_make(room, written))) {
            return false;
        }
    }
    return true;
}

static bool push(struct body_filter *filter, struct span bytes)
{
    struct filter_compress *compress = compress_of(filter);

    compress->holds = true;
    return run(compress, CODER_TAKE, bytes);
}

static bool flush(struct body_filter *filter)
{
    struct filter_compress *compress = compress_of(filter);

    if (!compress->holds || compress->coder == NULL) {
        return true;
    }
    compress->holds = false;
    return run(compress, CODER_FLUSH, span_make(NULL, 0));
}

static bool end(struct body_filter *filter)
{
    struct filter_compress *compress = compress_of(filter);
    bool ok = run(compress, CODER_END, span_make(NULL, 0));

    compress->holds = false;
    give_back(compress);
    return ok;
}

static const struct body_filter_type type = {
    .name = "compress", .push = push, .end = end, .flush = flush};

struct body_filter *filter_compress_create(struct coder_pool *pool, struct coder *coder,
                                           struct arena *arena)
{
    struct filter_compress *compress = arena_calloc(arena, sizeof(*compress));

    compress->base.type = &type;
    compress->pool = pool;
    compress->coder = coder;
    arena_on_reset(arena, give_back, compress);
    return &compress->base;
}

bool filter_compress_holds(const struct body_filter *filter)
{
    return compress_of(filter)->holds;
}

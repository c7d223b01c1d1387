/* gzip (RFC 1952) by zlib. */
#include <stdlib.h>
#include <zlib.h>

#include "policy/coder.h"

/* 32 KiB behind which nothing is looked for, in a wrapper of gzip; with memLevel 8 zlib has
 * (1 << 17) + (1 << 17) bytes and its state (zconf.h). */
#define WINDOW_BITS (15 + 16)
#define MEM_LEVEL 8
#define MEMORY ((size_t)272 * 1024)

struct gzip {
    struct coder coder;
    z_stream stream;
};

static const int levels[CODER_LEVEL_COUNT] = {1, 5, 8};

static struct gzip *gzip_of(struct coder *coder)
{
    return CONTAINER_OF(coder, struct gzip, coder);
}

static void *allocate(void *coder, unsigned count, unsigned size)
{
    return coder_memory_get(coder, (size_t)count * size);
}

static void release(void *coder, void *memory)
{
    coder_memory_put(coder, memory);
}

static struct coder *create(void)
{
    struct gzip *gzip = calloc(1, sizeof(*gzip));

    if (gzip == NULL) {
        return NULL;
    }
    gzip->coder.type = &coder_gzip;
    gzip->stream.zalloc = allocate;
    gzip->stream.zfree = release;
    gzip->stream.opaque = &gzip->coder;
    if (deflateInit2(&gzip->stream, levels[CODER_MEDIUM], Z_DEFLATED, WINDOW_BITS, MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        free(gzip);
        return NULL;
    }
    return &gzip->coder;
}

static void destroy(struct coder *coder)
{
    struct gzip *gzip = gzip_of(coder);

    (void)deflateEnd(&gzip->stream);
    free(gzip);
}

static bool begin(struct coder *coder, enum coder_level level, uint64_t size)
{
    struct gzip *gzip = gzip_of(coder);

    (void)size;
    return deflateReset(&gzip->stream) == Z_OK &&
           deflateParams(&gzip->stream, levels[level], Z_DEFAULT_STRATEGY) == Z_OK;
}

static enum coder_result run(struct coder *coder, enum coder_wish wish, struct span *in, char *out,
                             size_t room, size_t *written)
{
    static const int flushes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
    z_stream *stream = &gzip_of(coder)->stream;
    unsigned taken = in->len < (1U << 30) ? (unsigned)in->len : 1U << 30;
    unsigned size = room < (1U << 30) ? (unsigned)room : 1U << 30;
    bool is_all = taken == in->len;
    int result;

    stream->next_in = (Bytef *)(uintptr_t)in->ptr;
    stream->avail_in = taken;
    stream->next_out = (Bytef *)out;
    stream->avail_out = size;
    result = deflate(stream, is_all ? flushes[wish] : Z_NO_FLUSH);
    *in = span_skip(*in, taken - stream->avail_in);
    *written = size - stream->avail_out;
    /* Z_BUF_ERROR: there was nothing to do, which is no error of ours (zlib.h). */
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return CODER_FAILED;
    }
    if (wish == CODER_END) {
        return result == Z_STREAM_END ? CODER_DONE : CODER_MORE;
    }
    return in->len != 0 || stream->avail_out == 0 ? CODER_MORE : CODER_DONE;
}

const struct coder_type coder_gzip = {
    .coding = CODING_GZIP,
    .memory = MEMORY,
    .may_rest = true,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .run = run,
};

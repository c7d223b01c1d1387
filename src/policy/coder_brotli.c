/* Brotli (RFC 7932) by Google's library. */
#include <brotli/encode.h>
#include <stdlib.h>

#include "policy/coder.h"

/* What is looked for lies at most so far behind (2^18 bytes): more costs memory, and brings little
 * in what is a page or a script. */
#define WINDOW_BITS 18
#define BLOCK_BITS 16
/* From 2^20 bytes on the library takes tables of 4 MiB. */
#define SIZE_HINT_MAX ((uint32_t)(1 << 20) - 1)
#define MEMORY ((size_t)3584 * 1024)

struct brotli {
    struct coder coder;
    BrotliEncoderState *state; /* NULL: none was begun */
};

/* From 5 on it costs several times as much as gzip. */
static const uint32_t levels[CODER_LEVEL_COUNT] = {1, 4, 5};

static struct brotli *brotli_of(struct coder *coder)
{
    return CONTAINER_OF(coder, struct brotli, coder);
}

static void *allocate(void *coder, size_t size)
{
    return coder_memory_get(coder, size);
}

static void release(void *coder, void *memory)
{
    coder_memory_put(coder, memory);
}

static struct coder *create(void)
{
    struct brotli *brotli = calloc(1, sizeof(*brotli));

    if (brotli == NULL) {
        return NULL;
    }
    brotli->coder.type = &coder_brotli;
    return &brotli->coder;
}

static void drop(struct brotli *brotli)
{
    if (brotli->state != NULL) {
        BrotliEncoderDestroyInstance(brotli->state);
        brotli->state = NULL;
    }
}

static void destroy(struct coder *coder)
{
    drop(brotli_of(coder));
    free(coder);
}

/* The library has no way to begin again with what it has. */
static bool begin(struct coder *coder, enum coder_level level, uint64_t size)
{
    struct brotli *brotli = brotli_of(coder);
    BrotliEncoderState *state;

    drop(brotli);
    state = brotli->state = BrotliEncoderCreateInstance(allocate, release, coder);
    return state != NULL && BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, levels[level]) &&
           BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, WINDOW_BITS) &&
           BrotliEncoderSetParameter(state, BROTLI_PARAM_LGBLOCK, BLOCK_BITS) &&
           BrotliEncoderSetParameter(state, BROTLI_PARAM_SIZE_HINT,
                                     size < SIZE_HINT_MAX ? (uint32_t)size : SIZE_HINT_MAX);
}

static enum coder_result run(struct coder *coder, enum coder_wish wish, struct span *in, char *out,
                             size_t room, size_t *written)
{
    static const BrotliEncoderOperation operations[] = {
        BROTLI_OPERATION_PROCESS, BROTLI_OPERATION_FLUSH, BROTLI_OPERATION_FINISH};
    BrotliEncoderState *state = brotli_of(coder)->state;
    const uint8_t *next_in = (const uint8_t *)in->ptr;
    size_t left_in = in->len;
    uint8_t *next_out = (uint8_t *)out;
    size_t left_out = room;

    if (!BrotliEncoderCompressStream(state, operations[wish], &left_in, &next_in, &left_out,
                                     &next_out, NULL)) {
        return CODER_FAILED;
    }
    *in = span_skip(*in, in->len - left_in);
    *written = room - left_out;
    if (left_in != 0 || BrotliEncoderHasMoreOutput(state)) {
        return CODER_MORE;
    }
    return wish == CODER_END && !BrotliEncoderIsFinished(state) ? CODER_MORE : CODER_DONE;
}

const struct coder_type coder_brotli = {
    .coding = CODING_BROTLI,
    .memory = MEMORY,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .run = run,
};

/* Zstandard (RFC 8878) by Facebook's library. */
#include <stdlib.h>
#include <zstd.h>

#include "policy/coder.h"

/* What is looked for lies at most so far behind (2^18 bytes). Browsers take 2^23 (RFC 9659); that
 * would cost a response 16 MiB. */
#define WINDOW_BITS 18
/* Of its tables, 2^n entries of four bytes. */
#define TABLE_BITS 17
#define MEMORY ((size_t)2112 * 1024)

struct zstd {
    struct coder coder;
    ZSTD_CCtx *context;
};

static const int levels[CODER_LEVEL_COUNT] = {1, 3, 6};

static struct zstd *zstd_of(struct coder *coder)
{
    return CONTAINER_OF(coder, struct zstd, coder);
}

static struct coder *create(void)
{
    struct zstd *zstd = calloc(1, sizeof(*zstd));

    if (zstd == NULL) {
        return NULL;
    }
    zstd->coder.type = &coder_zstd;
    zstd->context = ZSTD_createCCtx();
    if (zstd->context == NULL) {
        free(zstd);
        return NULL;
    }
    return &zstd->coder;
}

static void destroy(struct coder *coder)
{
    struct zstd *zstd = zstd_of(coder);

    (void)ZSTD_freeCCtx(zstd->context);
    free(zstd);
}

static bool set(ZSTD_CCtx *context, ZSTD_cParameter parameter, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value));
}

/* Only upper bounds: a small body gets smaller tables by its size. */
static bool begin(struct coder *coder, enum coder_level level, uint64_t size)
{
    ZSTD_CCtx *context = zstd_of(coder)->context;

    return !ZSTD_isError(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)) &&
           set(context, ZSTD_c_compressionLevel, levels[level]) &&
           set(context, ZSTD_c_windowLog, WINDOW_BITS) &&
           set(context, ZSTD_c_hashLog, TABLE_BITS) && set(context, ZSTD_c_chainLog, TABLE_BITS) &&
           (size == UINT64_MAX || !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, size)));
}

static enum coder_result run(struct coder *coder, enum coder_wish wish, struct span *in, char *out,
                             size_t room, size_t *written)
{
    static const ZSTD_EndDirective directives[] = {ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end};
    struct zstd *zstd = zstd_of(coder);
    ZSTD_inBuffer input = {in->ptr, in->len, 0};
    ZSTD_outBuffer output = {out, room, 0};
    size_t left = ZSTD_compressStream2(zstd->context, &output, &input, directives[wish]);

    *in = span_skip(*in, input.pos);
    *written = output.pos;
    coder->memory = ZSTD_sizeof_CCtx(zstd->context);
    if (ZSTD_isError(left)) {
        return CODER_FAILED;
    }
    if (in->len != 0) {
        return CODER_MORE;
    }
    return wish == CODER_TAKE || left == 0 ? CODER_DONE : CODER_MORE;
}

const struct coder_type coder_zstd = {
    .coding = CODING_ZSTD,
    .memory = MEMORY,
    .may_rest = true,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .run = run,
};

/* Coders of all codings: what they write is read again by others, whatever the pieces and the room;
 * flushes give all; memory has its bound; the pool keeps within its own. Brotli's decoder is
 * another library: tests/system/test_compress.py reads what it writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/strbuf.h"
#include "policy/coder_pool.h"

static const struct coder_type *const types[] = {&coder_gzip, &coder_brotli, &coder_zstd};

/* Text that can be compressed, and is not the same all over. */
static struct span make_text(size_t size)
{
    char *text = xmalloc(size + 1);
    uint32_t seed = 1;

    for (size_t i = 0; i < size; i++) {
        seed = seed * 1103515245 + 12345;
        text[i] = (seed >> 16) % 31 == 0 ? (char)('a' + (seed >> 20) % 26) : "the tide "[i % 9];
    }
    return span_make(text, size);
}

/* What can be read of it so far; a whole stream need not have ended. */
static struct span decode(enum coding coding, struct span bytes, char *to, size_t size)
{
    size_t got = 0;

    if (coding == CODING_GZIP) {
        z_stream s = {.next_in = (Bytef *)(uintptr_t)bytes.ptr, .avail_in = (unsigned)bytes.len};
        assert_int_equal(inflateInit2(&s, 15 + 16), Z_OK);
        s.next_out = (Bytef *)to;
        s.avail_out = (unsigned)size;
        (void)inflate(&s, Z_SYNC_FLUSH);
        got = size - s.avail_out;
        (void)inflateEnd(&s);
    } else {
        ZSTD_DCtx *s = ZSTD_createDCtx();
        ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
        ZSTD_outBuffer out = {to, size, 0};
        (void)ZSTD_decompressStream(s, &out, &in);
        got = out.pos;
        (void)ZSTD_freeDCtx(s);
    }
    return span_make(to, got);
}

static void drive(struct coder *coder, enum coder_wish wish, struct span in, size_t room,
                  struct strbuf *out)
{
    enum coder_result result = CODER_MORE;
    char *buffer = xmalloc(room);

    while (result == CODER_MORE) {
        size_t written = 0;
        result = coder->type->run(coder, wish, &in, buffer, room, &written);
        assert_int_not_equal(result, CODER_FAILED);
        strbuf_add(out, span_make(buffer, written));
        assert_true(coder->memory <= coder->type->memory);
    }
    assert_int_equal(in.len, 0);
    free(buffer);
}

static void check_stream(struct coder *coder, enum coder_level level, struct span text,
                         size_t piece, size_t room, bool is_known)
{
    char *to = xmalloc(text.len + 64);
    struct strbuf out;
    struct span rest = text;

    strbuf_init(&out);
    assert_true(coder->type->begin(coder, level, is_known ? text.len : UINT64_MAX));
    while (rest.len != 0) {
        struct span part = span_cut(rest, piece);
        drive(coder, CODER_TAKE, part, room, &out);
        rest = span_skip(rest, part.len);
    }
    drive(coder, CODER_END, span_make(NULL, 0), room, &out);
    if (coder->type->coding != CODING_BROTLI) {
        struct span read = decode(coder->type->coding, strbuf_span(&out), to, text.len + 64);
        assert_int_equal(read.len, text.len);
        assert_memory_equal(read.ptr, text.ptr, text.len);
    }
    assert_true(text.len < 4096 || out.len < text.len * 2 / 3);
    strbuf_free(&out);
    free(to);
}

static void test_what_is_written_is_read_again(void **state)
{
    static const size_t sizes[] = {1, 1000, 70000, 3000000};
    static const size_t pieces[] = {SIZE_MAX, 4096, 97};
    struct span text = make_text(sizes[3]);

    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        struct coder *coder = types[t]->create();
        assert_non_null(coder);
        for (int level = 0; level < CODER_LEVEL_COUNT; level++) {
            for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
                size_t piece = pieces[(s + (size_t)level) % ARRAY_LEN(pieces)];
                check_stream(coder, (enum coder_level)level, span_head(text, sizes[s]),
                             piece == 97 && s == 3 ? 65536 : piece, CODER_ROOM_MIN, s % 2 == 0);
            }
        }
        types[t]->destroy(coder);
    }
    free((void *)(uintptr_t)text.ptr);
}

static void test_an_empty_body_is_a_stream_too(void **state)
{
    char to[8];

    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        struct coder *coder = types[t]->create();
        struct strbuf out;
        strbuf_init(&out);
        assert_true(types[t]->begin(coder, CODER_MEDIUM, UINT64_MAX));
        drive(coder, CODER_END, span_make(NULL, 0), CODER_ROOM_MIN, &out);
        assert_true(out.len != 0);
        if (types[t] != &coder_brotli) {
            assert_int_equal(decode(types[t]->coding, strbuf_span(&out), to, sizeof(to)).len, 0);
        }
        strbuf_free(&out);
        types[t]->destroy(coder);
    }
}

static void test_all_can_be_read_behind_a_flush(void **state)
{
    struct span text = make_text(5000);
    char to[10000];

    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        if (types[t] == &coder_brotli) {
            continue;
        }
        struct coder *coder = types[t]->create();
        struct strbuf out;
        strbuf_init(&out);
        assert_true(types[t]->begin(coder, CODER_MEDIUM, UINT64_MAX));
        for (size_t at = 0; at < text.len; at += 500) {
            drive(coder, CODER_TAKE, span_make(text.ptr + at, 500), CODER_ROOM_MIN, &out);
            drive(coder, CODER_FLUSH, span_make(NULL, 0), CODER_ROOM_MIN, &out);
            struct span read = decode(types[t]->coding, strbuf_span(&out), to, sizeof(to));
            assert_int_equal(read.len, at + 500);
            assert_memory_equal(read.ptr, text.ptr, read.len);
        }
        strbuf_free(&out);
        types[t]->destroy(coder);
    }
    free((void *)(uintptr_t)text.ptr);
}

static void test_the_pool_keeps_its_bound_and_what_is_at_rest(void **state)
{
    struct loop *loop = loop_create();
    struct coder_pool pool;
    struct coder *coders[8];
    size_t size;

    (void)state;
    coder_pool_init(&pool, loop);
    for (size_t i = 0; i < 3; i++) {
        coders[i] =
            coder_pool_take(&pool, CODING_GZIP, CODER_HIGH, UINT64_MAX, 3 * coder_gzip.memory);
        assert_non_null(coders[i]);
    }
    assert_null(coder_pool_take(&pool, CODING_GZIP, CODER_HIGH, UINT64_MAX, 3 * coder_gzip.memory));
    assert_null(coder_pool_take(&pool, CODING_ZSTD, CODER_HIGH, 10, 3 * coder_gzip.memory));
    assert_int_equal(pool.refused, 2);
    assert_int_equal(pool.active, 3);
    coder_pool_give_back(&pool, coders[0]);
    assert_ptr_equal(coder_pool_take(&pool, CODING_GZIP, CODER_FAST, 10, 3 * coder_gzip.memory),
                     coders[0]);
    for (size_t i = 0; i < 3; i++) {
        coder_pool_give_back(&pool, coders[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        coders[i] = coder_pool_take(&pool, i % 2 == 0 ? CODING_GZIP : CODING_BROTLI, CODER_FAST, 10,
                                    UINT64_MAX);
    }
    for (size_t i = 0; i < 8; i++) {
        coder_pool_give_back(&pool, coders[i]);
    }
    assert_int_equal(pool.idle_count[CODING_GZIP], CODER_POOL_IDLE);
    assert_int_equal(pool.idle_count[CODING_BROTLI], 0);
    assert_int_equal(pool.memory, 0);
    for (size_t i = 0; i < 100; i++) {
        (void)coder_pool_room(&pool, &size);
        assert_true(size >= CODER_ROOM_MIN);
        coder_pool_use_room(&pool, 5000);
    }
    coder_pool_destroy(&pool);
    loop_destroy(loop);
}

static void test_a_busy_worker(void **state)
{
    (void)state;
    assert_false(coder_pool_is_busy(0, 250000));
    assert_false(coder_pool_is_busy(200000, 250000));
    assert_true(coder_pool_is_busy(200001, 250000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read_again),
        cmocka_unit_test(test_an_empty_body_is_a_stream_too),
        cmocka_unit_test(test_all_can_be_read_behind_a_flush),
        cmocka_unit_test(test_the_pool_keeps_its_bound_and_what_is_at_rest),
        cmocka_unit_test(test_a_busy_worker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

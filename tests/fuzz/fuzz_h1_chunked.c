/* Any bytes as a chunked body. However it arrives, body, trailers, end and error are the same; and
 * encoded anew the body comes out again. */
#include "fuzz_h1.h"

#include "base/strbuf.h"
#include "http/h1_chunked.h"

struct decoded {
    enum h1_chunked_result result;
    enum h1_error error;
    size_t used;
    struct strbuf body;
    struct http_fields trailers;
};

static void decode(struct span bytes, size_t step, struct arena *arena, struct decoded *d)
{
    struct h1_chunked decoder;

    *d = (struct decoded){.result = H1_CHUNKED_MORE};
    h1_chunked_init(&decoder);
    while (d->used < bytes.len && (d->result == H1_CHUNKED_MORE || d->result == H1_CHUNKED_DATA)) {
        struct span in = span_skip(bytes, d->used);
        struct span data;
        size_t used;
        in.len = in.len < step ? in.len : step;
        d->result = h1_chunked_decode(&decoder, in, &fuzz_limits, arena, &used, &data, &d->trailers,
                                      &d->error);
        CHECK(used != 0 && used <= in.len);
        CHECK(d->result != H1_CHUNKED_MORE || used == in.len);
        CHECK((d->result == H1_CHUNKED_DATA) == (data.len != 0));
        CHECK((d->result == H1_CHUNKED_BAD) == (d->error != H1_OK));
        strbuf_add(&d->body, data);
        d->used += used;
    }
}

static void check_same(const struct decoded *a, const struct decoded *b)
{
    /* Only which of the two says that more is due depends on the pieces. */
    CHECK(a->result == b->result || (a->result <= H1_CHUNKED_MORE && b->result <= H1_CHUNKED_MORE));
    CHECK(a->error == b->error);
    CHECK(a->result == H1_CHUNKED_BAD || a->used == b->used);
    CHECK(span_eq(strbuf_span(&a->body), strbuf_span(&b->body)));
    fuzz_check_same_fields(&a->trailers, &b->trailers);
}

static void encode_again(const struct decoded *d, struct arena *arena)
{
    struct strbuf text;
    struct decoded again;
    char line[H1_CHUNK_LINE_MAX];

    strbuf_init(&text);
    if (d->body.len != 0) {
        strbuf_add(&text, span_make(line, h1_chunk_line(line, d->body.len)));
        strbuf_add(&text, strbuf_span(&d->body));
        strbuf_add_cstr(&text, "\r\n");
    }
    strbuf_add_cstr(&text, "0\r\n\r\n");
    decode(strbuf_span(&text), text.len, arena, &again);
    CHECK(again.result == H1_CHUNKED_END && again.used == text.len);
    CHECK(span_eq(strbuf_span(&d->body), strbuf_span(&again.body)));
    strbuf_free(&again.body);
    strbuf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct span text = span_make(bytes, size);
    struct arena arena;
    struct decoded whole;

    arena_init(&arena, 4096);
    decode(text, size + 1, &arena, &whole);
    for (size_t step = 1; step <= 3; step++) {
        struct decoded pieces;
        decode(text, step, &arena, &pieces);
        check_same(&whole, &pieces);
        strbuf_free(&pieces.body);
    }
    if (whole.result == H1_CHUNKED_END) {
        CHECK(whole.trailers.count <= fuzz_limits.fields);
        encode_again(&whole, &arena);
    }
    strbuf_free(&whole.body);
    arena_destroy(&arena);
    return 0;
}

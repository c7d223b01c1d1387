/* What a FastCGI server sends: records, and in them the head of a script's answer. */
#include <stdint.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "http/cgi_head.h"
#include "http/fcgi_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_head(struct span out)
{
    const struct h1_limits limits = {.head_bytes = 4096, .target_bytes = 1024, .fields = 50};
    size_t scanned = 0;
    size_t len;

    if (cgi_head_end(out, limits.head_bytes, &scanned, &len) == H1_HEAD_COMPLETE) {
        struct http_response response;
        enum h1_error error;
        struct arena arena;

        CHECK(len <= out.len && len <= limits.head_bytes);
        arena_init(&arena, 1024);
        if (cgi_parse_head(span_head(out, len), &limits, &arena, HTTP_GET, &response, &error) ==
            CGI_BAD_NONE) {
            CHECK(response.status >= 200 && response.status < 600);
        }
        arena_destroy(&arena);
    }
}

/* With cuts of any size; what comes of it may not depend on them. */
static struct strbuf read_all(struct span in, size_t piece_size, struct fcgi_reader *reader)
{
    struct strbuf out;

    strbuf_init(&out);
    *reader = (struct fcgi_reader){0};
    while (in.len != 0) {
        struct span piece = span_cut(in, piece_size);

        in = span_skip(in, piece.len);
        for (;;) {
            struct span text = {NULL, 0};
            size_t used;
            enum fcgi_result result = fcgi_read(reader, piece, &used, &text);

            CHECK(used <= piece.len && text.len <= used);
            piece = span_skip(piece, used);
            if (result == FCGI_OUT) {
                strbuf_add(&out, text);
            } else if (result == FCGI_BAD) {
                return out;
            } else if (result == FCGI_MORE) {
                CHECK(piece.len == 0);
                break;
            }
        }
    }
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_make(data, size);
    struct fcgi_reader whole;
    struct fcgi_reader pieces;
    struct strbuf one = read_all(in, SIZE_MAX, &whole);
    struct strbuf other = read_all(in, size != 0 ? 1U + data[0] % 7U : 1, &pieces);

    CHECK(span_eq(strbuf_span(&one), strbuf_span(&other)));
    CHECK(whole.bad == pieces.bad && whole.is_over == pieces.is_over);
    read_head(strbuf_span(&one));
    read_head(in);
    strbuf_free(&one);
    strbuf_free(&other);
    return 0;
}

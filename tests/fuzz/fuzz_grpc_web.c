/* Any bytes as a gRPC-Web request in its text form, in pieces of which the first byte tells the
 * size: what comes of them is the same in any pieces, and no more than there is room for. */
#include <stdint.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "http/grpc_web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool decode(struct span text, size_t step, struct strbuf *out)
{
    struct grpc_web_text state = {.count = 0};

    while (text.len != 0) {
        struct span piece = span_head(text, text.len < step ? text.len : step);
        unsigned char *bytes = malloc(GRPC_WEB_TEXT_ROOM(piece.len));
        size_t len;
        bool ok = grpc_web_text_decode(&state, piece, bytes, &len);

        CHECK(len <= GRPC_WEB_TEXT_ROOM(piece.len));
        strbuf_add(out, span_make((const char *)bytes, len));
        free(bytes);
        if (!ok) {
            return false;
        }
        text = span_skip(text, piece.len);
    }
    return grpc_web_text_is_whole(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text =
        span_make(size != 0 ? (const char *)data + 1 : NULL, size != 0 ? size - 1 : 0);
    struct span suffix;
    struct strbuf whole;
    struct strbuf pieces;

    strbuf_init(&whole);
    strbuf_init(&pieces);
    bool ok = decode(text, text.len + 1, &whole);
    CHECK(decode(text, size != 0 ? data[0] % 7U + 1 : 1, &pieces) == ok);
    CHECK(!ok || span_eq(strbuf_span(&whole), strbuf_span(&pieces)));
    (void)grpc_web_form_of(text, &suffix);
    (void)grpc_web_answer_form(GRPC_WEB_BINARY, text);
    strbuf_free(&whole);
    strbuf_free(&pieces);
    return 0;
}

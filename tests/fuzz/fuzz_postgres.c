/* Any bytes as the beginning of a PostgreSQL connection, a client's and a server's: what is said of
 * them is known from the first eight, and a text that is taken out of an error is printable. */
#include <stdint.h>

#include "tls/postgres.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_start(struct span bytes)
{
    enum postgres_start start = postgres_parse_start(bytes);

    if (start == POSTGRES_START_MORE) {
        CHECK(bytes.len < POSTGRES_REQUEST_BYTES);
    } else {
        CHECK(postgres_parse_start(span_cut(bytes, POSTGRES_REQUEST_BYTES)) == start);
    }
}

static void check_answer(struct span bytes)
{
    char out[64];
    char message[POSTGRES_ERROR_MAX];
    char again[64];
    char text[65];
    struct span said;

    CHECK((postgres_parse_answer(bytes) == POSTGRES_ANSWER_MORE) == (bytes.len == 0));
    said = postgres_error_text(bytes, out, sizeof(out));
    for (size_t i = 0; i < said.len; i++) {
        CHECK(said.ptr[i] >= ' ' && said.ptr[i] <= '~');
        text[i] = said.ptr[i];
    }
    text[said.len] = '\0';
    size_t len = postgres_write_error(message, "08P01", text, text);
    CHECK(span_eq(postgres_error_text(span_make(message, len), again, sizeof(again)), said));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_make(data, size);

    if (size != 0) {
        check_start(bytes);
    }
    check_answer(bytes);
    return 0;
}

/* Any bytes as lines of Accept-Encoding: what is chosen is one of ours that the lines name, or a
 * star, and never one that they forbid without any doubt. */
#include <stdint.h>

#include "http/accept_encoding.h"
#include "http/media_type.h"
#include "http/quality.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(struct span list)
{
    struct quality_item item;
    size_t before = list.len + 1;

    while (quality_next(&list, &item) == QUALITY_ITEM) {
        CHECK(item.weight <= QUALITY_MAX && item.name.len != 0);
        CHECK(list.ptr == NULL || list.len < before);
        before = list.len;
        (void)media_type_fits(media_type_of(item.name), item.parameters);
        (void)media_type_is_pattern(item.name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum coding order[] = {CODING_BROTLI, CODING_GZIP, CODING_ZSTD};
    struct span rest = span_make(size != 0 ? data : NULL, size);
    struct http_fields fields = {0};
    struct arena arena;
    struct span line;
    enum coding coding;

    arena_init(&arena, 4096);
    while (span_split(&rest, '\n', &line)) {
        http_fields_add(&fields, &arena, FIELD_ACCEPT_ENCODING, SPAN_OF("Accept-Encoding"), line);
        check_list(line);
    }
    coding = accept_encoding_choose(&fields, order, ARRAY_LEN(order));
    CHECK(coding < CODING_COUNT);
    /* Once more, forbidden by another line. */
    http_fields_add(&fields, &arena, FIELD_ACCEPT_ENCODING, SPAN_OF("Accept-Encoding"),
                    SPAN_OF("gzip;q=0, br;q=0, zstd;q=0"));
    CHECK(accept_encoding_choose(&fields, order, ARRAY_LEN(order)) == CODING_IDENTITY);
    arena_destroy(&arena);
    return 0;
}

/* Regular expressions: the first line is one, the rest is what is searched. The first byte says how
 * it is compiled. */
#include <stdint.h>

#include "base/log.h"
#include "base/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct span subject, struct span part)
{
    CHECK(part.ptr == NULL ||
          (part.ptr >= subject.ptr && part.ptr + part.len <= subject.ptr + subject.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pattern_captures captures;
    struct pattern_captures again;
    struct arena arena;
    struct error error;
    size_t offset;

    if (size == 0) {
        return 0;
    }
    log_set_level(LOG_LEVEL_ERROR);
    struct span rest = span_make(data + 1, size - 1);
    size_t end = span_find(rest, '\n');
    struct span text = span_head(rest, end);
    struct span subject = span_skip(rest, end < rest.len ? end + 1 : end);
    arena_init(&arena, 1024);
    const struct pattern *pattern = pattern_compile(text, data[0] & 3U, &arena, &error, &offset);
    if (pattern == NULL) {
        CHECK(offset <= text.len && error.text[0] != '\0');
    } else {
        enum pattern_result result = pattern_search(pattern, subject, &captures);
        CHECK(result == pattern_search(pattern, subject, &again));
        for (size_t i = 0; i <= PATTERN_CAPTURES_MAX; i++) {
            check_inside(subject, captures.items[i]);
            CHECK(result == PATTERN_FOUND || captures.items[i].ptr == NULL);
            CHECK(captures.items[i].ptr == again.items[i].ptr &&
                  captures.items[i].len == again.items[i].len);
        }
        if (result == PATTERN_FOUND && (data[0] & PATTERN_WHOLE) != 0) {
            CHECK(captures.items[0].ptr == NULL || captures.items[0].len <= subject.len);
        }
    }
    arena_destroy(&arena);
    return 0;
}

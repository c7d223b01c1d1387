#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "edge/mime.h"
#include "edge/range.h"

/* "whole", "none", or the ranges as "first+length ...". */
static void describe(struct span value, uint64_t size, char *text, size_t text_size)
{
    struct byte_range ranges[RANGE_MAX];
    size_t count;
    size_t len = 0;

    text[0] = '\0';
    switch (range_parse(value, size, ranges, &count)) {
    case RANGE_WHOLE:
        (void)snprintf(text, text_size, "whole");
        assert_int_equal(count, 0);
        return;
    case RANGE_UNSATISFIABLE:
        (void)snprintf(text, text_size, "none");
        assert_int_equal(count, 0);
        return;
    case RANGE_PARTIAL:
        break;
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(ranges[i].length > 0 && ranges[i].first + ranges[i].length <= size);
        len += (size_t)snprintf(text + len, text_size - len, "%s%llu+%llu", i == 0 ? "" : " ",
                                (unsigned long long)ranges[i].first,
                                (unsigned long long)ranges[i].length);
    }
}

static void test_cases(void **state)
{
    static const struct {
        const char *value;
        uint64_t size;
        const char *want;
    } cases[] = {
        /* RFC 9110 section 14.1.2 */
        {"bytes=0-499", 10000, "0+500"},
        {"bytes=500-999", 10000, "500+500"},
        {"bytes=-500", 10000, "9500+500"},
        {"bytes=9500-", 10000, "9500+500"},
        {"bytes=0-0,-1", 10000, "0+1 9999+1"},
        {"bytes= 0-999, 4500-5499, -1000", 10000, "0+1000 4500+1000 9000+1000"},
        {"bytes=500-700,601-999", 10000, "whole"}, /* they overlap */
        {"bytes=500-600,601-999", 10000, "500+101 601+399"},
        {"bytes=601-999,500-600", 10000, "601+399 500+101"},
        {"BYTES=0-0", 10, "0+1"},
        {"bytes=0-99", 10, "0+10"},
        {"bytes=-99", 10, "0+10"},
        {"bytes=9-9", 10, "9+1"},
        {"bytes=10-", 10, "none"},
        {"bytes=10-11,12-", 10, "none"},
        {"bytes=10-11,0-0", 10, "0+1"},
        {"bytes=-0", 10, "none"},
        {"bytes=0-18446744073709551615", 10, "0+10"},
        {"bytes=99999999999999999999999-", 10, "none"},
        {"bytes=-99999999999999999999999", 10, "0+10"},
        {"bytes=0-,0-", 10, "whole"},
        {"bytes=,0-0,,", 10, "0+1"},
        {"bytes=\t1-2 ,\t4-5", 10, "1+2 4+2"},
        {"bytes=0-0", 0, "whole"},
        {"bytes=-5", 0, "whole"},
        /* Malformed: as if there were no Range. */
        {"bytes=2-1", 10, "whole"},
        {"bytes=0-1,2-1", 10, "whole"},
        {"bytes=", 10, "whole"},
        {"bytes=,", 10, "whole"},
        {"bytes", 10, "whole"},
        {"", 10, "whole"},
        {"bytes=-", 10, "whole"},
        {"bytes=a-b", 10, "whole"},
        {"bytes=1", 10, "whole"},
        {"bytes=+1-2", 10, "whole"},
        {"bytes=0x1-2", 10, "whole"},
        {"bytes=1-2-3", 10, "whole"},
        {"bytes=--1", 10, "whole"},
        {"bytes=1 -2", 10, "whole"},
        {"bytes =1-2", 10, "whole"},
        {"lines=1-2", 10, "whole"},
        {"bytes=0-18446744073709551615", UINT64_MAX, "0+18446744073709551615"},
    };
    char text[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].value);
        /* Each length of it, on an exact copy, for ASan; the last is the whole. */
        for (size_t n = 0; n <= len; n++) {
            char *copy = xmalloc(n != 0 ? n : 1);
            memcpy(copy, cases[i].value, n);
            describe(span_make(copy, n), cases[i].size, text, sizeof(text));
            free(copy);
        }
        if (strcmp(text, cases[i].want) != 0) {
            fail_msg("%s: %s, want %s", cases[i].value, text, cases[i].want);
        }
    }
}

static void test_many_ranges_are_ignored(void **state)
{
    struct strbuf value;
    struct byte_range ranges[RANGE_MAX];
    size_t count;

    (void)state;
    strbuf_init(&value);
    for (size_t n = 1; n <= 2000; n++) {
        strbuf_printf(&value, "%s%zu-%zu", n == 1 ? "bytes=" : ",", 2 * n, 2 * n);
        enum range_result result = range_parse(strbuf_span(&value), 1 << 20, ranges, &count);
        assert_int_equal(result, n <= RANGE_MAX ? RANGE_PARTIAL : RANGE_WHOLE);
        assert_int_equal(count, n <= RANGE_MAX ? n : 0);
    }
    strbuf_free(&value);
}

static void test_media_types(void **state)
{
    static const struct {
        const char *name;
        const char *type;
    } cases[] = {
        {"index.html", "text/html; charset=utf-8"},
        {"a/b/APP.JS", "text/javascript; charset=utf-8"},
        {"x.tar.gz", "application/gzip"},
        {"7.7z", "application/x-7z-compressed"},
        {"z.zst", "application/zstd"},
        {"p.png", "image/png"},
        {"m.wasm", "application/wasm"},
        {"m.webmanifest", "application/manifest+json"},
        {"noextension", "application/octet-stream"},
        {"dir.html/file", "application/octet-stream"},
        {"dot.", "application/octet-stream"},
        {"", "application/octet-stream"},
        {"a.verylongextension", "application/octet-stream"},
        {"a.htmlx", "application/octet-stream"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span type = mime_from_name(span_from_cstr(cases[i].name));
        if (!span_eq_cstr(type, cases[i].type)) {
            fail_msg("%s: %.*s", cases[i].name, SPAN_ARG(type));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_many_ranges_are_ignored),
        cmocka_unit_test(test_media_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

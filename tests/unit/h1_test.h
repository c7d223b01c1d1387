/* What the HTTP/1.1 parser's tests share: each head is fed to h1_head_end whole and byte by byte,
 * each time from a heap block of exactly its size, so that ASan sees a read past its end; both ways
 * must come to the same result: but for a head that is whole and wrong, of which the bytes one by
 * one tell earlier (`early`) what the whole tells the parser. */
#ifndef TIDEGATE_TESTS_H1_TEST_H
#define TIDEGATE_TESTS_H1_TEST_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "http/h1_parse.h"

static const struct h1_limits test_limits = {.head_bytes = 1024, .target_bytes = 64, .fields = 12};

/* A case's text may hold NULs. `expect` is what describe() says of the message, or "!word" of the
 * error. Where it holds a " | ", the fields follow that, the ones to be dropped with a '-'. */
struct h1_case {
    const char *name;
    struct span text;
    const char *expect;
    enum http_method method; /* of the request that a response answers */
};

/* One cmocka test for each case of a table. */
static inline void h1_add_cases(struct CMUnitTest *tests, const struct h1_case *cases, size_t count,
                                CMUnitTestFunction run)
{
    for (size_t i = 0; i < count; i++) {
        tests[i] =
            (struct CMUnitTest){cases[i].name, run, NULL, NULL, (void *)(uintptr_t)&cases[i]};
    }
}

static inline char *exact_copy(struct span s)
{
    char *copy = malloc(s.len != 0 ? s.len : 1);

    assert_non_null(copy);
    if (s.len != 0) {
        memcpy(copy, s.ptr, s.len);
    }
    return copy;
}

struct head_found {
    enum h1_head_result result;
    enum h1_error error;
    size_t start;
    size_t len;
    size_t scanned;
    enum h1_error early;
};

static inline struct head_found find_head(struct span text, bool is_request, size_t step)
{
    struct head_found found = {H1_HEAD_MORE, H1_OK, 0, 0, 0, H1_OK};
    size_t scanned = 0;

    for (size_t n = step; found.result == H1_HEAD_MORE && n <= text.len; n += step) {
        char *copy = exact_copy(span_head(text, n));
        found.result = h1_head_end(span_make(copy, n), &test_limits, is_request, &scanned,
                                   &found.start, &found.len, &found.error);
        assert_true(scanned <= n);
        free(copy);
    }
    found.scanned = scanned;
    return found;
}

static inline struct head_found find_head_both_ways(struct span text, bool is_request)
{
    struct head_found whole = find_head(text, is_request, text.len);
    struct head_found bytewise = find_head(text, is_request, 1);

    if (whole.result == H1_HEAD_COMPLETE && bytewise.result == H1_HEAD_BAD) {
        whole.early = bytewise.error;
        return whole;
    }
    assert_int_equal(whole.result, bytewise.result);
    assert_int_equal(whole.error, bytewise.error);
    if (whole.result == H1_HEAD_BAD) {
        assert_int_equal(whole.scanned, bytewise.scanned);
    }
    if (whole.result == H1_HEAD_COMPLETE) {
        assert_int_equal(whole.start, bytewise.start);
        assert_int_equal(whole.len, bytewise.len);
        assert_true(whole.start + whole.len <= text.len);
    }
    return whole;
}

static inline void describe_fields(struct strbuf *b, const struct http_fields *fields)
{
    strbuf_add_cstr(b, " |");
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        strbuf_printf(b, " %s%.*s=%.*s", field->is_not_sent ? "-" : "", SPAN_ARG(field->name),
                      SPAN_ARG(field->value));
    }
}

static inline const char *framing_name(enum http_framing framing)
{
    static const char *const names[] = {"none", "length", "chunked", "close"};

    return names[framing];
}

/* Compares what the parser says with the case, and shows both where they differ. */
static inline void expect_text(struct strbuf *b, const struct h1_case *c)
{
    assert_string_equal(b->ptr, c->expect);
    strbuf_free(b);
}

#endif

/* What a client takes: lists with weights, content codings, media types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/accept_encoding.h"
#include "http/media_type.h"
#include "http/quality.h"

static const enum coding ours[] = {CODING_ZSTD, CODING_BROTLI, CODING_GZIP};

/* One line; NULL: no field. */
static enum coding choose_lines(const char *first, const char *second)
{
    struct http_fields fields = {0};
    struct arena arena;
    enum coding coding;

    arena_init(&arena, 1024);
    if (first != NULL) {
        http_fields_add(&fields, &arena, FIELD_ACCEPT_ENCODING, SPAN_OF("Accept-Encoding"),
                        span_from_cstr(first));
    }
    if (second != NULL) {
        http_fields_add(&fields, &arena, FIELD_ACCEPT_ENCODING, SPAN_OF("accept-encoding"),
                        span_from_cstr(second));
    }
    coding = accept_encoding_choose(&fields, ours, ARRAY_LEN(ours));
    arena_destroy(&arena);
    return coding;
}

static void expect(const char *value, enum coding coding)
{
    if (choose_lines(value, NULL) != coding) {
        fail_msg("'%s' gives %s", value, coding_name(choose_lines(value, NULL)).ptr);
    }
}

static void test_the_best_of_those_that_are_taken(void **state)
{
    (void)state;
    expect("gzip, deflate, br, zstd", CODING_ZSTD);
    expect("gzip, deflate, br", CODING_BROTLI);
    expect("gzip", CODING_GZIP);
    expect("GZIP", CODING_GZIP);
    expect("x-gzip", CODING_GZIP);
    expect("deflate", CODING_IDENTITY);
    expect("compress, deflate, exi", CODING_IDENTITY);
    expect("zstd;q=0.5, br;q=0.8, gzip;q=0.8", CODING_BROTLI);
    expect("zstd;q=0.5,br;q=0.51", CODING_BROTLI);
    expect("gzip;q=1.000, br;q=0.999", CODING_GZIP);
    expect("gzip ; q=0.3 ,\t br;\tq=0.2", CODING_GZIP);
    expect(",, gzip,,", CODING_GZIP);
    expect("gzip;Q=0.5", CODING_GZIP);
}

static void test_what_is_forbidden_is_not_sent(void **state)
{
    (void)state;
    expect("zstd;q=0, br;q=0.0, gzip", CODING_GZIP);
    expect("*;q=0", CODING_IDENTITY);
    expect("gzip;q=0", CODING_IDENTITY);
    expect("*, zstd;q=0", CODING_BROTLI);
    expect("gzip, gzip;q=0", CODING_IDENTITY);
    expect("gzip;q=0, gzip", CODING_IDENTITY);
    assert_int_equal(choose_lines("gzip", "gzip;q=0"), CODING_IDENTITY);
    assert_int_equal(choose_lines("gzip", "br"), CODING_BROTLI);
}

static void test_stars_and_identity(void **state)
{
    (void)state;
    expect("*", CODING_ZSTD);
    expect("*;q=0.1, gzip", CODING_GZIP);
    expect("identity", CODING_IDENTITY);
    expect("identity, gzip", CODING_GZIP);
    expect("identity;q=1, gzip;q=0.5", CODING_IDENTITY);
    expect("identity;q=0.5, gzip;q=0.5", CODING_GZIP);
    expect("identity;q=0, gzip;q=0.1", CODING_GZIP);
    expect("identity;q=0", CODING_IDENTITY);
}

static void test_nothing_means_nothing(void **state)
{
    (void)state;
    expect(NULL, CODING_IDENTITY);
    expect("", CODING_IDENTITY);
    expect(" , ", CODING_IDENTITY);
}

static void test_what_is_not_by_the_grammar_is_not_believed(void **state)
{
    static const char *const bad[] = {
        "gzip;q=2",       "gzip;q=1.001", "gzip;q=0.1234", "gzip;q=",     "gzip;q",
        "gzip;q=.5",      "gzip;q=-1",    "gzip;q=0,5",    "gzip;q= 0.5", "gzip; q =0.5",
        "gzip;level=9",   "gzip;",        ";q=1",          "gz ip",       "gzip;q=0.5;x=1",
        "gzip;q=1;q=0.5", "\"gzip\"",     "gzip/br",       "br, gzip;q=x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        expect(bad[i], CODING_IDENTITY);
    }
    assert_int_equal(choose_lines("gzip", "br;q=9"), CODING_IDENTITY);
}

static void test_elements_of_accept(void **state)
{
    struct span list = SPAN("text/html;level=1;q=0.5, application/json");
    struct quality_item item;

    (void)state;
    assert_int_equal(quality_next(&list, &item), QUALITY_ITEM);
    assert_true(span_eq(item.name, SPAN_OF("text/html")));
    assert_true(span_eq(item.parameters, SPAN_OF("level=1")));
    assert_int_equal(item.weight, 500);
    assert_int_equal(quality_next(&list, &item), QUALITY_ITEM);
    assert_true(span_eq(item.name, SPAN_OF("application/json")));
    assert_int_equal(item.parameters.len, 0);
    assert_int_equal(item.weight, 1000);
    assert_int_equal(quality_next(&list, &item), QUALITY_END);
}

static bool fits(const char *type, const char *pattern)
{
    return media_type_fits(span_from_cstr(type), span_from_cstr(pattern));
}

static void test_media_types_and_patterns(void **state)
{
    (void)state;
    assert_true(fits("text/html", "text/html"));
    assert_true(fits("Text/HTML", "text/html"));
    assert_true(fits("text/html", "text/*"));
    assert_true(fits("text/html", "*"));
    assert_true(fits("application/problem+json", "application/*+json"));
    assert_true(fits("application/grpc-web+proto", "application/grpc-web*"));
    assert_false(fits("text/htm", "text/html"));
    assert_false(fits("text/html5", "text/html"));
    assert_false(fits("application/json", "application/*+json"));
    assert_false(fits("a+json", "a+*+json")); /* beginning and end do not share bytes */
    assert_false(fits("", "text/*"));
    assert_true(
        span_eq(media_type_of(SPAN_OF(" text/html ; charset=utf-8")), SPAN_OF("text/html")));
    assert_true(media_type_is_pattern(SPAN_OF("text/*")));
    assert_true(media_type_is_pattern(SPAN_OF("*")));
    assert_true(media_type_is_pattern(SPAN_OF("application/*+json")));
    assert_false(media_type_is_pattern(SPAN_OF("text")));
    assert_false(media_type_is_pattern(SPAN_OF("*/*")));
    assert_false(media_type_is_pattern(SPAN_OF("text/html;charset=utf-8")));
    assert_false(media_type_is_pattern(SPAN_OF("text/")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_best_of_those_that_are_taken),
        cmocka_unit_test(test_what_is_forbidden_is_not_sent),
        cmocka_unit_test(test_stars_and_identity),
        cmocka_unit_test(test_nothing_means_nothing),
        cmocka_unit_test(test_what_is_not_by_the_grammar_is_not_believed),
        cmocka_unit_test(test_elements_of_accept),
        cmocka_unit_test(test_media_types_and_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

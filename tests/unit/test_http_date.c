#include "http/date.h"

#include "h1_test.h"

/* 2026-01-01 00:00:00 */
#define NOW 1767225600

static void times_are_formatted(void **state)
{
    static const struct {
        time_t t;
        const char *text;
    } cases[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {951868799, "Tue, 29 Feb 2000 23:59:59 GMT"},
        {951868800, "Wed, 01 Mar 2000 00:00:00 GMT"},
        {1704067199, "Sun, 31 Dec 2023 23:59:59 GMT"},
        {NOW, "Thu, 01 Jan 2026 00:00:00 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {253402300800, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {-1, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {INT64_MIN, "Thu, 01 Jan 1970 00:00:00 GMT"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[HTTP_DATE_SIZE];
        http_date_format(cases[i].t, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* Against the C library, over every day of four centuries and a bit. */
static void every_day_is_what_the_c_library_says(void **state)
{
    (void)state;
    for (time_t t = 0; t < 450 * INT64_C(31557600); t += 86400 + 37) {
        char text[HTTP_DATE_SIZE];
        char expected[64];
        struct tm tm;
        time_t parsed = -1;
        http_date_format(t, text);
        assert_non_null(gmtime_r(&t, &tm));
        strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        assert_string_equal(text, expected);
        assert_true(http_date_parse_at(span_from_cstr(text), NOW, &parsed));
        assert_int_equal(parsed, t);
        strftime(expected, sizeof(expected), "%a %b %e %H:%M:%S %Y", &tm);
        assert_true(http_date_parse_at(span_from_cstr(expected), NOW, &parsed));
        assert_int_equal(parsed, t);
    }
}

struct date_case {
    const char *text;
    time_t t; /* -1: refused */
};

/* RFC 9110 section 5.6.7 */
static const struct date_case cases[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"Sun Nov  6 08:49:37 1994", 784111777},
    {"Sun Nov 06 08:49:37 1994", 784111777},
    {"Wed Nov 16 08:49:37 1994", 784975777},
    {"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
    {"Fri, 30 Jun 1972 23:59:60 GMT", 78796800},
    /* Two digits are at most 50 years ahead of 2026. */
    {"Wednesday, 01-Jan-76 00:00:00 GMT", 3345062400},
    {"Saturday, 01-Jan-77 00:00:00 GMT", 220924800},
    {"", -1},
    {"Sun", -1},
    {"now", -1},
    {"0", -1},
    {"784111777", -1},
    {"Sun, 06 Nov 1994 08:49:37", -1},
    {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
    {"Sun, 06 Nov 1994 08:49:37 +0000", -1},
    {"Sun, 06 Nov 1994 08:49:37 gmt", -1},
    {"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
    {" Sun, 06 Nov 1994 08:49:37 GMT", -1},
    {"sun, 06 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 nov 1994 08:49:37 GMT", -1},
    {"Sun,06 Nov 1994 08:49:37 GMT", -1},
    {"Sun,  6 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 94 08:49:37 GMT", -1},
    {"Sun, 06-Nov-1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 8:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 08:49 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:37.5 GMT", -1},
    {"Mon, 06 Nov 1994 08:49:37 GMT", -1},
    {"Xyz, 06 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Xyz 1994 08:49:37 GMT", -1},
    {"Tue, 00 Nov 1994 08:49:37 GMT", -1},
    {"Thu, 31 Nov 1994 08:49:37 GMT", -1},
    {"Wed, 29 Feb 2023 00:00:00 GMT", -1},
    {"Mon, 29 Feb 2100 00:00:00 GMT", -1},
    {"Sun, 06 Nov 1994 24:00:00 GMT", -1},
    {"Sun, 06 Nov 1994 08:60:00 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:61 GMT", -1},
    {"Sun, +6 Nov 1994 08:49:37 GMT", -1},
    {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
    {"Sunday, 06-Nov-1994 08:49:37 GMT", -1},
    {"Sunday, 06 Nov 94 08:49:37 GMT", -1},
    {"Sundy, 06-Nov-94 08:49:37 GMT", -1},
    {"Sun Nov 6 08:49:37 1994", -1},
    {"Sun Nov  6 08:49:37 94", -1},
    {"Sun Nov  6 08:49:37 1994 GMT", -1},
    {"Mon Nov  6 08:49:37 1994", -1},
};

static void dates_are_parsed_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span text = span_from_cstr(cases[i].text);
        char *copy = exact_copy(text);
        time_t t = -1;
        bool ok = http_date_parse_at(span_make(copy, text.len), NOW, &t);
        if (ok != (cases[i].t != -1) || (ok && t != cases[i].t)) {
            fail_msg("%s: %lld", cases[i].text, (long long)t);
        }
        free(copy);
    }
}

static void a_date_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct span text = span_from_cstr(cases[i].text);
        for (size_t n = 0; n < text.len; n++) {
            char *copy = exact_copy(span_head(text, n));
            time_t t;
            assert_false(http_date_parse_at(span_make(copy, n), NOW, &t));
            free(copy);
        }
    }
}

static void the_clock_is_ours_by_default(void **state)
{
    time_t t;

    (void)state;
    assert_true(http_date_parse(SPAN_OF("Sun, 06 Nov 1994 08:49:37 GMT"), &t));
    assert_int_equal(t, 784111777);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_formatted),
        cmocka_unit_test(every_day_is_what_the_c_library_says),
        cmocka_unit_test(dates_are_parsed_exactly),
        cmocka_unit_test(a_date_cut_anywhere_is_refused),
        cmocka_unit_test(the_clock_is_ours_by_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

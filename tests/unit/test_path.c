#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "edge/path_reading.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

/* A heap copy of exact size: ASan guards its end. */
static struct span exact_copy(struct span s)
{
    char *copy = xmalloc(s.len != 0 ? s.len : 1);

    if (s.len != 0) {
        memcpy(copy, s.ptr, s.len);
    }
    return span_make(copy, s.len);
}

static void assert_span(struct span got, const char *want)
{
    if (!span_eq_cstr(got, want)) {
        fail_msg("got \"%.*s\", want \"%s\"", SPAN_ARG(got), want);
    }
}

static void test_normal_paths_are_not_copied(void **state)
{
    static const char *const paths[] = {"/", "/a", "/a/b.c/", "/~u/-_.!$&'()*+,:@=[]", "/a./b"};
    struct path path;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct span raw = span_from_cstr(paths[i]);
        assert_int_equal(path_normalise(raw, &arena, &path), PATH_OK);
        assert_ptr_equal(path.match.ptr, raw.ptr);
        assert_ptr_equal(path.forward.ptr, raw.ptr);
        assert_int_equal(path.match.len, raw.len);
        assert_false(path.is_rewritten);
    }
    assert_null(arena.blocks);
}

static void test_normalised(void **state)
{
    static const struct {
        const char *raw;
        const char *match;
        const char *forward; /* NULL: as received */
    } cases[] = {
        {"", "/", "/"},
        {"*", "*", NULL},
        {"/%61%2D%2e%5F%7e", "/a-._~", NULL},
        {"/a%2fb", "/a%2Fb", NULL},
        {"/a%2Fb%20c%c3%a9", "/a%2Fb%20c%C3%A9", NULL},
        {"/%2541", "/%2541", NULL}, /* decoded once, never twice */
        {"/%252e%252e/x", "/%252e%252e/x", NULL},
        /* One spelling for each character: what a server decodes is compared decoded. */
        {"/users%3Adelete%21%28%2a%2B%40", "/users:delete!(*+@", NULL},
        {"/a;b=c/d", "/a;b=c/d", NULL},
        {"/a%3bb", "/a%3Bb", NULL},
        {"/a%5cb", "/a%5Cb", NULL},
        {"/a%3Fb%23c", "/a%3Fb%23c", NULL},
        /* What browsers send and no URL may have. */
        {"/\"<>^`{|}", "/\"<>^`{|}", "/%22%3C%3E%5E%60%7B%7C%7D"},
        {"/%22%3c", "/\"<", NULL},
        {"/{/../|%7c%2D", "/||-", "/%7C%7C-"},
        {"/a//b///c//", "/a/b/c/", NULL},
        {"//", "/", NULL},
        {"/.well-known/x", "/.well-known/x", NULL},
        {"/...", "/...", NULL},
        {"/..a/.b", "/..a/.b", NULL},
        /* Dot segments, RFC 3986 sections 5.2.4 and 5.4. */
        {"/a/b/c/./../../g", "/a/g", "/a/g"},
        {"/a/./b", "/a/b", "/a/b"},
        {"/a/.", "/a/", "/a/"},
        {"/a/..", "/", "/"},
        {"/a/b/..", "/a/", "/a/"},
        {"/..", "/", "/"},
        {"/.", "/", "/"},
        {"/../../../etc/passwd", "/etc/passwd", "/etc/passwd"},
        {"/a/%2e%2e/b", "/b", "/b"},
        {"/a/%2E./b", "/b", "/b"},
        {"/a/.%2e/b/%2e", "/b/", "/b/"},
        {"/public/../admin", "/admin", "/admin"},
        {"/a//../b", "/a/b", "/a/b"},
        {"/a/b//x/..", "/a/b/", "/a/b//"},
        {"/a/..//b", "/b", "//b"},
        {"/%2e%2e/%41%2f", "/A%2F", "/A%2F"},
    };
    struct path path;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span raw = exact_copy(span_from_cstr(cases[i].raw));
        assert_int_equal(path_normalise(raw, &arena, &path), PATH_OK);
        assert_span(path.match, cases[i].match);
        assert_span(path.forward, cases[i].forward != NULL ? cases[i].forward : cases[i].raw);
        assert_int_equal(path.is_rewritten, cases[i].forward != NULL);
        free((void *)(uintptr_t)raw.ptr);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *raw;
        enum path_error error;
    } cases[] = {
        {"a", PATH_BAD_START},
        {"**", PATH_BAD_START},
        {"http://x/", PATH_BAD_START},
        {"/a b", PATH_BAD_BYTE},
        {"/a\tb", PATH_BAD_BYTE},
        {"/a\x7f", PATH_BAD_BYTE},
        {"/%c0%af", PATH_BAD_UTF8},
        {"/%C1%9c", PATH_BAD_UTF8},
        {"/caf\xc3\xa9", PATH_BAD_BYTE},
        {"/\xc0\xae\xc0\xae/x", PATH_BAD_BYTE},
        {"/%e0%80%af", PATH_BAD_UTF8},
        {"/%f0%80%80%af", PATH_BAD_UTF8},
        {"/a?b", PATH_BAD_BYTE},
        {"/a#b", PATH_BAD_BYTE},
        {"/%", PATH_BAD_PERCENT},
        {"/%4", PATH_BAD_PERCENT},
        {"/%4g", PATH_BAD_PERCENT},
        {"/%g4", PATH_BAD_PERCENT},
        {"/%%41", PATH_BAD_PERCENT},
        {"/a%", PATH_BAD_PERCENT},
        {"/a%00", PATH_BAD_NUL},
        {"/a%00.png", PATH_BAD_NUL},
        {"/..%5c..%5Cx", PATH_BAD_DOTS},
        {"/a\\b", PATH_BAD_BACKSLASH},
        {"/public/..%2fadmin", PATH_BAD_DOTS},
        {"/public%2F..%2Fadmin", PATH_BAD_DOTS},
        {"/public%2f%2e%2e/admin", PATH_BAD_DOTS},
        {"/a%2f.", PATH_BAD_DOTS},
        {"/public/..;/admin", PATH_BAD_DOTS},
        {"/public/.;x=y/admin", PATH_BAD_DOTS},
        {"/public/%2e%2e;a/admin", PATH_BAD_DOTS},
        {"/public/..%3b/admin", PATH_BAD_DOTS},
        {"/a/x%2f..;b", PATH_BAD_DOTS},
    };
    struct path path;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span raw = exact_copy(span_from_cstr(cases[i].raw));
        enum path_error error = path_normalise(raw, &arena, &path);
        if (error != cases[i].error) {
            fail_msg("%s: %s, want %s", cases[i].raw, path_error_word(error),
                     path_error_word(cases[i].error));
        }
        free((void *)(uintptr_t)raw.ptr);
    }
    assert_int_equal(path_normalise(span_make("/a\0b", 4), &arena, &path), PATH_BAD_BYTE);
}

/* What other servers read otherwise, in whatever spelling, is found and named. */
static void test_strict(void **state)
{
    static const struct {
        const char *raw;
        enum path_error error;
        const char *bad;
    } cases[] = {
        {"/a/b.c", PATH_OK, NULL},
        {"/100%25", PATH_OK, NULL},
        {"/100%25zz", PATH_OK, NULL},
        {"/100%25/2F", PATH_OK, NULL},
        {"/a%20b%3Fc%E9", PATH_OK, NULL},
        {"/%E0%A4%A0", PATH_OK, NULL},
        {"/a%2Fb", PATH_ENCODED_SLASH, "%2F"},
        {"/%2fadmin/x", PATH_ENCODED_SLASH, "%2f"},
        {"/a%5cb", PATH_ENCODED_BACKSLASH, "%5c"},
        {"/a;b", PATH_PARAMETER, ";"},
        {"/;a=b/admin", PATH_PARAMETER, ";"},
        {"/a;", PATH_PARAMETER, ";"},
        {"/a%3Bb", PATH_PARAMETER, "%3B"},
        {"/a%252Fb", PATH_DOUBLE, "%252F"},
        {"/%2561dmin", PATH_DOUBLE, "%2561"},
        {"/%25%36%31dmin", PATH_DOUBLE, "%25%3"},
        {"/%25%361dmin", PATH_DOUBLE, "%25%3"},
        {"/%25252F", PATH_DOUBLE, "%2525"},
        {"/%c0x", PATH_BAD_UTF8, "%c0"},
        {"/%F5", PATH_BAD_UTF8, "%F5"},
        {"/../a//b;x", PATH_PARAMETER, ";"},
    };
    struct path path;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span raw = exact_copy(span_from_cstr(cases[i].raw));
        assert_int_equal(path_normalise(raw, &arena, &path), PATH_OK);
        enum path_error error = path_check_strict(&path);
        if (error != cases[i].error) {
            fail_msg("%s: %s, want %s", cases[i].raw, path_error_word(error),
                     path_error_word(cases[i].error));
        }
        assert_int_equal(path.is_ambiguous, error != PATH_OK);
        if (error != PATH_OK) {
            assert_span(path.bad, cases[i].bad);
            assert_true(
                strlen(path_error_mend(error) != NULL ? path_error_mend(error) : "nothing") > 5);
        }
        free((void *)(uintptr_t)raw.ptr);
    }
    assert_int_equal(path_normalise(SPAN_OF("/a\x01"), &arena, &path), PATH_BAD_BYTE);
    assert_non_null(
        strstr(path_error_detail(PATH_BAD_BYTE, &path, &arena), "\"\\x01\" at byte 3 of the path"));
}

static bool has_reading(const char *raw, const char *wanted)
{
    struct path_readings readings;
    struct span reading;
    struct path path;
    bool is_found = false;
    unsigned count = 0;

    assert_int_equal(path_normalise(span_from_cstr(raw), &arena, &path), PATH_OK);
    assert_true(path.is_ambiguous);
    assert_int_equal(path_readings_begin(&readings, &path), PATH_OK);
    while (path_readings_next(&readings, &reading)) {
        assert_true(count++ != 0 || span_eq(reading, path.match));
        is_found |= span_eq_cstr(reading, wanted);
    }
    assert_true(count >= 1 && count <= PATH_READINGS_MAX);
    path_readings_end(&readings);
    return is_found;
}

static void test_readings(void **state)
{
    static const struct {
        const char *raw;
        const char *reading;
        bool is_one;
    } cases[] = {
        {"/admin%2Fx", "/admin%2Fx", true},
        {"/admin%2Fx", "/admin/x", true},
        {"/%2Fadmin/x", "/admin/x", true},
        {"/a%5cb%2fc", "/a/b%2Fc", true},
        {"/a%5cb%2fc", "/a/b/c", true},
        {"/admin;x/s", "/admin/s", true},
        {"/;a=b/admin/s", "/admin/s", true},
        {"/admin;x%2Fy", "/admin", true},
        {"/admin;x%2Fy", "/admin/y", true},
        {"/admin%3Bx/s", "/admin/s", true},
        {"/%2561dmin/s", "/admin/s", true},
        {"/%252561dmin/s", "/admin/s", true},
        {"/a%252Fb", "/a/b", true},
        {"/open/%252e%252e/admin", "/admin", true},
        {"/open/x%252F%252F%252e%252e/admin", "/open/admin", true},
        {"/open/x%252F%252F%252e%252e%252fadmin", "/open/x/admin", true},
        {"/%2561dmin/%25252e%25252e/y", "/admin/%252e%252e/y", true},
        {"/%2561dmin/%25252e%25252e/y", "/y", true},
        {"/;", "/", true},
        /* Parameters dropped again after each time of decoding. */
        {"/admin%3Bq%252f%252e%252e;x/s", "/admin/s", true},
        {"/x/%252e%252e%3B/%252561dmin/s", "/admin/s", true},
        /* Dot segments resolved before all is decoded. */
        {"/%2f%252e%25252fadmin%3Bq/s", "/admin/s", true},
        {"/a%2Fb", "/b", false},
    };
    struct path_readings readings;
    struct path path;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (has_reading(cases[i].raw, cases[i].reading) != cases[i].is_one) {
            fail_msg("%s: %s", cases[i].raw, cases[i].reading);
        }
    }
    assert_int_equal(path_normalise(SPAN_OF("/a%25252525252e"), &arena, &path), PATH_OK);
    assert_int_equal(path_readings_begin(&readings, &path), PATH_DOUBLE);
    path_readings_end(&readings);
    assert_int_equal(path_normalise(SPAN_OF("/a%2500"), &arena, &path), PATH_OK);
    assert_int_equal(path_readings_begin(&readings, &path), PATH_BAD_NUL);
    path_readings_end(&readings);
}

/* A long path with few readings is fine, one with many is not. */
static void test_readings_are_bounded(void **state)
{
    static const struct {
        const char *piece;
        enum path_error error;
    } cases[] = {{"/a%2Fb", PATH_OK},
                 {"/a;b=c%2Fd", PATH_OK},
                 {"/a%252Fb%5Cc%2Fd;/e%3B/f%253B/%255C/", PATH_READINGS}};
    struct path_readings readings;
    struct path path;
    char text[8000];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].piece);
        size_t count = sizeof(text) / len;
        for (size_t k = 0; k < count; k++) {
            memcpy(text + k * len, cases[i].piece, len);
        }
        assert_int_equal(path_normalise(span_make(text, count * len), &arena, &path), PATH_OK);
        assert_int_equal(path_readings_begin(&readings, &path), cases[i].error);
        path_readings_end(&readings);
    }
}

/* Each prefix of a path has an answer, and reads nothing behind its end. */
static void test_prefixes(void **state)
{
    static const char whole[] = "/a/%2e%2E/b%2fc//..%2f;%5c/./x%00";
    struct path path;

    (void)state;
    for (size_t len = 0; len < sizeof(whole); len++) {
        struct span raw = exact_copy(span_make(whole, len));
        enum path_error error = path_normalise(raw, &arena, &path);
        assert_true(error < PATH_ERROR_COUNT);
        free((void *)(uintptr_t)raw.ptr);
    }
}

static void test_every_error_has_its_words(void **state)
{
    (void)state;
    for (int i = 0; i < PATH_ERROR_COUNT; i++) {
        assert_true(strlen(path_error_word((enum path_error)i)) > 1);
        assert_true(strlen(path_error_text((enum path_error)i)) > 10);
    }
}

static void test_folded_patterns(void **state)
{
    (void)state;
    assert_span(path_fold_percent(SPAN_OF("/v1/"), &arena), "/v1/");
    assert_span(path_fold_percent(SPAN_OF("/%7euser%2f"), &arena), "/~user%2F");
    assert_span(path_fold_percent(SPAN_OF("/a%3ab%7c%3b"), &arena), "/a:b|%3B");
    assert_span(path_fold_percent(SPAN_OF("/100%"), &arena), "/100%");
    assert_span(path_fold_percent(SPAN_OF("/%4"), &arena), "/%4");
    assert_span(path_fold_percent(SPAN_OF("%zz%41"), &arena), "%zzA");
}

static void test_file_names(void **state)
{
    static const struct {
        const char *match;
        const char *relative; /* NULL: refused */
    } cases[] = {
        {"/", "."},
        {"/a", "a"},
        {"/a/b.txt", "a/b.txt"},
        {"/a/", "a/"},
        {"/a%20b%C3%A9", "a b\xc3\xa9"},
        {"/100%25", "100%"},
        {"/.well-known/acme-challenge/x", ".well-known/acme-challenge/x"},
        {"/.well-known", ".well-known"},
        {"/.git/config", NULL},
        {"/.htaccess", NULL},
        {"/a/.hidden", NULL},
        {"/a/.well-known/x", NULL},
        {"/.well-knownx", NULL},
        {"/.well-known/.x", NULL},
        {"/a/..", NULL},
        {"/../a", NULL},
        {"/a%2Fb", NULL},
        {"/a%0Ab", NULL},
        {"/a%7F", NULL},
        {"/a%00", NULL},
        {"*", NULL},
        {"", NULL},
    };
    const char *relative;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span match = exact_copy(span_from_cstr(cases[i].match));
        bool is_file = path_to_file(match, &arena, &relative);
        assert_int_equal(is_file, cases[i].relative != NULL);
        if (is_file) {
            assert_string_equal(relative, cases[i].relative);
        }
        free((void *)(uintptr_t)match.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_normal_paths_are_not_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_normalised, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_readings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_readings_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prefixes, set_up, tear_down),
        cmocka_unit_test(test_every_error_has_its_words),
        cmocka_unit_test_setup_teardown(test_folded_patterns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_names, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

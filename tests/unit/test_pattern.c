/* base/pattern: what is found, what is no expression, and that no text of a stranger makes a search
 * long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/pattern.h"

static const struct pattern *compile(struct arena *arena, const char *text, unsigned flags)
{
    struct error error;
    size_t offset;
    const struct pattern *pattern =
        pattern_compile(span_from_cstr(text), flags, arena, &error, &offset);

    if (pattern == NULL) {
        fail_msg("%s: %s at %zu", text, error.text, offset);
    }
    return pattern;
}

static enum pattern_result search(const char *text, unsigned flags, struct span subject)
{
    struct arena arena;
    enum pattern_result result;

    arena_init(&arena, 1024);
    result = pattern_search(compile(&arena, text, flags), subject, NULL);
    arena_destroy(&arena);
    return result;
}

static void expressions_find_what_they_say(void **state)
{
    static const struct {
        const char *text;
        unsigned flags;
        const char *subject;
        bool is_found;
    } cases[] = {
        {"\\.php$", 0, "/a/b.php", true},
        {"\\.php$", 0, "/a/b.phps", false},
        {"^/a", 0, "/b/a", false},
        {"a", 0, "bab", true},
        {"A", 0, "bab", false},
        {"A", PATTERN_CASELESS, "bab", true},
        {"a", PATTERN_WHOLE, "bab", false},
        {"a|bab", PATTERN_WHOLE, "bab", true},
        {"", 0, "", true},
        {"^$", 0, "", true},
        {"(?i)^/ADMIN", 0, "/admin", true},
        {"^/(?!public/)", 0, "/public/a", false},
        {"^/(?!public/)", 0, "/private/a", true},
        {"^(?<a>.)\\k<a>$", 0, "xx", true},
        {"^.$", 0, "\n", true},   /* each byte */
        {"^a$", 0, "a\n", false}, /* the very end alone */
        {"^.$", 0, "\xc3\xa4", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum pattern_result result =
            search(cases[i].text, cases[i].flags, span_from_cstr(cases[i].subject));
        if (result != (cases[i].is_found ? PATTERN_FOUND : PATTERN_NOT_FOUND)) {
            fail_msg("%s on %s: %d", cases[i].text, cases[i].subject, result);
        }
    }
    assert_int_equal(search("^$", 0, span_make(NULL, 0)), PATTERN_FOUND);
    assert_int_equal(search("^a\\x00b$", 0, span_make("a\0b", 3)), PATTERN_FOUND);
}

static void what_is_no_expression_says_where(void **state)
{
    static const struct {
        struct span text;
        size_t offset;
    } cases[] = {
        {SPAN("a(b"), 3},     {SPAN("a)b"), 1},  {SPAN("a[b"), 3},      {SPAN("*a"), 0},
        {SPAN("a\\"), 2},     {SPAN("a\0b"), 1}, {SPAN("(?<1>a)"), 3},  {SPAN("(*UTF)a"), 6},
        {SPAN("(*UCP)a"), 6}, {SPAN("\\C"), 2},  {SPAN("(?<=a*)b"), 0}, {SPAN("(a)(?2)"), 6},
    };
    struct arena arena;
    struct error error;
    size_t offset;
    char nested[2 * PATTERN_NESTING_MAX + 8];
    char captures[2 * PATTERN_CAPTURES_MAX + 8];
    char large[PATTERN_BYTES_MAX + 1];

    (void)state;
    arena_init(&arena, 1024);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        error.text[0] = '\0';
        assert_null(pattern_compile(cases[i].text, 0, &arena, &error, &offset));
        assert_true(error.text[0] != '\0');
        if (offset != cases[i].offset) {
            fail_msg("%s: %zu (%s)", cases[i].text.ptr, offset, error.text);
        }
    }
    memset(nested, '(', PATTERN_NESTING_MAX + 1);
    memset(nested + PATTERN_NESTING_MAX + 1, ')', PATTERN_NESTING_MAX + 1);
    assert_null(pattern_compile(span_make(nested, (size_t)2 * PATTERN_NESTING_MAX + 2), 0, &arena,
                                &error, &offset));
    for (size_t i = 0; i <= PATTERN_CAPTURES_MAX; i++) {
        memcpy(captures + 2 * i, "()", 2);
    }
    assert_null(pattern_compile(span_make(captures, (size_t)2 * PATTERN_CAPTURES_MAX + 2), 0,
                                &arena, &error, &offset));
    assert_non_null(pattern_compile(span_make(captures, (size_t)2 * PATTERN_CAPTURES_MAX), 0,
                                    &arena, &error, &offset));
    memset(large, 'a', sizeof(large));
    assert_null(pattern_compile(span_make(large, sizeof(large)), 0, &arena, &error, &offset));
    assert_null(pattern_compile(SPAN_OF("((a{1000}){1000}){1000}"), 0, &arena, &error, &offset));
    arena_destroy(&arena);
}

static void captures_are_parts_of_the_subject(void **state)
{
    struct arena arena;
    struct pattern_captures captures;
    struct span subject = SPAN("/users/17/posts");
    const struct pattern *pattern;

    (void)state;
    arena_init(&arena, 1024);
    pattern = compile(&arena, "^/users/(?<id>[0-9]+)(?:/(posts)|/(tags))$", 0);
    assert_int_equal(pattern_search(pattern, subject, &captures), PATTERN_FOUND);
    assert_true(span_eq(captures.items[0], subject));
    assert_true(span_eq(captures.items[1], SPAN_OF("17")));
    assert_ptr_equal(captures.items[1].ptr, subject.ptr + 7);
    assert_true(span_eq(captures.items[2], SPAN_OF("posts")));
    assert_null(captures.items[3].ptr);
    assert_null(captures.items[4].ptr);
    assert_int_equal(pattern_search(pattern, SPAN_OF("/x"), &captures), PATTERN_NOT_FOUND);
    for (size_t i = 0; i < ARRAY_LEN(captures.items); i++) {
        assert_null(captures.items[i].ptr);
    }
    assert_int_equal(pattern_search(compile(&arena, "a\\Kb", 0), SPAN_OF("abc"), &captures),
                     PATTERN_FOUND);
    assert_true(span_eq(captures.items[0], SPAN_OF("b")));
    assert_int_equal(pattern_capture_number(compile(&arena, "(?<id>a)(b)", 0), SPAN_OF("id")), 1);
    assert_int_equal(pattern_capture_number(compile(&arena, "(?<id>a)(b)", 0), SPAN_OF("2")), 2);
    assert_int_equal(pattern_capture_number(compile(&arena, "(?<id>a)(b)", 0), SPAN_OF("3")), 0);
    assert_int_equal(pattern_capture_number(compile(&arena, "(?<id>a)(b)", 0), SPAN_OF("x")), 0);
    arena_destroy(&arena);
}

static uint64_t cpu_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Each would take seconds, or for ever, on one of the texts. With sanitizers, as here, a search is
 * some twenty times slower than without. */
static void no_text_makes_a_search_long(void **state)
{
    static const char *const patterns[] = {
        "^(a+)+$",
        "(a*)*b",
        "[^/]*/x",
        "(.*)\\1b",
        "(a|aa)+$",
        "a.*a.*a.*b",
        "(?:a?){30}a{30}b",
        "(x+x+)+y",
        "(?=(a+))*b",
        "^(?:(?:a|b)*)*c",
        "\\b(a+)\\b.*\\1x",
        "(.*?,){11}P",
        "(a(?:b|a)*?)*c",
        "^(?:(?1))?(a*?)*?z",
        "(?<=a)(a+)+(?!a|!)",
        "(?:(?:(?:a*)*)*)*!x",
        "(a+)+x?(*COMMIT)y",
        "a*?a*?a*?a*?a*?a*?a*?a*?z",
        "(?i)(A|a|[Aa])+Z",
    };
    static char text[PATTERN_SUBJECT_MAX];
    size_t exceeded = 0;

    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        for (size_t len = 16; len <= sizeof(text); len *= 4) {
            static const char *const ends[] = {"!", "b", "x", "/", "y!", "a"};
            for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
                uint64_t before = cpu_ms();
                size_t tail = strlen(ends[k]);
                memset(text, i % 8 == 7 ? 'x' : 'a', len);
                memcpy(text + len - tail, ends[k], tail);
                exceeded += search(patterns[i], 0, span_make(text, len)) == PATTERN_EXCEEDED;
                if (cpu_ms() - before > 500) {
                    fail_msg("%s took %llu ms", patterns[i],
                             (unsigned long long)(cpu_ms() - before));
                }
            }
        }
    }
    assert_true(exceeded > ARRAY_LEN(patterns));
}

static void what_is_too_long_is_not_searched(void **state)
{
    static char text[PATTERN_SUBJECT_MAX + 1];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(search("a", 0, span_make(text, sizeof(text) - 1)), PATTERN_FOUND);
    assert_int_equal(search("a", 0, span_make(text, sizeof(text))), PATTERN_EXCEEDED);
}

static void *search_often(void *shared)
{
    const struct pattern *pattern = shared;
    struct pattern_captures captures;
    char text[32];

    for (int i = 0; i < 2000; i++) {
        int len = snprintf(text, sizeof(text), "/u/%d/x", i);
        if (pattern_search(pattern, span_make(text, (size_t)len), &captures) != PATTERN_FOUND ||
            captures.items[1].ptr != text + 3 || captures.items[1].len != (size_t)len - 5) {
            return NULL;
        }
    }
    return shared;
}

static void threads_share_a_pattern(void **state)
{
    struct arena arena;
    pthread_t threads[4];
    const struct pattern *pattern;

    (void)state;
    arena_init(&arena, 1024);
    pattern = compile(&arena, "^/u/([0-9]+)/x$", 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, search_often, (void *)pattern), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, pattern);
    }
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_find_what_they_say),
        cmocka_unit_test(what_is_no_expression_says_where),
        cmocka_unit_test(captures_are_parts_of_the_subject),
        cmocka_unit_test(no_text_makes_a_search_long),
        cmocka_unit_test(what_is_too_long_is_not_searched),
        cmocka_unit_test(threads_share_a_pattern),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

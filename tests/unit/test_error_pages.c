#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "edge/error_pages.h"
#include "edge/template.h"

static void test_a_statuss_own_page_comes_before_its_classs(void **state)
{
    bool has[ERROR_PAGES] = {false};

    (void)state;
    assert_int_equal(error_page_of(404, has), -1);
    for (size_t i = 0; i < ERROR_PAGES; i++) {
        has[i] = strcmp(error_page_status(i), "404") == 0 ||
                 strcmp(error_page_status(i), "4xx") == 0 ||
                 strcmp(error_page_status(i), "5xx") == 0;
    }
    assert_string_equal(error_page_status((size_t)error_page_of(404, has)), "404");
    assert_string_equal(error_page_status((size_t)error_page_of(403, has)), "4xx");
    assert_string_equal(error_page_status((size_t)error_page_of(418, has)), "4xx");
    assert_string_equal(error_page_status((size_t)error_page_of(599, has)), "5xx");
    assert_int_equal(error_page_of(200, has), -1);
    assert_int_equal(error_page_of(304, has), -1);
}

static void test_what_is_for_programs_stays(void **state)
{
    static const struct {
        const char *type;
        bool may;
    } cases[] = {
        {NULL, true},           {"text/html", true},         {"TEXT/HTML ; charset=utf-8", true},
        {"text/plain", true},   {"application/json", false}, {"application/problem+json", false},
        {"text/html+x", false}, {"application/grpc", false}, {"", true},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_response response = {.status = 404};
        if (cases[i].type != NULL) {
            http_fields_add(&response.fields, &arena, FIELD_CONTENT_TYPE, SPAN_OF("Content-Type"),
                            span_from_cstr(cases[i].type));
        }
        assert_int_equal(error_page_may_replace(&response), cases[i].may);
    }
    arena_destroy(&arena);
}

static struct span value_of(void *owner, const struct template_part *part)
{
    (void)owner;
    return part->variable == VARIABLE_STATUS ? SPAN_OF("404") : SPAN_OF("<&\"'>");
}

static void test_pages_have_variables_and_keep_other_braces(void **state)
{
    static const struct {
        const char *page, *text;
    } cases[] = {
        {"", ""},
        {"a { color: red } {status} {", "a { color: red } 404 {"},
        {"{status}", "404"},
        {"{{status}}", "{404}"},
        {"{}{ status }{nothing}{status}}", "{}{ status }{nothing}404}"},
        {"<{request.X}>", "<&lt;&amp;&quot;&#39;&gt;>"},
        {"@media{a{b:{path}}}", "@media{a{b:&lt;&amp;&quot;&#39;&gt;}}"},
    };
    const struct template_values values = {value_of, NULL};
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct template template;
        struct span text;
        template_parse_page(span_from_cstr(cases[i].page), &arena, &template);
        text = template_expand(&template, &values, TEMPLATE_HTML, &arena);
        if (!span_eq_cstr(text, cases[i].text)) {
            fail_msg("%s became %.*s", cases[i].page, SPAN_ARG(text));
        }
    }
    arena_destroy(&arena);
}

static void test_a_page_of_more_variables_than_are_counted_keeps_the_rest(void **state)
{
    static char page[9 * 1000 + 1];
    const struct template_values values = {value_of, NULL};
    struct template template;
    struct span text;
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < 1000; i++) {
        memcpy(page + 9 * i, "-{status}", 9);
    }
    template_parse_page(span_from_cstr(page), &arena, &template);
    assert_true(template.count <= TEMPLATE_PARTS_MAX);
    text = template_expand(&template, &values, TEMPLATE_HTML, &arena);
    assert_true(span_starts_with(text, SPAN_OF("-404-404-404")));
    assert_true(span_eq(span_skip(text, text.len - 18), SPAN_OF("-{status}-{status}")));
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_statuss_own_page_comes_before_its_classs),
        cmocka_unit_test(test_what_is_for_programs_stays),
        cmocka_unit_test(test_pages_have_variables_and_keep_other_braces),
        cmocka_unit_test(test_a_page_of_more_variables_than_are_counted_keeps_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "edge/cors.h"

static struct arena arena;
static struct http_request request;
static struct http_fields answer;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    request = (struct http_request){.method = HTTP_OPTIONS};
    answer = (struct http_fields){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static void ask(const char *name, const char *value)
{
    http_fields_add(&request.fields, &arena, http_field_id(span_from_cstr(name)),
                    span_from_cstr(name), span_from_cstr(value));
}

static void assert_answer(const char *name, const char *want)
{
    struct span got = {NULL, 0};

    for (size_t i = 0; i < answer.count; i++) {
        if (span_ieq(answer.items[i].name, span_from_cstr(name)) && !answer.items[i].is_not_sent) {
            assert_null(got.ptr); /* one of each */
            got = answer.items[i].value;
        }
    }
    if (want == NULL ? got.ptr != NULL : !span_eq_cstr(got, want)) {
        fail_msg("%s: got \"%.*s\"", name, SPAN_ARG(got));
    }
}

static void test_origins(void **state)
{
    static const struct {
        const char *pattern, *origin;
        bool fits;
    } cases[] = {
        {"https://a.example", "https://a.example", true},
        {"https://a.example", "HTTPS://A.example", true},
        {"https://a.example", "http://a.example", false},
        {"https://a.example", "https://a.example:444", false},
        {"https://a.example", "https://a.example.evil.test", false},
        {"https://a.example:8443", "https://a.example:8443", true},
        {"https://*.a.example", "https://x.a.example", true},
        {"https://*.a.example", "https://x.y.a.example", true},
        {"https://*.a.example", "https://a.example", false},
        {"https://*.a.example", "https://.a.example", false},
        {"https://*.a.example", "https://evil.test/.a.example", false},
        {"https://*.a.example", "https://evil.test:1@x.a.example", false},
        {"https://*.a.example", "https://xa.example", false},
        {"https://*.a.example", "https://x.a.example:444", false},
        {"https://*.a.example", "null", false},
        {"https://*.a.example", "", false},
        {"*", "null", true},
        {"*", "https://whoever.test", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *patterns[] = {"https://other.test", cases[i].pattern};
        struct cors_settings cors = {.origins = {patterns, 2}};
        if (cors_allows(&cors, span_from_cstr(cases[i].origin)) != cases[i].fits) {
            fail_msg("%s and %s", cases[i].pattern, cases[i].origin);
        }
    }
}

static const char *origins[] = {"https://a.example"};
static const char *methods[] = {"PUT", "DELETE"};
static const char *names[] = {"X-A", "Authorization"};
static const struct cors_settings strict = {.origins = {origins, 1},
                                            .methods = {methods, 2},
                                            .fields = {names, 2},
                                            .expose = {names, 1},
                                            .credentials = true,
                                            .max_age_ms = 600000};

static void test_preflights(void **state)
{
    struct span method;

    (void)state;
    assert_false(cors_is_preflight(&request, &method));
    ask("Origin", "https://a.example");
    assert_false(cors_is_preflight(&request, &method));
    ask("Access-Control-Request-Method", "PUT");
    assert_true(cors_is_preflight(&request, &method));
    assert_true(span_eq_cstr(method, "PUT"));
    request.method = HTTP_GET;
    assert_false(cors_is_preflight(&request, &method));

    cors_answer_preflight(&strict, &request, &arena, &answer);
    assert_answer("Access-Control-Allow-Origin", "https://a.example");
    assert_answer("Access-Control-Allow-Credentials", "true");
    assert_answer("Access-Control-Allow-Methods", "PUT, DELETE");
    assert_answer("Access-Control-Allow-Headers", "X-A, Authorization");
    assert_answer("Access-Control-Max-Age", "600");
    assert_answer("Vary", "Origin");
}

static void test_an_origin_that_may_not_is_told_nothing(void **state)
{
    (void)state;
    ask("Origin", "https://evil.test");
    ask("Access-Control-Request-Method", "PUT");
    cors_answer_preflight(&strict, &request, &arena, &answer);
    assert_int_equal(answer.count, 1);
    assert_answer("Vary", "Origin");
    answer = (struct http_fields){0};
    cors_add(&strict, &request, &arena, &answer);
    assert_int_equal(answer.count, 1);
    assert_answer("Vary", "Origin");
}

static void test_what_a_server_says_is_replaced(void **state)
{
    (void)state;
    ask("Origin", "https://a.example");
    http_fields_add(&answer, &arena, FIELD_OTHER, SPAN_OF("access-control-allow-origin"),
                    SPAN_OF("*"));
    http_fields_add(&answer, &arena, FIELD_OTHER, SPAN_OF("Access-Control-Allow-Private-Network"),
                    SPAN_OF("true"));
    cors_add(&strict, &request, &arena, &answer);
    assert_answer("Access-Control-Allow-Origin", "https://a.example");
    assert_answer("Access-Control-Allow-Private-Network", NULL);
    assert_answer("Access-Control-Expose-Headers", "X-A");
    assert_answer("Access-Control-Allow-Credentials", "true");
}

static void test_all_origins(void **state)
{
    static const char *all[] = {"*"};
    struct cors_settings cors = {.origins = {all, 1}, .fields = {all, 1}};

    (void)state;
    ask("Origin", "https://whoever.test");
    ask("Access-Control-Request-Method", "PUT");
    ask("Access-Control-Request-Headers", "x-a,x-b");
    cors_answer_preflight(&cors, &request, &arena, &answer);
    assert_answer("Access-Control-Allow-Origin", "*");
    assert_answer("Access-Control-Allow-Credentials", NULL);
    assert_answer("Access-Control-Allow-Headers", "x-a,x-b");
    assert_answer("Vary", "Access-Control-Request-Headers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_origins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_preflights, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_origin_that_may_not_is_told_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_a_server_says_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_origins, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

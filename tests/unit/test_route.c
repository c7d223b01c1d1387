#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "edge/route.h"

static const char *const read_only[] = {"GET"};
static const char *const writes[] = {"POST", "PUT", "CONNECT"};
static const char *const trace[] = {"TRACE", "GET"};

static struct arena arena;
static struct route_match routes[8];

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1024);
    route_match_init(&routes[0], "/exact", NULL, 0, &arena);
    route_match_init(&routes[1], "/v1/*", read_only, 1, &arena);
    route_match_init(&routes[2], "/v1/w/*", writes, 3, &arena);
    route_match_init(&routes[3], "/%7euser", NULL, 0, &arena);
    route_match_init(&routes[4], "/trace*", trace, 2, &arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static int find(size_t count, const char *path, const char *method)
{
    struct route_table table = {routes, count};

    struct match_facts facts = {
        .path = span_from_cstr(path), .method = span_from_cstr(method), .steps = MATCH_STEPS_MAX};

    return route_table_find(&table, &facts, NULL);
}

static void test_first_match_in_order(void **state)
{
    static const struct {
        const char *path;
        const char *method;
        int want;
    } cases[] = {
        {"/exact", "GET", 0},
        {"/exact", "BREW", 0},
        {"/exact/", "GET", ROUTE_NONE},
        {"/Exact", "GET", ROUTE_NONE},
        {"/exac", "GET", ROUTE_NONE},
        {"/v1/", "GET", 1},
        {"/v1/x/y", "GET", 1},
        {"/v1", "GET", ROUTE_NONE}, /* the prefix is as written */
        {"/v1/x", "HEAD", 1},       /* where GET may, HEAD may (RFC 9110 section 9.3.2) */
        {"/v1/x", "get", ROUTE_METHOD_NOT_ALLOWED},
        {"/v1/x", "POST", ROUTE_METHOD_NOT_ALLOWED},
        {"/v1/w/x", "POST", 2}, /* a later route takes what an earlier one does not */
        {"/v1/w/x", "GET", 1},
        {"/v1/w/x", "DELETE", ROUTE_METHOD_NOT_ALLOWED},
        {"/~user", "GET", 3},
        {"/trace", "TRACE", 4},
        {"/trace/x", "GET", 4},
        {"/exact", "TRACE", ROUTE_METHOD_NOT_ALLOWED},
        {"/v1/w/x", "CONNECT", ROUTE_METHOD_NOT_ALLOWED},
        {"/exact", "CONNECT", ROUTE_METHOD_NOT_ALLOWED},
        {"*", "OPTIONS", ROUTE_NONE},
        {"", "GET", ROUTE_NONE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int got = find(5, cases[i].path, cases[i].method);
        if (got != cases[i].want) {
            fail_msg("%s %s: %d, want %d", cases[i].method, cases[i].path, got, cases[i].want);
        }
    }
    assert_int_equal(find(0, "/", "GET"), ROUTE_NONE);
}

static void test_catch_all(void **state)
{
    (void)state;
    route_match_init(&routes[5], "/*", NULL, 0, &arena);
    assert_int_equal(find(6, "/v1/x", "POST"), 5);
    assert_int_equal(find(6, "/", "GET"), 5);
    assert_int_equal(find(6, "*", "OPTIONS"), 5);
    assert_int_equal(find(6, "/x", "TRACE"), ROUTE_METHOD_NOT_ALLOWED);
    route_match_init(&routes[5], "*", NULL, 0, &arena);
    assert_int_equal(find(6, "*", "OPTIONS"), 5);
    assert_int_equal(find(6, "/x", "GET"), 5);
}

static void test_regex_besides_the_path(void **state)
{
    struct error error;
    size_t offset;

    (void)state;
    route_match_init(&routes[5], "/u/*", NULL, 0, &arena);
    routes[5].regex = pattern_compile(SPAN_OF("^/u/[0-9]+$"), 0, &arena, &error, &offset);
    assert_int_equal(find(6, "/u/17", "GET"), 5);
    assert_int_equal(find(6, "/u/x17", "GET"), ROUTE_NONE);
    assert_int_equal(find(6, "/v/u/17", "GET"), ROUTE_NONE);
    route_match_init(&routes[6], "/u/1*", NULL, 0, &arena);
    assert_true(route_match_covers(&routes[6], &routes[6]));
    assert_false(route_match_covers(&routes[5], &routes[6])); /* not all of it */
    routes[6].regex = routes[5].regex;
    assert_true(route_match_covers(&routes[5], &routes[6]));
    assert_false(route_match_is_all(&routes[5]));
}

static void assert_allow(const char *path, const char *want)
{
    struct route_table table = {routes, 5};
    struct span got = route_table_allow(&table, span_from_cstr(path), &arena);

    if (!span_eq_cstr(got, want)) {
        fail_msg("%s: Allow: %.*s, want %s", path, SPAN_ARG(got), want);
    }
}

static void test_allow_names_each_method_once(void **state)
{
    (void)state;
    assert_allow("/v1/x", "GET, HEAD");
    assert_allow("/v1/w/x", "GET, HEAD, POST, PUT");
    assert_allow("/exact", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
    assert_allow("/trace", "TRACE, GET, HEAD");
    assert_allow("/none", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_regex_besides_the_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_first_match_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_catch_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_allow_names_each_method_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

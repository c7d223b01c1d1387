#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "edge/conditional.h"

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define THEN "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"
#define THEN_SECONDS 784111777

enum {
    OK = CONDITIONAL_PROCEED,
    NM = CONDITIONAL_NOT_MODIFIED,
    PF = CONDITIONAL_PRECONDITION_FAILED
};

struct given {
    enum http_field_id id;
    const char *value;
};

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static struct http_request request_with(enum http_method method, const struct given *given,
                                        size_t count)
{
    struct http_request request = {.method = method};

    for (size_t i = 0; i < count && given[i].value != NULL; i++) {
        size_t len = strlen(given[i].value);
        char *copy = xmalloc(len != 0 ? len : 1); /* of exact size, for ASan */
        memcpy(copy, given[i].value, len);
        arena_on_reset(&arena, free, copy);
        http_fields_add(&request.fields, &arena, given[i].id, http_field_name(given[i].id),
                        span_make(copy, len));
    }
    return request;
}

static void test_evaluated_in_the_order_of_the_rfc(void **state)
{
    static const struct {
        struct given given[3];
        int get;  /* GET and HEAD */
        int post; /* others */
    } cases[] = {
        {{{0, NULL}}, OK, OK},
        /* If-Match, RFC 9110 section 13.1.1: strong. */
        {{{FIELD_IF_MATCH, "*"}}, OK, OK},
        {{{FIELD_IF_MATCH, "\"v1\""}}, OK, OK},
        {{{FIELD_IF_MATCH, "\"v0\", \"v1\""}}, OK, OK},
        {{{FIELD_IF_MATCH, "\"v0,\"v1\""}}, PF, PF},
        {{{FIELD_IF_MATCH, "\"v0\""}}, PF, PF},
        {{{FIELD_IF_MATCH, "W/\"v1\""}}, PF, PF},
        {{{FIELD_IF_MATCH, "v1"}}, PF, PF},
        {{{FIELD_IF_MATCH, ""}}, PF, PF},
        {{{FIELD_IF_MATCH, "\"v0\""}, {FIELD_IF_MATCH, "\"v1\""}}, OK, OK},
        /* If-Unmodified-Since, 13.1.4: not looked at beside If-Match. */
        {{{FIELD_IF_UNMODIFIED_SINCE, THEN}}, OK, OK},
        {{{FIELD_IF_UNMODIFIED_SINCE, AFTER}}, OK, OK},
        {{{FIELD_IF_UNMODIFIED_SINCE, BEFORE}}, PF, PF},
        {{{FIELD_IF_UNMODIFIED_SINCE, "yesterday"}}, OK, OK},
        {{{FIELD_IF_MATCH, "\"v1\""}, {FIELD_IF_UNMODIFIED_SINCE, BEFORE}}, OK, OK},
        /* If-None-Match, 13.1.2: weak. */
        {{{FIELD_IF_NONE_MATCH, "*"}}, NM, PF},
        {{{FIELD_IF_NONE_MATCH, "\"v1\""}}, NM, PF},
        {{{FIELD_IF_NONE_MATCH, "W/\"v1\""}}, NM, PF},
        {{{FIELD_IF_NONE_MATCH, " ,, \"a,b\" ,\"v1\""}}, NM, PF},
        {{{FIELD_IF_NONE_MATCH, "\"v1"}}, OK, OK},
        {{{FIELD_IF_NONE_MATCH, "W/"}}, OK, OK},
        {{{FIELD_IF_NONE_MATCH, "w/\"v1\""}}, OK, OK},
        {{{FIELD_IF_NONE_MATCH, "\"v2\""}}, OK, OK},
        {{{FIELD_IF_NONE_MATCH, "\"v2\""}, {FIELD_IF_NONE_MATCH, "\"v1\""}}, NM, PF},
        /* If-Modified-Since, 13.1.3: GET and HEAD only, not beside If-None-Match. */
        {{{FIELD_IF_MODIFIED_SINCE, THEN}}, NM, OK},
        {{{FIELD_IF_MODIFIED_SINCE, AFTER}}, NM, OK},
        {{{FIELD_IF_MODIFIED_SINCE, BEFORE}}, OK, OK},
        {{{FIELD_IF_MODIFIED_SINCE, "0"}}, OK, OK},
        {{{FIELD_IF_MODIFIED_SINCE, THEN}, {FIELD_IF_MODIFIED_SINCE, THEN}}, OK, OK},
        {{{FIELD_IF_NONE_MATCH, "\"v2\""}, {FIELD_IF_MODIFIED_SINCE, AFTER}}, OK, OK},
        /* Both kinds: the first that fails decides. */
        {{{FIELD_IF_MATCH, "\"v0\""}, {FIELD_IF_NONE_MATCH, "\"v1\""}}, PF, PF},
        {{{FIELD_IF_MATCH, "\"v1\""}, {FIELD_IF_NONE_MATCH, "\"v1\""}}, NM, PF},
    };
    const struct validators current = {SPAN("\"v1\""), THEN_SECONDS, true};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request get = request_with(HTTP_GET, cases[i].given, 3);
        struct http_request head = request_with(HTTP_HEAD, cases[i].given, 3);
        struct http_request post = request_with(HTTP_POST, cases[i].given, 3);
        if ((int)conditional_evaluate(&get, &current) != cases[i].get ||
            (int)conditional_evaluate(&head, &current) != cases[i].get ||
            (int)conditional_evaluate(&post, &current) != cases[i].post) {
            fail_msg("case %zu: %s", i, cases[i].given[0].value);
        }
    }
}

static void test_without_validators(void **state)
{
    const struct validators none = {0};
    const struct given star[] = {{FIELD_IF_NONE_MATCH, "*"}};
    const struct given tag[] = {{FIELD_IF_MATCH, "\"\""}};
    const struct given date[] = {{FIELD_IF_MODIFIED_SINCE, AFTER},
                                 {FIELD_IF_UNMODIFIED_SINCE, BEFORE}};
    struct http_request request;

    (void)state;
    request = request_with(HTTP_GET, star, 1);
    assert_int_equal(conditional_evaluate(&request, &none), NM);
    request = request_with(HTTP_GET, tag, 1);
    assert_int_equal(conditional_evaluate(&request, &none), PF);
    request = request_with(HTTP_GET, date, 2);
    assert_int_equal(conditional_evaluate(&request, &none), OK);
}

static void test_if_range_wants_exactly_this_version(void **state)
{
    static const struct {
        const char *value;
        bool applies;
    } cases[] = {
        {NULL, true},       {"\"v1\"", true}, {"\"v2\"", false},  {"W/\"v1\"", false},
        {"\"v1\"x", false}, {"*", false},     {THEN, true},       {AFTER, false},
        {BEFORE, false},    {"", false},      {"\"v1\",", false},
    };
    const struct validators strong = {SPAN("\"v1\""), THEN_SECONDS, true};
    const struct validators weak = {SPAN("W/\"v1\""), THEN_SECONDS, false};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct given given = {FIELD_IF_RANGE, cases[i].value};
        struct http_request request = request_with(HTTP_GET, &given, 1);
        assert_int_equal(conditional_range_applies(&request, &strong), cases[i].applies);
        assert_int_equal(conditional_range_applies(&request, &weak), cases[i].value == NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_evaluated_in_the_order_of_the_rfc, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_validators, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_if_range_wants_exactly_this_version, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

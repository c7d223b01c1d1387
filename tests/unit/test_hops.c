#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "edge/hops.h"
#include "http/secret_field.h"

static struct arena arena;
static struct http_request request;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    request = (struct http_request){.method = HTTP_OPTIONS};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static void add(enum http_field_id id, const char *value)
{
    http_fields_add(&request.fields, &arena, id, http_field_name(id), span_from_cstr(value));
}

static bool has_mark(const char *value)
{
    request.fields = (struct http_fields){0};
    add(FIELD_VIA, "1.1 tidegate-12ab-3");
    add(FIELD_CDN_LOOP, "other");
    add(FIELD_CDN_LOOP, value);
    return hops_has_mark(&request.fields, SPAN_OF("tidegate-12ab-3"));
}

static void test_a_mark_is_known_in_any_list(void **state)
{
    (void)state;
    assert_false(hops_has_mark(&request.fields, SPAN_OF("tidegate-12ab-3")));
    assert_true(has_mark("tidegate-12ab-3"));
    assert_true(has_mark("TIDEGATE-12AB-3"));
    assert_true(has_mark("cdn.example:80, tidegate-12ab-3 ; x=\"y\",z"));
    assert_false(has_mark(""));
    assert_false(has_mark("tidegate-12ab-34"));
    assert_false(has_mark("tidegate-12ab"));
    assert_false(has_mark("a; tidegate-12ab-3"));
}

static enum hops_left left(enum http_method method, const char *value, unsigned *less_one)
{
    request.method = method;
    request.fields = (struct http_fields){0};
    add(FIELD_MAX_FORWARDS, value);
    return hops_left(&request, less_one);
}

static void test_max_forwards(void **state)
{
    unsigned less_one = 7;

    (void)state;
    assert_int_equal(hops_left(&request, &less_one), HOPS_ANY);
    assert_int_equal(left(HTTP_GET, "0", &less_one), HOPS_ANY);
    assert_int_equal(left(HTTP_GET, "x", &less_one), HOPS_ANY);
    assert_int_equal(left(HTTP_OPTIONS, "0", &less_one), HOPS_NONE);
    assert_int_equal(left(HTTP_TRACE, "000", &less_one), HOPS_NONE);
    assert_int_equal(less_one, 7);
    assert_int_equal(left(HTTP_OPTIONS, "1", &less_one), HOPS_SOME);
    assert_int_equal(less_one, 0);
    assert_int_equal(left(HTTP_TRACE, "10", &less_one), HOPS_SOME);
    assert_int_equal(less_one, 9);
    assert_int_equal(left(HTTP_OPTIONS, "99999999999999999999999999", &less_one), HOPS_SOME);
    assert_int_equal(less_one, HOPS_MAX);
    assert_int_equal(left(HTTP_OPTIONS, "", &less_one), HOPS_BAD);
    assert_int_equal(left(HTTP_OPTIONS, "-1", &less_one), HOPS_BAD);
    assert_int_equal(left(HTTP_OPTIONS, "1, 2", &less_one), HOPS_BAD);
    add(FIELD_MAX_FORWARDS, "1");
    assert_int_equal(hops_left(&request, &less_one), HOPS_BAD);
    assert_int_equal(left(HTTP_OPTIONS, "5", &less_one), HOPS_SOME);
    hops_set(&request.fields, SPAN_OF("4"));
    assert_true(span_eq_cstr(http_fields_find(&request.fields, FIELD_MAX_FORWARDS)->value, "4"));
}

static bool is_secret(const char *name)
{
    struct http_field field = {.name = span_from_cstr(name)};

    field.id = http_field_id(field.name);
    return http_field_is_secret(&field);
}

static void test_secrets_are_known_by_their_names(void **state)
{
    static const char *const secrets[] = {"Authorization",
                                          "Proxy-Authorization",
                                          "Cookie",
                                          "Set-Cookie",
                                          "Client-Cert",
                                          "X-Api-Key",
                                          "api-key",
                                          "X-Auth-Token",
                                          "Private-Token",
                                          "X-Vault-Token",
                                          "X-CSRF-Token",
                                          "X-Amz-Security-Token",
                                          "X-Registry-Auth",
                                          "Ocp-Apim-Subscription-Key",
                                          "X-Session-Id",
                                          "X-Hub-Signature-256",
                                          "DPoP",
                                          "X-Password",
                                          "X-Client-Secret",
                                          "Sec-WebSocket-Key",
                                          "X-Forwarded-Client-Cert",
                                          "x-goog-iap-jwt-assertion",
                                          "X-XSRF",
                                          "Authentication-Info"};
    static const char *const others[] = {
        "Accept",  "User-Agent",       "Content-Type",   "X-Forwarded-For", "Accept-Encoding",
        "Referer", "X-Requested-With", "sec-fetch-mode", "Cache-Control",   "If-None-Match"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        if (!is_secret(secrets[i])) {
            fail_msg("%s", secrets[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (is_secret(others[i])) {
            fail_msg("%s", others[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_mark_is_known_in_any_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_max_forwards, set_up, tear_down),
        cmocka_unit_test(test_secrets_are_known_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "edge/locations.h"

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

/* want NULL: it goes on as it came. */
static void assert_made(struct span got, const char *value, const char *want)
{
    if (want == NULL ? got.ptr != NULL : !span_eq_cstr(got, want)) {
        fail_msg("of \"%s\" came \"%.*s\", want \"%s\"", value, SPAN_ARG(got),
                 want != NULL ? want : "nothing else");
    }
}

struct location_case {
    const char *value;
    const char *want;
};

static void check(const struct locations_from *from, const struct location_case *cases,
                  size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_made(location_for_client(span_from_cstr(cases[i].value), from, &arena),
                    cases[i].value, cases[i].want);
    }
}

static void test_another_name_and_scheme(void **state)
{
    static const struct location_case cases[] = {
        {"http://app.internal:8080/a?b#c", "https://shop.example/a?b#c"},
        {"http://APP.internal:8080", "https://shop.example/"},
        {"HTTP://10.0.0.5/a", "https://shop.example/a"},
        {"http://10.0.0.5:80/a", "https://shop.example/a"},
        {"//10.0.0.5/a", "https://shop.example/a"},
        {"http://10.0.0.5?a", "https://shop.example?a"},
        {"https://10.0.0.5/a", NULL},
        {"http://10.0.0.5:81/a", NULL},
        {"http://10.0.0.50/a", NULL},
        {"http://10.0.0.5.evil.test/a", NULL},
        {"http://10.0.0.5@evil.test/a", NULL},
        {"https://shop.example/a", NULL},
        {"http://shop.example/a", NULL},
        {"/a", NULL},
        {"a", NULL},
        {"", NULL},
        {"//", NULL},
        {"http://", NULL},
    };
    struct client_view view = {.is_https = true, .host = SPAN("shop.example"), .port = 443};
    struct locations_from from = {
        .view = &view, .sent = SPAN("app.internal:8080"), .server = SPAN("10.0.0.5")};

    (void)state;
    check(&from, cases, ARRAY_LEN(cases));
}

static void test_the_same_name_by_another_scheme(void **state)
{
    static const struct location_case cases[] = {
        {"http://shop.example/a", "https://shop.example/a"},
        {"https://shop.example/a", NULL},
    };
    struct client_view view = {.is_https = true, .host = SPAN("shop.example"), .port = 443};
    struct locations_from from = {.view = &view, .sent = SPAN("shop.example")};

    (void)state;
    check(&from, cases, ARRAY_LEN(cases));
    view.is_https = false; /* a server that sends its clients to https means it */
    assert_made(location_for_client(SPAN_OF("https://shop.example/a"), &from, &arena), "", NULL);
    assert_made(location_for_client(SPAN_OF("http://shop.example/a"), &from, &arena), "", NULL);
}

static void test_paths(void **state)
{
    static const struct location_case stripped[] = {
        {"/a", "/api/a"},       {"/", "/api/"},
        {"/api", NULL},         {"/api/a", NULL},
        {"/apis", "/api/apis"}, {"a", NULL},
        {"?a", NULL},           {"http://shop.example/a", "http://shop.example/api/a"},
    };
    static const struct location_case both[] = {
        {"/v2/a", "/api/a"}, {"/v2", "/api/"}, {"/v2?a", "/api/?a"}, {"/v2s", NULL}, {"/a", NULL},
    };
    static const struct location_case added[] = {
        {"/v2/a", "/a"},
        {"/v2", "/"},
        {"/a", NULL},
    };
    struct rewrite_settings rewrite = {.strip_prefix = "/api/"};
    struct client_view view = {.host = SPAN("shop.example"), .port = 80};
    struct locations_from from = {.view = &view, .sent = SPAN("shop.example"), .rewrite = &rewrite};

    (void)state;
    check(&from, stripped, ARRAY_LEN(stripped));
    rewrite.prefix = "/v2";
    check(&from, both, ARRAY_LEN(both));
    rewrite.strip_prefix = NULL;
    check(&from, added, ARRAY_LEN(added));
}

static void test_cookies(void **state)
{
    static const struct {
        const char *value;
        bool has_moved;
        struct cookies_settings cookies;
        const char *want;
    } cases[] = {
        {"a=1; Domain=app.internal; Path=/x", true, {0}, "a=1; Path=/api/x"},
        {"a=1; Domain=app.internal; Path=/x", false, {0}, NULL},
        {"a=1; domain=.INTERNAL", true, {0}, "a=1"},
        {"a=1; Domain=nternal", true, {0}, NULL},
        {"a=1; Domain=shop.example", true, {0}, NULL},
        {"__Host-a=1; Path=/; Secure", true, {0}, NULL},
        {"a=1", true, {.secure = COOKIE_SECURE_ON}, "a=1; Secure"},
        {"a=1; SECURE", true, {.secure = COOKIE_SECURE_ON}, NULL},
        {"a=1", true, {.http_only = true}, "a=1; HttpOnly"},
        {"a=1; SameSite=None; x",
         true,
         {.same_site = COOKIE_SAME_SITE_LAX},
         "a=1; x; SameSite=Lax"},
        {"a=1", true, {.same_site = COOKIE_SAME_SITE_NONE}, NULL},
        {"a=1; Secure", true, {.same_site = COOKIE_SAME_SITE_NONE}, "a=1; Secure; SameSite=None"},
        {";;", true, {.http_only = true}, NULL},
        {"", true, {0}, NULL},
    };
    struct rewrite_settings rewrite = {.strip_prefix = "/api"};
    struct client_view view = {.is_https = true, .host = SPAN("shop.example"), .port = 443};
    struct locations_from from = {
        .view = &view, .sent = SPAN("app.internal:8080"), .rewrite = &rewrite};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_made(set_cookie_for_client(span_from_cstr(cases[i].value), &from, cases[i].has_moved,
                                          &cases[i].cookies, &arena),
                    cases[i].value, cases[i].want);
    }
}

static void test_refresh(void **state)
{
    static const struct location_case cases[] = {
        {"5; url=/a", "5; url=/api/a"},
        {"5;URL=\"/a\" ; x", "5;URL=\"/api/a\" ; x"},
        {"5; url='/a", "5; url='/api/a"},
        {"5", NULL},
        {"5; url=", NULL},
        {"url='", NULL},
        {"5; url=http://evil.test/", NULL},
    };
    struct rewrite_settings rewrite = {.strip_prefix = "/api"};
    struct client_view view = {.host = SPAN("shop.example"), .port = 80};
    struct locations_from from = {.view = &view, .sent = SPAN("shop.example"), .rewrite = &rewrite};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_made(refresh_for_client(span_from_cstr(cases[i].value), &from, &arena),
                    cases[i].value, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_another_name_and_scheme, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_name_by_another_scheme, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cookies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refresh, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

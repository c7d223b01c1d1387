/* Texts with variables, rewrites of paths, and rules about fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "edge/field_rules.h"
#include "edge/redact.h"
#include "edge/rewrite.h"

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

static void assert_span(struct span got, const char *expected)
{
    assert_string_equal(arena_cstr(&arena, got), expected);
}

/* ---- templates ---- */

static struct span value_of(void *owner, const struct template_part *part)
{
    struct span value;

    (void)owner;
    if (template_target_value(part, SPAN_OF("/a%2Fb/c"),
                              SPAN_OF("x=1&y=%20&x=2&next=https://evil/a%20"), &arena, &value)) {
        return value;
    }
    switch (part->variable) {
    case VARIABLE_HOST:
        return SPAN_OF("shop.example");
    case VARIABLE_REQUEST_FIELD:
        return span_eq_cstr(part->text, "User-Agent") ? SPAN_OF("a b/\r\n\"1\"")
                                                      : span_make(NULL, 0);
    case VARIABLE_COOKIE:
        return template_cookie(SPAN_OF("a=1; lang=de ;b=2"), part->text);
    default:
        return span_make(NULL, 0);
    }
}

static const struct template_values values = {value_of, NULL};

static void check(const char *text, enum template_use use, const char *expected)
{
    struct template template;
    struct error error;

    assert_true(template_parse(span_from_cstr(text), false, &arena, &template, &error));
    assert_span(template_expand(&template, &values, use, &arena), expected);
}

static void values_stand_where_the_braces_were(void **state)
{
    (void)state;
    check("", TEMPLATE_FIELD, "");
    check("plain", TEMPLATE_FIELD, "plain");
    check("{host}", TEMPLATE_FIELD, "shop.example");
    check("https://{host}{path}{?query}#top", TEMPLATE_URL,
          "https://shop.example/a%2Fb/c?x=1&y=%20&x=2&next=https://evil/a%20#top");
    check("{target}|{query}|{path.1}|{path.2}|{path.3}", TEMPLATE_FIELD,
          "/a%2Fb/c?x=1&y=%20&x=2&next=https://evil/a%20|x=1&y=%20&x=2&next=https://evil/"
          "a%20|a%2Fb|c|");
    check("{query.x}{query.y}{query.z}", TEMPLATE_FIELD, "1%20");
    check("{cookie.lang}-{cookie.b}-{cookie.c}", TEMPLATE_FIELD, "de-2-");
    check("{{host}}{{{host}}}", TEMPLATE_FIELD, "{host}{shop.example}");
    check("{request.Accept}", TEMPLATE_FIELD, "");
}

static void no_value_ends_what_it_is_put_into(void **state)
{
    (void)state;
    check("v={request.User-Agent}", TEMPLATE_FIELD, "v=a b/%0D%0A\"1\"");
    check("/?v={request.User-Agent}", TEMPLATE_URL, "/?v=a%20b%2F%0D%0A%221%22");
    check("{query.next}", TEMPLATE_URL, "https%3A%2F%2Fevil%2Fa%20");
    check("https://{query.next}/", TEMPLATE_URL, "https://https%3A%2F%2Fevil%2Fa%20/");
    check("{query.next}", TEMPLATE_FIELD, "https://evil/a%20");
}

static void refuse(const char *text, const char *why)
{
    struct template template;
    struct error error;

    assert_false(template_parse(span_from_cstr(text), false, &arena, &template, &error));
    if (strstr(error.text, why) == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
}

static void what_cannot_be_is_told(void **state)
{
    char text[TEMPLATE_BYTES_MAX + 2];

    (void)state;
    refuse("{hots}", "no variable {hots}");
    refuse("{}", "no variable {}");
    refuse("{path.0}", "no variable");
    refuse("{path.100}", "no variable");
    refuse("{path.x}", "no variable");
    refuse("{request.}", "no variable");
    refuse("{request.a b}", "no variable");
    refuse("{host", "no other one");
    refuse("host}", "no other one");
    refuse("{status}", "once there is a response");
    refuse("{response.Server}", "once there is a response");
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    refuse(text, "longer than");
    for (size_t i = 0; i < TEMPLATE_PARTS_MAX + 1; i++) {
        memcpy(text + 6 * i, "{host}", 7);
    }
    refuse(text, "more than");
}

/* ---- redirects ---- */

static void a_path_leads_to_no_other_host(void **state)
{
    struct template to;
    struct error error;

    (void)state;
    assert_true(template_parse(SPAN_OF("{path.1}"), false, &arena, &to, &error));
    assert_false(template_begins_with_path(&to));
    assert_true(template_parse(SPAN_OF("{path}"), false, &arena, &to, &error));
    assert_true(template_begins_with_path(&to));
}

static struct span doubled(void *owner, const struct template_part *part)
{
    (void)owner;
    (void)part;
    return SPAN_OF("///evil.example/x");
}

static void slashes_at_the_beginning_are_one(void **state)
{
    const struct template_values slashes = {doubled, NULL};
    struct template to;
    struct error error;

    (void)state;
    assert_true(template_parse(SPAN_OF("{path}"), false, &arena, &to, &error));
    assert_span(redirect_location(&to, &slashes, TEMPLATE_URL, &arena), "/evil.example/x");
    assert_true(template_parse(SPAN_OF("https://a{path}"), false, &arena, &to, &error));
    assert_span(redirect_location(&to, &slashes, TEMPLATE_URL, &arena),
                "https://a///evil.example/x");
}

/* ---- rewrites ---- */

static void rewrite(const char *strip, const char *prefix, const char *raw, const char *match,
                    const char *forward)
{
    struct rewrite_settings settings = {.strip_prefix = strip, .prefix = prefix};
    struct path path;

    assert_int_equal(path_normalise(span_from_cstr(raw), &arena, &path), PATH_OK);
    assert_true(rewrite_path(rewrite_make(&settings, &arena), NULL, &path, &arena));
    assert_span(path.match, match);
    assert_span(path.forward, forward);
}

static struct span no_value(void *owner, const struct template_part *part)
{
    (void)owner;
    (void)part;
    return SPAN_OF("a/../?b");
}

/* want NULL: it is refused. */
static void replace(const char *regex, const char *with, const char *raw, const char *want)
{
    struct rewrite_replace_settings both = {.regex = regex, .with = with};
    struct rewrite_settings settings = {.replace = &both};
    const struct template_values others = {no_value, NULL};
    struct path path;
    bool is_good;

    assert_int_equal(path_normalise(span_from_cstr(raw), &arena, &path), PATH_OK);
    is_good = rewrite_path(rewrite_make(&settings, &arena), &others, &path, &arena);
    if (is_good != (want != NULL)) {
        fail_msg("%s with %s in %s: %d", regex, with, raw, is_good);
    }
    if (want != NULL) {
        assert_span(path.forward, want);
    }
}

static void expressions_are_replaced(void **state)
{
    (void)state;
    replace("^/users/([0-9]+)$", "/u/{match.1}", "/users/17", "/u/17");
    replace("^/users/(?<id>[0-9]+)", "/u/{match.id}", "/users/17/x", "/u/17/x");
    replace("/users/", "/u/", "/a/users/b/users/c", "/a/u/b/users/c");
    replace("^/x", "/y", "/a%22b", "/a%22b"); /* not found: byte for byte */
    replace("b$", "c", "/a%22b", "/a%22c");
    replace("^/(.*)$", "/p/{match.1}", "/a/../b%3Fc", "/p/b%3Fc");
    replace("^/(.*)$", "/p/{match.1}", "/a%23b%25", "/p/a%23b%25");
    replace("^/(x)?.*$", "/p{match.1}", "/a", "/p");
}

static void what_is_no_path_is_refused(void **state)
{
    static char text[8000];

    (void)state;
    replace("^/", "", "/a", NULL);
    replace("^/(.*)$", "{match.1}", "/a", NULL);
    replace("^/a(.*)$", "/p/{match.1}/x", "/a..", NULL);
    replace("^/a(.*)$", "/.{match.1}/x", "/a.", NULL);
    replace("^/a$", "/{path}", "/a", NULL);
    replace("^/a$", "/x;y", "/a", NULL);
    replace("^/(a+)+$", "/b", "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", NULL);
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    text[sizeof(text) - 1] = '\0';
    replace("^/(.*)$", "/{match.1}{match.1}{match.1}", text, NULL);
    replace("^/(.*)$", "/b{match.1}", "*", "*");
}

static void prefixes_are_stripped_in_whole_segments(void **state)
{
    (void)state;
    rewrite("/api", NULL, "/api/v1", "/v1", "/v1");
    rewrite("/api/", NULL, "/api/v1", "/v1", "/v1");
    rewrite("/api", NULL, "/api", "/", "/");
    rewrite("/api", NULL, "/api/", "/", "/");
    rewrite("/api", NULL, "/apis", "/apis", "/apis");
    rewrite("/api", NULL, "/other", "/other", "/other");
    rewrite("/", NULL, "/a", "/a", "/a");
    rewrite("/api", NULL, "*", "*", "*");
}

static void whatever_spelling_they_come_in(void **state)
{
    (void)state;
    rewrite("/api", NULL, "/%61pi/v%31/%2f", "/v1/%2F", "/v%31/%2f");
    rewrite("/api", NULL, "//api///v1//x", "/v1/x", "///v1//x");
    rewrite("/a/b", NULL, "/a//%62/c", "/c", "/c");
    rewrite("/api", NULL, "/x/../api/./v1", "/v1", "/v1");
    rewrite("/%C3%A9", NULL, "/%c3%a9/x", "/x", "/x");
}

static void others_are_put_before(void **state)
{
    (void)state;
    rewrite(NULL, "/in", "/a%62", "/in/ab", "/in/a%62");
    rewrite(NULL, "/in/", "/a", "/in/a", "/in/a");
    rewrite("/api", "/v2", "/api", "/v2", "/v2");
    rewrite("/api", "/v2", "/api/x", "/v2/x", "/v2/x");
    rewrite("/api", "/v2", "/other", "/v2/other", "/v2/other");
    rewrite("/", "/in", "/", "/in/", "/in/");
}

/* ---- redacting ---- */

static void redact(const char *text, const char *expected)
{
    const char *items[] = {"token", "pass word"};
    const struct string_list names = {items, 2};

    assert_span(redact_url(&names, span_from_cstr(text), &arena), expected);
}

static void values_of_secrets_are_not_written(void **state)
{
    const struct string_list none = {NULL, 0};

    (void)state;
    redact("/a?token=1", "/a?token=(redacted)");
    redact("/a?x=1&TOKEN=1&y=2&token=", "/a?x=1&TOKEN=(redacted)&y=2&token=");
    redact("/a?x;%74oken=1&pass%20word=3", "/a?x;%74oken=(redacted)&pass%20word=(redacted)");
    /* To some servers a value goes on behind ';', to all behind '?'. */
    redact("/a?token=1;x=2?y&pass+word=2;", "/a?token=(redacted)&pass+word=(redacted)");
    redact("https://h/a?token==x=y&&", "https://h/a?token=(redacted)&&");
    redact("/token=1?tokens=1&atoken=2&token", "/token=1?tokens=1&atoken=2&token");
    redact("/a?b=c?token=1&x=2", "/a?b=c?token=(redacted)&x=2");
    redact("/a??token=1?y", "/a??token=(redacted)");
    redact("the head has \"a?token=1\"", "the head has \"a?token=(redacted)");
    redact("/a", "/a");
    redact("/a?", "/a?");
    redact("/a?%", "/a?%");
    assert_span(redact_url(&none, SPAN_OF("/a?token=1"), &arena), "/a?token=1");
}

/* ---- fields ---- */

static struct http_fields some_fields(void)
{
    struct http_fields fields = {0};

    http_fields_add(&fields, &arena, FIELD_OTHER, SPAN_OF("X-Tenant"), SPAN_OF("mallory"));
    http_fields_add(&fields, &arena, FIELD_OTHER, SPAN_OF("x_tenant"), SPAN_OF("mallory"));
    http_fields_add(&fields, &arena, FIELD_OTHER, SPAN_OF("X-Debug-A"), SPAN_OF("1"));
    http_fields_add(&fields, &arena, FIELD_SERVER, SPAN_OF("server"), SPAN_OF("nginx"));
    return fields;
}

static const char *written(const struct http_fields *fields)
{
    const char *text = "";

    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->items[i].is_not_sent) {
            text = arena_printf(&arena, "%s%.*s=%.*s;", text, SPAN_ARG(fields->items[i].name),
                                SPAN_ARG(fields->items[i].value));
        }
    }
    return text;
}

static void rules_run_in_their_order_the_sites_first(void **state)
{
    const char *removed[] = {"X-Debug-*", "Server"};
    struct header_setting set[] = {{"X-Tenant", "{path.1}"}, {"X-Empty", "{request.Accept}"}};
    struct header_setting add[] = {{"X-Seen", "edge"}};
    struct header_setting defaults[] = {{"X-Seen", "no"}, {"X-Host", "{host}"}};
    struct field_rules_settings of_site = {
        .remove = {removed, 2}, .set = set, .set_count = 2, .add = add, .add_count = 1};
    struct field_rules_settings of_route = {.defaults = defaults, .default_count = 2};
    struct site_settings site = {.request_fields = &of_site, .response_fields = &of_site};
    struct route_settings route = {.request_fields = &of_route};
    struct http_fields fields = some_fields();

    (void)state;
    field_rules_apply(field_rules_of_request(&site, &route, &arena), false, &values, &fields,
                      &arena);
    assert_string_equal(written(&fields), "X-Tenant=a%2Fb;X-Seen=edge;X-Host=shop.example;");
    fields = some_fields();
    field_rules_apply(field_rules_of_response(&site, NULL, &arena), false, &values, &fields,
                      &arena);
    assert_string_equal(written(&fields), "x_tenant=mallory;X-Tenant=a%2Fb;X-Seen=edge;");
}

static void trailers_lose_what_heads_lose(void **state)
{
    const char *removed[] = {"X-Debug-*"};
    struct header_setting set[] = {{"X-Tenant", "acme"}};
    struct field_rules_settings rules = {.remove = {removed, 1}, .set = set, .set_count = 1};
    struct site_settings site = {.request_fields = &rules};
    struct http_fields trailers = some_fields();

    (void)state;
    field_rules_apply_to_trailers(field_rules_of_request(&site, NULL, &arena), &trailers);
    assert_string_equal(written(&trailers), "server=nginx;");
}

static void nothing_said_costs_nothing(void **state)
{
    struct site_settings site = {.name = "shop"};
    struct route_settings route = {.name = "shop/1"};

    (void)state;
    assert_null(field_rules_of_request(&site, &route, &arena));
    assert_null(field_rules_of_response(&site, &route, &arena));
}

static void safety_over_https_alone(void **state)
{
    struct site_settings site = {.security_fields = SECURITY_FIELDS_BASIC};
    const struct field_rules *rules = field_rules_of_response(&site, NULL, &arena);
    struct http_fields fields = {0};

    (void)state;
    http_fields_add(&fields, &arena, FIELD_OTHER, SPAN_OF("x-frame-options"), SPAN_OF("DENY"));
    field_rules_apply(rules, false, &values, &fields, &arena);
    assert_null(strstr(written(&fields), "Strict-Transport-Security"));
    assert_null(strstr(written(&fields), "SAMEORIGIN"));
    assert_non_null(strstr(written(&fields), "X-Content-Type-Options=nosniff;"));
    field_rules_apply(rules, true, &values, &fields, &arena);
    assert_non_null(strstr(written(&fields), "Strict-Transport-Security=max-age=31536000;"));
}

static void what_the_connection_rests_on_is_not_touched(void **state)
{
    static const char *const kept[] = {"Host", "content-length", "Transfer_Encoding", "C*", "*"};
    const char *instead;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        assert_false(field_rules_may_name(span_from_cstr(kept[i]), true, &instead));
    }
    assert_true(field_rules_may_name(SPAN_OF("Cookie"), true, &instead));
    assert_true(field_rules_may_name(SPAN_OF("Host"), false, &instead));
    assert_false(field_rules_may_name(SPAN_OF("T*"), false, &instead));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_stand_where_the_braces_were, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_value_ends_what_it_is_put_into, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_leads_to_no_other_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slashes_at_the_beginning_are_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expressions_are_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_path_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(prefixes_are_stripped_in_whole_segments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whatever_spelling_they_come_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_are_put_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_of_secrets_are_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rules_run_in_their_order_the_sites_first, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(trailers_lose_what_heads_lose, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_said_costs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(safety_over_https_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_connection_rests_on_is_not_touched, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

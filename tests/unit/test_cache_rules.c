#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cache/cache_rules.h"
#include "http/date.h"

/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW ((time_t)784111777)

static struct arena arena;
static struct http_request request;
static struct http_response response;
static struct cache_settings settings;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    request = (struct http_request){.method = HTTP_GET, .version = HTTP_1_1};
    response =
        (struct http_response){.status = 200, .framing = HTTP_FRAMING_LENGTH, .content_length = 1};
    settings = (struct cache_settings){.mode = CACHE_ON};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static void add(struct http_fields *fields, const char *name, const char *value)
{
    struct span text = span_from_cstr(name);

    http_fields_add(fields, &arena, http_field_id(text), text, span_from_cstr(value));
}

static void asks(const char *name, const char *value)
{
    add(&request.fields, name, value);
}

static void says(const char *name, const char *value)
{
    add(&response.fields, name, value);
}

static const char *date(time_t when)
{
    char *text = arena_alloc(&arena, HTTP_DATE_SIZE);

    http_date_format(when, text);
    return text;
}

static const char *refuses(struct cache_life *life)
{
    const struct cache_facts facts = {
        .request = &request, .response = &response, .settings = &settings, .now = NOW};

    return cache_refuses(&facts, life);
}

/* One response with one Cache-Control: the word, or NULL. */
static const char *refuses_with(const char *control)
{
    struct cache_life life;

    response.fields = (struct http_fields){0};
    says("Cache-Control", control);
    return refuses(&life);
}

static int64_t fresh_with(const char *control)
{
    struct cache_life life = {0};

    response.fields = (struct http_fields){0};
    says("ETag", "\"a\"");
    says("Cache-Control", control);
    assert_null(refuses(&life));
    return life.fresh_ms;
}

/* ---- Cache-Control ---- */

static struct cache_control read_one(const char *value)
{
    struct http_fields fields = {0};
    struct cache_control control;

    add(&fields, "cache-CONTROL", value);
    cache_control_read(&fields, SPAN_OF("Cache-Control"), &control);
    return control;
}

static void directives_are_read(void **state)
{
    struct cache_control c = read_one("Public, MAX-AGE=10,s-maxage = \"20\" , must-revalidate,"
                                      "stale-while-revalidate=5,stale-if-error=6,x=y,,");

    (void)state;
    assert_true(c.is_public);
    assert_true(c.must_revalidate);
    assert_int_equal(c.max_age_s, 10);
    assert_int_equal(c.s_maxage_s, 20);
    assert_int_equal(c.stale_revalidate_s, 5);
    assert_int_equal(c.stale_error_s, 6);
    assert_false(c.no_store || c.no_cache || c.is_private || c.must_understand || c.only_if_cached);
    c = read_one("no-store, no-cache=\"Set-Cookie, X\", private=\"a\", proxy-revalidate, "
                 "must-understand, only-if-cached");
    assert_true(c.no_store && c.no_cache && c.is_private && c.must_revalidate &&
                c.must_understand && c.only_if_cached);
    assert_int_equal(c.max_age_s, CACHE_ABSENT);
}

static void what_cannot_be_read_asks_the_server(void **state)
{
    static const char *const zero[] = {"max-age",
                                       "max-age=",
                                       "max-age=x",
                                       "max-age=-1",
                                       "max-age=1.5",
                                       "max-age=\"1",
                                       "max-age=10, max-age=0"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(zero); i++) {
        struct cache_control c = read_one(zero[i]);
        assert_true(c.max_age_s == 0 || c.no_store);
    }
    assert_int_equal(read_one("max-age=99999999999999999999").max_age_s, CACHE_SECONDS_MAX);
    assert_true(read_one("max-age=10, x=\"no-end").no_store);
    assert_false(read_one("x=\"no-store, private\", max-age=1").no_store);
    assert_false(read_one("x=\"a\\\", no-store\", max-age=1").no_store);
    assert_false(read_one("no-stores, xno-store").no_store);
}

static void lines_are_one_list(void **state)
{
    struct http_fields fields = {0};
    struct cache_control control;

    (void)state;
    add(&fields, "Cache-Control", "max-age=100");
    add(&fields, "Cache-Control", "max-age=50, no-store");
    cache_control_read(&fields, SPAN_OF("Cache-Control"), &control);
    assert_int_equal(control.max_age_s, 50);
    assert_true(control.no_store);
}

/* ---- requests ---- */

static enum cache_asks ask(void)
{
    const char *why;
    enum cache_asks asked = cache_asks(&request, &why);

    assert_true((asked == CACHE_ASKS_NOTHING) == (why != NULL));
    return asked;
}

static void requests_without_a_body_are_looked_up(void **state)
{
    (void)state;
    assert_int_equal(ask(), CACHE_ASKS_ALL);
    request.method = HTTP_HEAD;
    assert_int_equal(ask(), CACHE_ASKS_STORED);
    request.method = HTTP_POST;
    assert_int_equal(ask(), CACHE_ASKS_NOTHING);
    request.method = HTTP_GET;
    request.framing = HTTP_FRAMING_CHUNKED;
    assert_int_equal(ask(), CACHE_ASKS_NOTHING);
    request.framing = HTTP_FRAMING_NONE;
    request.upgrade = SPAN_OF("websocket");
    assert_int_equal(ask(), CACHE_ASKS_NOTHING);
}

static void requests_of_a_part_or_that_may_not_be_kept_are_answered_by_what_is_stored(void **state)
{
    (void)state;
    asks("Range", "bytes=0-1");
    assert_int_equal(ask(), CACHE_ASKS_STORED);
    request.fields = (struct http_fields){0};
    asks("Cache-Control", "no-store");
    assert_int_equal(ask(), CACHE_ASKS_STORED);
    request.fields = (struct http_fields){0};
    asks("Cache-Control", "no-cache, max-age=0"); /* anybody could have all ask the server */
    assert_int_equal(ask(), CACHE_ASKS_ALL);
}

static void requests_that_say_otherwise_than_their_url_go_by(void **state)
{
    static const char *const names[] = {"X-HTTP-Method-Override", "x-original-url", "X-Rewrite-URL",
                                        "X-Host", "If-Match"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        request.fields = (struct http_fields){0};
        asks(names[i], "/admin");
        assert_int_equal(ask(), CACHE_ASKS_NOTHING);
        request.fields.items[0].is_not_sent = true;
        if (request.fields.items[0].id == FIELD_OTHER) {
            assert_int_equal(ask(), CACHE_ASKS_ALL);
        }
    }
}

/* ---- what may be kept (RFC 9111 section 3) ---- */

static void responses_are_kept_as_they_say(void **state)
{
    (void)state;
    assert_null(refuses_with("max-age=10"));
    assert_null(refuses_with("s-maxage=10"));
    assert_string_equal(refuses_with("no-store, max-age=10"), "no-store");
    assert_string_equal(refuses_with("private, max-age=10"), "private");
    assert_string_equal(refuses_with("private=\"x\", max-age=10"), "private");
    assert_string_equal(refuses_with("x"), "no-freshness");
    assert_null(refuses_with("max-age=10, must-understand, no-store"));
    response.status = 599;
    assert_string_equal(refuses_with("max-age=10, must-understand, no-store"), "status");
}

static void statuses_that_depend_on_more_than_the_url_are_not_kept(void **state)
{
    static const unsigned kept[] = {200, 203, 204, 300, 301, 302, 303, 307, 308,
                                    403, 404, 405, 410, 451, 500, 501, 503};
    static const unsigned others[] = {206, 304, 400, 401, 406, 407, 408, 412, 413, 414, 415,
                                      416, 417, 421, 425, 429, 431, 502, 504, 599, 999};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        response.status = kept[i];
        assert_null(refuses_with("max-age=10"));
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        response.status = others[i];
        assert_string_equal(refuses_with("max-age=10"), "status");
    }
}

static void credentials_need_leave(void **state)
{
    (void)state;
    asks("Authorization", "Basic x");
    assert_string_equal(refuses_with("max-age=10"), "authorization");
    assert_null(refuses_with("max-age=10, public"));
    assert_null(refuses_with("s-maxage=10"));
    assert_null(refuses_with("max-age=10, must-revalidate"));
}

static void clients_that_the_gateway_knows_need_leave(void **state)
{
    struct cache_facts facts = {.request = &request,
                                .response = &response,
                                .settings = &settings,
                                .now = NOW,
                                .has_credentials = true};
    struct cache_life life;

    (void)state;
    says("Cache-Control", "max-age=10");
    assert_string_equal(cache_refuses(&facts, &life), "authorization");
    facts.has_credentials = false;
    assert_null(cache_refuses(&facts, &life));
    asks("Client-Cert", ":x:");
    assert_string_equal(cache_refuses(&facts, &life), "authorization");
}

static void cookies_that_are_set_need_leave(void **state)
{
    struct cache_life life;

    (void)state;
    says("Set-Cookie", "a=b");
    says("Cache-Control", "max-age=10");
    assert_string_equal(refuses(&life), "set-cookie");
    says("Cache-Control", "public");
    assert_null(refuses(&life));
}

static void vary_by_all_is_not_kept(void **state)
{
    struct cache_life life;

    (void)state;
    says("Cache-Control", "max-age=10");
    says("Vary", "Accept");
    assert_null(refuses(&life));
    says("Vary", "Cookie, *");
    assert_string_equal(refuses(&life), "vary");
}

static void what_may_be_cut_short_is_not_kept(void **state)
{
    (void)state;
    response.framing = HTTP_FRAMING_CLOSE;
    assert_string_equal(refuses_with("max-age=10"), "length");
}

static void a_request_says_no_store_too(void **state)
{
    (void)state;
    asks("Cache-Control", "no-store");
    assert_string_equal(refuses_with("max-age=10"), "no-store");
}

/* ---- how long (section 4.2) ---- */

static void the_nearest_word_counts(void **state)
{
    struct cache_life life;

    (void)state;
    assert_int_equal(fresh_with("max-age=10"), 10000);
    assert_int_equal(fresh_with("max-age=10, s-maxage=20"), 20000);
    assert_int_equal(fresh_with("max-age=x"), 0);
    response.fields = (struct http_fields){0};
    says("Date", date(NOW));
    says("Expires", date(NOW + 30));
    assert_null(refuses(&life));
    assert_int_equal(life.fresh_ms, 30000);
    says("Cache-Control", "max-age=5");
    assert_null(refuses(&life));
    assert_int_equal(life.fresh_ms, 5000);
}

static void an_expires_that_is_no_date_is_past(void **state)
{
    struct cache_life life;

    (void)state;
    settings.default_ttl_ms = 1000000;
    says("ETag", "\"a\"");
    says("Expires", "0");
    assert_null(refuses(&life));
    assert_int_equal(life.fresh_ms, 0);
}

static void what_is_not_said_is_guessed_or_told_by_the_configuration(void **state)
{
    struct cache_life life;

    (void)state;
    says("Last-Modified", date(NOW - 1000));
    assert_null(refuses(&life));
    assert_int_equal(life.fresh_ms, 100000);
    settings.default_ttl_ms = 7000;
    assert_null(refuses(&life));
    assert_int_equal(life.fresh_ms, 7000);
    asks("Cookie", "session=1"); /* somebody's */
    assert_string_equal(refuses(&life), "no-freshness");
    request.fields = (struct http_fields){0};
    response.status = 302;
    assert_string_equal(refuses(&life), "no-freshness");
    response.status = 200;
    settings.default_ttl_ms = 0;
    request.query = SPAN_OF("a=b");
    assert_string_equal(refuses(&life), "no-freshness");
}

static void a_guess_has_a_bound(void **state)
{
    struct cache_life life;

    (void)state;
    says("Last-Modified", date(NOW - 500000000));
    assert_null(refuses(&life));
    assert_int_equal(life.fresh_ms, INT64_C(86400000));
}

static void age_is_the_largest_that_is_known(void **state)
{
    struct cache_life life;
    struct cache_facts facts = {.request = &request,
                                .response = &response,
                                .settings = &settings,
                                .now = NOW,
                                .delay_ms = 2000};

    (void)state;
    says("Cache-Control", "max-age=100");
    says("Age", "10");
    assert_null(cache_refuses(&facts, &life));
    assert_int_equal(life.age_ms, 12000);
    says("Date", date(NOW - 30));
    assert_null(cache_refuses(&facts, &life));
    assert_int_equal(life.age_ms, 30000);
}

static void what_is_stale_is_kept_only_where_it_is_of_use(void **state)
{
    struct cache_life life;

    (void)state;
    assert_string_equal(refuses_with("max-age=0"), "stale");
    assert_string_equal(refuses_with("no-cache"), "stale");
    assert_null(refuses_with("max-age=0, stale-if-error=10"));
    says("ETag", "\"a\"");
    assert_null(refuses(&life));
    response.fields = (struct http_fields){0};
    says("ETag", "\"a\"");
    says("Cache-Control", "no-cache");
    assert_null(refuses(&life));
    assert_true(life.must_ask);
}

/* ---- giving it ---- */

static void freshness_ends_and_staleness_has_bounds(void **state)
{
    const struct cache_life life = {
        .age_ms = 1000, .fresh_ms = 10000, .stale_revalidate_ms = 5000, .stale_error_ms = 20000};

    (void)state;
    assert_int_equal(cache_judge(&life, 8999), CACHE_USE_FRESH);
    assert_int_equal(cache_judge(&life, 9000), CACHE_USE_STALE);
    assert_int_equal(cache_judge(&life, 13999), CACHE_USE_STALE);
    assert_int_equal(cache_judge(&life, 14000), CACHE_USE_ASK);
    assert_true(cache_excuses_error(&life, 28999));
    assert_false(cache_excuses_error(&life, 29000));
    assert_int_equal(cache_age_s(&life, 2500), 3);
    assert_int_equal(cache_left_s(&life, 2000), 7);
    assert_int_equal(cache_left_s(&life, 11000), -2);
}

static void what_must_be_asked_is_never_given_unasked(void **state)
{
    const struct cache_life life = {.fresh_ms = 10000, .must_ask = true, .stale_error_ms = 1};

    (void)state;
    assert_int_equal(cache_judge(&life, 0), CACHE_USE_ASK);
    assert_false(cache_excuses_error(&life, 0));
}

static int64_t stale_error_with(const char *control)
{
    struct cache_life life = {0};

    response.fields = (struct http_fields){0};
    says("ETag", "\"a\"");
    says("Cache-Control", control);
    assert_null(refuses(&life));
    return life.stale_error_ms;
}

static void must_revalidate_allows_nothing_stale(void **state)
{
    (void)state;
    settings.stale_error_ms = 9000;
    assert_int_equal(stale_error_with("max-age=1"), 9000);
    assert_int_equal(stale_error_with("max-age=1, stale-if-error=3"), 3000);
    assert_int_equal(stale_error_with("max-age=1, must-revalidate"), 0);
    assert_int_equal(stale_error_with("max-age=1, proxy-revalidate, stale-if-error=3"), 0);
    assert_int_equal(stale_error_with("s-maxage=1"), 0);
    assert_int_equal(stale_error_with("s-maxage=1, stale-if-error=3"), 3000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(directives_are_read),
        TEST(what_cannot_be_read_asks_the_server),
        TEST(lines_are_one_list),
        TEST(requests_without_a_body_are_looked_up),
        TEST(requests_of_a_part_or_that_may_not_be_kept_are_answered_by_what_is_stored),
        TEST(requests_that_say_otherwise_than_their_url_go_by),
        TEST(responses_are_kept_as_they_say),
        TEST(statuses_that_depend_on_more_than_the_url_are_not_kept),
        TEST(credentials_need_leave),
        TEST(clients_that_the_gateway_knows_need_leave),
        TEST(cookies_that_are_set_need_leave),
        TEST(vary_by_all_is_not_kept),
        TEST(what_may_be_cut_short_is_not_kept),
        TEST(a_request_says_no_store_too),
        TEST(the_nearest_word_counts),
        TEST(an_expires_that_is_no_date_is_past),
        TEST(what_is_not_said_is_guessed_or_told_by_the_configuration),
        TEST(a_guess_has_a_bound),
        TEST(age_is_the_largest_that_is_known),
        TEST(what_is_stale_is_kept_only_where_it_is_of_use),
        TEST(freshness_ends_and_staleness_has_bounds),
        TEST(what_must_be_asked_is_never_given_unasked),
        TEST(must_revalidate_allows_nothing_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

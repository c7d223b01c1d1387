#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>

#include "observe/access_record.h"

/* 2026-02-03T04:05:06.789012Z */
#define TIME_US INT64_C(1770091506789012)

static struct access_clock access_clock;
static struct strbuf line;

static int set_up(void **state)
{
    (void)state;
    access_clock = (struct access_clock){0};
    strbuf_init(&line);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    strbuf_free(&line);
    return 0;
}

static struct access_record full_record(void)
{
    struct access_record r;

    access_record_init(&r, ACCESS_REQUEST);
    r.mode = ACCESS_TERMINATE;
    r.time_us = TIME_US;
    r.client = SPAN_OF("203.0.113.7:51234");
    r.listener = SPAN_OF("0.0.0.0:443");
    r.sni = SPAN_OF("shop.example");
    r.tls = SPAN_OF("TLSv1.3");
    r.cipher = SPAN_OF("TLS_AES_128_GCM_SHA256");
    r.client_subject = SPAN_OF("CN=partner one");
    r.site = SPAN_OF("shop");
    r.route = SPAN_OF("shop/1");
    r.backend = SPAN_OF("api");
    r.server = SPAN_OF("10.0.0.1:80");
    r.method = SPAN_OF("GET");
    r.authority = SPAN_OF("shop.example");
    r.target = SPAN_OF("/a?b=\"c\"");
    r.version = SPAN_OF("HTTP/1.1");
    r.status = 502;
    r.bytes_in = 1;
    r.bytes_out = UINT64_MAX / 2;
    r.request_id = SPAN_OF("0123456789abcdef");
    r.user_agent = SPAN_OF("curl/8.0 (long enough for words of eight)");
    r.referer = SPAN_OF("https://r.example/\\");
    r.reason = SPAN_OF("connect_refused");
    r.detail = SPAN_OF("the server refused the connection");
    r.mend = SPAN_OF("start it");
    r.times = (struct access_times){1, 1000, 1001, 1234567, 60000000};
    return r;
}

static json_t *parse_line(void)
{
    json_error_t error;

    assert_true(line.len > 1 && line.ptr[line.len - 1] == '\n');
    assert_null(memchr(line.ptr, '\n', line.len - 1));
    assert_int_equal(line.ptr[line.len], 0);
    json_t *root = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        fail_msg("%s in %s", error.text, line.ptr);
    }
    return root;
}

static void assert_member(const json_t *root, const char *name, const char *want)
{
    const json_t *value = json_object_get(root, name);

    if (value == NULL) {
        fail_msg("no %s", name);
    }
    assert_string_equal(json_string_value(value), want);
}

static void test_a_full_record_by_its_names(void **state)
{
    struct access_record r = full_record();

    (void)state;
    access_record_json(&r, &access_clock, &line);
    json_t *root = parse_line();
    assert_member(root, "time", "2026-02-03T04:05:06.789Z");
    assert_member(root, "kind", "request");
    assert_member(root, "client", "203.0.113.7:51234");
    assert_member(root, "listener", "0.0.0.0:443");
    assert_member(root, "mode", "terminate");
    assert_member(root, "sni", "shop.example");
    assert_member(root, "tls", "TLSv1.3");
    assert_member(root, "cipher", "TLS_AES_128_GCM_SHA256");
    assert_member(root, "client_subject", "CN=partner one");
    assert_member(root, "site", "shop");
    assert_member(root, "route", "shop/1");
    assert_member(root, "backend", "api");
    assert_member(root, "server", "10.0.0.1:80");
    assert_member(root, "method", "GET");
    assert_member(root, "authority", "shop.example");
    assert_member(root, "target", "/a?b=\"c\"");
    assert_member(root, "version", "HTTP/1.1");
    assert_int_equal(json_integer_value(json_object_get(root, "status")), 502);
    assert_int_equal(json_integer_value(json_object_get(root, "bytes_in")), 1);
    assert_int_equal(json_integer_value(json_object_get(root, "bytes_out")), UINT64_MAX / 2);
    assert_member(root, "request_id", "0123456789abcdef");
    assert_member(root, "user_agent", "curl/8.0 (long enough for words of eight)");
    assert_member(root, "referer", "https://r.example/\\");
    assert_member(root, "reason", "connect_refused");
    assert_member(root, "detail", "the server refused the connection");
    assert_member(root, "mend", "start it");
    assert_int_equal(json_object_size(root), 27);
    assert_non_null(strstr(line.ptr, "\"ms\":{\"tls\":0.001,\"head\":1.000,\"connect\":1.001,"
                                     "\"first_byte\":1234.567,\"total\":60000.000}}\n"));
    json_decref(root);
}

/* Or a configuration could give a line two members of one name. */
static void test_every_name_is_known_to_be_taken(void **state)
{
    struct access_record record = full_record();
    const char *name;
    json_t *value;
    json_t *root;

    (void)state;
    record.proxy = record.client_unverified = record.client_verdict = SPAN_OF("x");
    record.refused_by = SPAN_OF("gateway");
    record.is_early = true;
    access_record_json(&record, &access_clock, &line);
    root = parse_line();
    assert_int_equal(json_object_size(root), 32);
    json_object_foreach(root, name, value)
    {
        assert_true(access_record_has(span_from_cstr(name)));
    }
    json_decref(root);
    assert_false(access_record_has(SPAN_OF("tenant")));
}

static void test_members_of_the_configuration(void **state)
{
    static const struct access_member members[] = {{SPAN("tenant"), SPAN("a\"b")},
                                                   {SPAN("empty"), {NULL, 0}}};
    struct access_record record;
    json_t *root;

    (void)state;
    access_record_init(&record, ACCESS_REQUEST);
    record.members = members;
    record.member_count = 2;
    access_record_json(&record, &access_clock, &line);
    root = parse_line();
    assert_member(root, "tenant", "a\"b");
    assert_null(json_object_get(root, "empty"));
    json_decref(root);
    line.len = 0;
    access_record_combined(&record, &access_clock, &line);
    assert_non_null(strstr(line.ptr, "\"-\" \"a\\x22b\" \"-\"\n"));
}

static void test_absent_values_are_left_out(void **state)
{
    struct access_record r;

    (void)state;
    access_record_init(&r, ACCESS_CONNECTION);
    access_record_json(&r, &access_clock, &line);
    assert_string_equal(line.ptr, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"kind\":\"connection\","
                                  "\"bytes_in\":0,\"bytes_out\":0}\n");
    strbuf_clear(&line);
    r.times.total_us = 42;
    r.mode = ACCESS_PASSTHROUGH;
    access_record_json(&r, &access_clock, &line);
    json_t *root = parse_line();
    assert_member(root, "mode", "passthrough");
    assert_int_equal(json_object_size(json_object_get(root, "ms")), 1);
    assert_non_null(strstr(line.ptr, "\"ms\":{\"total\":0.042}"));
    json_decref(root);
}

/* Each byte, alone and at each place of a word, comes back as it was, or as U+FFFD where it is no
 * UTF-8. */
static void test_any_byte_gives_one_line_of_json(void **state)
{
    struct access_record r;

    (void)state;
    for (int c = 0; c < 256; c++) {
        for (size_t len = 1; len < 20; len++) {
            char text[20];
            char *exact = xmalloc(len);
            memset(text, 'a', sizeof(text));
            text[(size_t)c % len] = (char)c;
            memcpy(exact, text, len);
            access_record_init(&r, ACCESS_REQUEST);
            r.target = span_make(exact, len);
            strbuf_clear(&line);
            access_record_json(&r, &access_clock, &line);
            if (c != 0) { /* jansson has no NUL in strings; the log writes it as \u0000 */
                json_t *root = parse_line();
                const char *got = json_string_value(json_object_get(root, "target"));
                assert_int_equal(strlen(got), c < 0x80 ? len : len + 2);
                if (c < 0x80) {
                    assert_memory_equal(got, exact, len);
                }
                json_decref(root);
            } else {
                assert_non_null(strstr(line.ptr, "\\u0000"));
            }
            free(exact);
        }
    }
}

static void test_long_values_are_cut_with_a_mark(void **state)
{
    static const char *const fillers[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\"", "\x01", "\xff"};
    struct access_record r = full_record();
    char *big = xmalloc(70000);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        size_t unit = strlen(fillers[i]);
        for (size_t at = 0; at + unit <= 70000; at += unit) {
            memcpy(big + at, fillers[i], unit);
        }
        r.user_agent = span_make(big, 69999 / unit * unit);
        strbuf_clear(&line);
        access_record_json(&r, &access_clock, &line);
        json_t *root = parse_line();
        struct span got = span_from_cstr(json_string_value(json_object_get(root, "user_agent")));
        assert_true(span_ends_with(got, SPAN_OF(ACCESS_CUT_MARK)));
        size_t kept = got.len - strlen(ACCESS_CUT_MARK);
        if (fillers[i][0] != '\xff') {
            assert_true(kept <= ACCESS_VALUE_MAX && kept > ACCESS_VALUE_MAX - 4);
            assert_memory_equal(got.ptr, big, kept);
        }
        json_decref(root);
        strbuf_clear(&line);
        access_record_combined(&r, &access_clock, &line);
        assert_true(line.len < (size_t)5 * ACCESS_VALUE_MAX);
    }
    /* At the limit nothing is cut. */
    memset(big, 'b', ACCESS_VALUE_MAX);
    r.user_agent = span_make(big, ACCESS_VALUE_MAX);
    strbuf_clear(&line);
    access_record_json(&r, &access_clock, &line);
    assert_null(strstr(line.ptr, ACCESS_CUT_MARK));
    free(big);
}

static void test_times_at_the_edges(void **state)
{
    static const struct {
        int64_t time_us;
        const char *want;
    } cases[] = {
        {999, "1970-01-01T00:00:00.000Z"},
        {1000, "1970-01-01T00:00:00.001Z"},
        {999999, "1970-01-01T00:00:00.999Z"},
        {1000000, "1970-01-01T00:00:01.000Z"},
        {-1, "1970-01-01T00:00:00.000Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(253402300799000000), "9999-12-31T23:59:59.000Z"},
        {INT64_C(253402300800000000), "9999-12-31T23:59:59.000Z"},
        {INT64_MIN, "1970-01-01T00:00:00.000Z"},
    };
    struct access_record r;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        access_record_init(&r, ACCESS_REQUEST);
        r.time_us = cases[i].time_us;
        strbuf_clear(&line);
        access_record_json(&r, &access_clock, &line);
        json_t *root = parse_line();
        assert_member(root, "time", cases[i].want);
        json_decref(root);
    }
}

static void test_combined(void **state)
{
    struct access_record r = full_record();

    (void)state;
    access_record_combined(&r, &access_clock, &line);
    assert_string_equal(line.ptr, "203.0.113.7 - CN=partner_one [03/Feb/2026:04:05:06 +0000] "
                                  "\"GET /a?b=\\x22c\\x22 HTTP/1.1\" 502 9223372036854775807 "
                                  "\"https://r.example/\\x5c\" "
                                  "\"curl/8.0 (long enough for words of eight)\"\n");
    access_record_init(&r, ACCESS_CONNECTION);
    r.client = SPAN_OF("[2001:db8::7]:51234");
    strbuf_clear(&line);
    access_record_combined(&r, &access_clock, &line);
    assert_string_equal(line.ptr, "2001:db8::7 - - [01/Jan/1970:00:00:00 +0000] \"-\" 000 0 "
                                  "\"-\" \"-\"\n");
    r.client = SPAN_OF("unix");
    r.user_agent = SPAN_OF("a\nb\xff");
    strbuf_clear(&line);
    access_record_combined(&r, &access_clock, &line);
    assert_string_equal(line.ptr, "unix - - [01/Jan/1970:00:00:00 +0000] \"-\" 000 0 "
                                  "\"-\" \"a\\x0ab\\xff\"\n");
}

static void test_lines_follow_one_another(void **state)
{
    struct access_record r = full_record();

    (void)state;
    for (int i = 0; i < 3; i++) {
        r.time_us += 1000000;
        access_record_json(&r, &access_clock, &line);
        access_record_combined(&r, &access_clock, &line);
    }
    size_t lines = 0;
    for (size_t i = 0; i < line.len; i++) {
        lines += line.ptr[i] == '\n';
    }
    assert_int_equal(lines, 6);
    assert_non_null(strstr(line.ptr, "04:05:09.789Z"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_full_record_by_its_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_name_is_known_to_be_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_members_of_the_configuration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_absent_values_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_any_byte_gives_one_line_of_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_values_are_cut_with_a_mark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_times_at_the_edges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_combined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_follow_one_another, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

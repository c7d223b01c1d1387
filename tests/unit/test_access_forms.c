#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "observe/access_forms.h"

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

static const struct access_member member = {SPAN("tenant"), SPAN("acme corp")};

static struct access_record record_of_request(void)
{
    struct access_record r;

    access_record_init(&r, ACCESS_REQUEST);
    r.mode = ACCESS_TERMINATE;
    r.time_us = TIME_US;
    r.client = SPAN_OF("203.0.113.7:51234");
    r.method = SPAN_OF("GET");
    r.target = SPAN_OF("/a?b=\"c\"");
    r.status = 200;
    r.bytes_out = 12;
    r.is_early = true;
    r.user_agent = SPAN_OF("curl/8.0");
    r.times.total_us = 1234567;
    r.members = &member;
    r.member_count = 1;
    return r;
}

static void assert_line(const char *expected)
{
    assert_int_equal(line.len, strlen(expected));
    assert_memory_equal(line.ptr, expected, line.len);
}

static void logfmt_has_pairs(void **state)
{
    const struct access_record r = record_of_request();

    (void)state;
    access_record_logfmt(&r, &access_clock, &line);
    assert_line("time=2026-02-03T04:05:06.789Z kind=request client=203.0.113.7:51234 "
                "mode=terminate early_data=true method=GET target=\"/a?b=\\\"c\\\"\" status=200 "
                "bytes_in=0 bytes_out=12 user_agent=curl/8.0 tenant=\"acme corp\" "
                "ms_total=1234.567\n");
}

static void logfmt_lets_no_value_end_its_pair_or_line(void **state)
{
    struct access_record r;

    (void)state;
    access_record_init(&r, ACCESS_REQUEST);
    r.user_agent = SPAN_OF("a\nstatus=200 \x7f\x01\xff=\"\\");
    access_record_logfmt(&r, &access_clock, &line);
    const char *agent = strstr(line.ptr, "user_agent=");
    assert_non_null(agent);
    assert_string_equal(agent,
                        "user_agent=\"a\\u000astatus=200 \\u007f\\u0001\xef\xbf\xbd=\\\"\\\\\"\n");
    assert_ptr_equal(strchr(line.ptr, '\n'), line.ptr + line.len - 1);
}

static void a_long_value_is_cut_with_its_mark_inside(void **state)
{
    static char agent[ACCESS_VALUE_MAX + 10];
    struct access_record r;

    (void)state;
    memset(agent, 'x', sizeof(agent));
    access_record_init(&r, ACCESS_REQUEST);
    r.user_agent = span_make(agent, sizeof(agent));
    access_record_logfmt(&r, &access_clock, &line);
    assert_non_null(strstr(line.ptr, "x" ACCESS_CUT_MARK "\n"));
    strbuf_clear(&line);
    agent[0] = ' ';
    access_record_logfmt(&r, &access_clock, &line);
    assert_non_null(strstr(line.ptr, "user_agent=\" xx"));
    assert_non_null(strstr(line.ptr, "x" ACCESS_CUT_MARK "\"\n"));
}

/* ---- every form tells the same ---- */

struct seen {
    json_t *object;
    size_t count;
};

static void see(void *arg, struct span name, struct span value)
{
    struct seen *seen = arg;
    char key[80];
    json_t *found;

    assert_true(name.len < sizeof(key));
    memcpy(key, name.ptr, name.len);
    key[name.len] = '\0';
    assert_true(access_record_tells(name) || strcmp(key, "tenant") == 0);
    found = strncmp(key, "ms_", 3) == 0
                ? json_object_get(json_object_get(seen->object, "ms"), key + 3)
                : json_object_get(seen->object, key);
    assert_non_null(found);
    if (json_is_string(found)) {
        assert_int_equal(value.len, strlen(json_string_value(found)));
        assert_memory_equal(value.ptr, json_string_value(found), value.len);
    }
    seen->count++;
}

static struct access_record whole_record(void)
{
    static const struct access_try tries[] = {{.server = SPAN("a:1"), .us = 1}};
    struct access_record r = record_of_request();

    r.proxy = SPAN_OF("p");
    r.listener = SPAN_OF("l");
    r.sni = SPAN_OF("sni");
    r.tls = SPAN_OF("TLSv1.3");
    r.cipher = SPAN_OF("c");
    r.client_subject = SPAN_OF("CN=a");
    r.client_unverified = SPAN_OF("CN=b");
    r.client_verdict = SPAN_OF("expired");
    r.site = SPAN_OF("s");
    r.route = SPAN_OF("s/1");
    r.backend = SPAN_OF("b");
    r.server = SPAN_OF("b:1");
    r.authority = SPAN_OF("h");
    r.version = SPAN_OF("HTTP/2");
    r.request_id = SPAN_OF("id");
    r.referer = SPAN_OF("r");
    r.cache = SPAN_OF("hit");
    r.reason = SPAN_OF("reason");
    r.detail = SPAN_OF("detail");
    r.mend = SPAN_OF("mend");
    r.refused_by = SPAN_OF("us");
    r.tries = tries;
    r.try_count = 1;
    r.times = (struct access_times){1, 2, 3, 4, 5};
    return r;
}

static void each_member_of_the_json_line_is_told(void **state)
{
    const struct access_record r = whole_record();
    json_error_t error;
    size_t members = 0;
    const char *key;
    json_t *value;

    (void)state;
    access_record_json(&r, &access_clock, &line);
    struct seen seen = {json_loads(line.ptr, 0, &error), 0};
    assert_non_null(seen.object);
    json_object_foreach(seen.object, key, value)
    {
        members += json_is_object(value) ? json_object_size(value) : 1;
    }
    access_record_each(&r, &access_clock, see, &seen);
    assert_int_equal(seen.count, members);
    json_decref(seen.object);
}

/* ---- templates ---- */

static void templates_have_members_and_escape_values(void **state)
{
    const struct access_record r = record_of_request();

    (void)state;
    access_put_member(&r, &access_clock, SPAN_OF("target"), &line);
    strbuf_add_char(&line, ' ');
    access_put_member(&r, &access_clock, SPAN_OF("ms_total"), &line);
    strbuf_add_char(&line, ' ');
    access_put_member(&r, &access_clock, SPAN_OF("referer"), &line);
    strbuf_add_char(&line, ' ');
    access_put_escaped(&line, SPAN_OF("\"\n\\\x80"));
    assert_line("/a?b=\\x22c\\x22 1234.567 - \\x22\\x0a\\x5c\\x80");
    assert_true(access_record_tells(SPAN_OF("ms_total")));
    assert_false(access_record_tells(SPAN_OF("ms")));
    assert_false(access_record_tells(SPAN_OF("tenant")));
}

/* ---- datagrams ---- */

static void syslog_has_a_header(void **state)
{
    const struct access_sender sender = {"gw-1", 42};
    const struct access_sender nameless = {"", 42};

    (void)state;
    access_syslog(&sender, ACCESS_WARNING, TIME_US, &access_clock, SPAN_OF("{}\n"), &line);
    assert_line("<28>1 2026-02-03T04:05:06.789Z gw-1 tidegate 42 access - {}");
    strbuf_clear(&line);
    access_syslog(&nameless, ACCESS_INFO, TIME_US, &access_clock, SPAN_OF("{}"), &line);
    assert_line("<30>1 2026-02-03T04:05:06.789Z - tidegate 42 access - {}");
}

static void a_line_that_fits_no_datagram_is_cut(void **state)
{
    const struct access_sender sender = {"h", 1};
    size_t len = ACCESS_DATAGRAM_MAX + 1000;
    char *text = malloc(len);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', len);
    access_syslog(&sender, ACCESS_INFO, TIME_US, &access_clock, span_make(text, len), &line);
    assert_true(line.len < ACCESS_DATAGRAM_MAX + 200);
    free(text);
}

static void severity_is_by_how_it_ended(void **state)
{
    struct access_record r = record_of_request();

    (void)state;
    assert_int_equal(access_record_severity(&r), ACCESS_INFO);
    r.reason = SPAN_OF("x");
    assert_int_equal(access_record_severity(&r), ACCESS_WARNING);
    r.status = 502;
    assert_int_equal(access_record_severity(&r), ACCESS_ERROR);
    r.status = 0;
    assert_int_equal(access_record_severity(&r), ACCESS_ERROR);
    r.kind = ACCESS_CONNECTION;
    assert_int_equal(access_record_severity(&r), ACCESS_WARNING);
}

static void the_journal_has_fields(void **state)
{
    const struct access_record r = record_of_request();

    (void)state;
    access_journal(&r, ACCESS_INFO, &access_clock, SPAN_OF("the line\n"), &line);
    assert_non_null(strstr(line.ptr, "MESSAGE=the line\nPRIORITY=6\nSYSLOG_IDENTIFIER=tidegate\n"));
    assert_non_null(strstr(line.ptr, "\nTIDEGATE_STATUS=200\n"));
    assert_non_null(strstr(line.ptr, "\nTIDEGATE_TARGET=/a?b=\"c\"\n"));
    assert_non_null(strstr(line.ptr, "\nTIDEGATE_TENANT=acme corp\n"));
}

static void a_line_break_makes_no_other_field_of_the_journal(void **state)
{
    static const char forged[] = "a\nPRIORITY=0";
    const struct access_member evil = {SPAN("tenant"), {forged, sizeof(forged) - 1}};
    struct access_record r = record_of_request();
    static const char expected[] = "TIDEGATE_TENANT\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n";

    (void)state;
    r.members = &evil;
    access_journal(&r, ACCESS_INFO, &access_clock, SPAN_OF("x"), &line);
    assert_non_null(memmem(line.ptr, line.len, expected, sizeof(expected) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(logfmt_has_pairs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(logfmt_lets_no_value_end_its_pair_or_line, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_long_value_is_cut_with_its_mark_inside, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(each_member_of_the_json_line_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(templates_have_members_and_escape_values, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(syslog_has_a_header, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_that_fits_no_datagram_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(severity_is_by_how_it_ended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_journal_has_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_break_makes_no_other_field_of_the_journal, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

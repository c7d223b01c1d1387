/* Where lines go: what a file's, a site's and a route's `log` come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "config/config.h"
#include "config/log_outlets.h"

static struct settings *load(const char *text, struct config_report *report)
{
    config_report_init(report);
    return config_load_text(span_from_cstr(text), "/etc/tidegate/tidegate.yaml", report);
}

/* "name form, name form" */
static const char *told(const struct log_rules_settings *log)
{
    static const char *const forms[] = {"json", "combined", "logfmt", "template"};
    static char text[1000];
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < log->outlet_count; i++) {
        const struct log_outlet_settings *one = &log->outlets[i];

        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %s%s%s", i == 0 ? "" : ", ",
                                one->name, forms[one->format], one->template != NULL ? " " : "",
                                one->template != NULL ? one->template : "");
        assert_true(one->is_file == (one->name[0] == '/'));
    }
    return text;
}

static const struct {
    const char *file;
    const char *route;
    const char *file_told;
    const char *route_told;
} cases[] = {
    {"{}", "{}", "- json", "- json"},
    {"{ access: a.log }", "{ sample: 1 of 2 }", "/etc/tidegate/a.log json",
     "/etc/tidegate/a.log json"},
    {"{ access: off }", "{ access: r.log }", "", "/etc/tidegate/r.log json"},
    {"{ access: off }", "{ access: r.log, keep_above: true }", "", "/etc/tidegate/r.log json"},
    {"{ access: /a }", "{ access: off }", "/a json", ""},
    {"{ access: /a, format: logfmt }", "{ access: /r }", "/a logfmt", "/r logfmt"},
    {"{ access: /a, format: logfmt }", "{ access: /r, keep_above: true, format: combined }",
     "/a logfmt", "/a logfmt, /r combined"},
    {"{ access: /a }", "{ format: combined }", "/a json", "/a combined"},
    {"{ access: /a, format: template, template: x }", "{ access: /r }", "/a template x",
     "/r template x"},
    {"{ access: /a, format: template, template: x }", "{ format: json }", "/a template x",
     "/a json"},
    {"{ access: /a, to: [file, { to: 'file:/b', format: combined }, stdout, journal] }",
     "{ to: [syslog, { to: 'file:/c', format: template, template: y }] }",
     "/a json, /b combined, - json, journal json", "syslog json, /c template y"},
    {"{ to: journal }", "{ access: '-', keep_above: true }", "journal json",
     "journal json, - json"},
};

static void nearer_places_replace_or_join_those_above(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_report report;
        char text[1000];
        struct settings *s;

        /* A route's log is below its site's, which says nothing here but a sample. */
        (void)snprintf(text, sizeof(text),
                       "log: %s\nsites: [ { hosts: a.example, log: { sample: 1 of 9 }, routes: [ "
                       "{ respond: {}, log: %s } ] } ]\n",
                       cases[i].file, cases[i].route);
        s = load(text, &report);
        if (s == NULL) {
            config_report_print(&report, stderr, false);
        }
        assert_non_null(s);
        assert_string_equal(told(&s->log.rules), cases[i].file_told);
        assert_string_equal(told(s->sites[0].log), cases[i].file_told);
        assert_string_equal(told(s->sites[0].routes[0].log), cases[i].route_told);
        config_report_free(&report);
        settings_destroy(s);
    }
}

static void a_place_that_several_name_is_one(void **state)
{
    struct config_report report;
    struct settings *s =
        load("log: { access: /a }\n"
             "sites:\n"
             "  - hosts: a.example\n"
             "    log: { to: ['file:/b', 'file:/a'] }\n"
             "    routes: [ { respond: {}, log: { access: /b, format: logfmt } } ]\n",
             &report);
    struct log_names names;

    (void)state;
    assert_non_null(s);
    log_outlets_names(s, &names);
    assert_int_equal(names.count, 2);
    assert_string_equal(names.items[0]->name, "/a");
    assert_string_equal(names.items[1]->name, "/b");
    assert_null(names.left_out);
    assert_int_equal(log_names_find(&names, &s->sites[0].routes[0].log->outlets[0]), 1);
    config_report_free(&report);
    settings_destroy(s);
}

static const char *load_many(unsigned count, struct config_report *report)
{
    struct strbuf text;
    struct settings *s;

    strbuf_init(&text);
    strbuf_add_cstr(&text, "log: { access: off }\nsites:\n");
    for (unsigned i = 0; i < count; i++) {
        strbuf_printf(&text, "  - { hosts: s%u.example, respond: {}, log: { access: /l%u } }\n", i,
                      i);
    }
    strbuf_add_char(&text, '\0');
    s = load(text.ptr, report);
    strbuf_free(&text);
    settings_destroy(s);
    return report->count != 0 ? report->messages[0].text : NULL;
}

static void places_have_a_bound(void **state)
{
    struct config_report report;

    (void)state;
    assert_null(load_many(LOG_PLACES_MAX, &report));
    config_report_free(&report);
    assert_string_equal(load_many(LOG_PLACES_MAX + 1, &report),
                        "the logs have more than 128 places");
    assert_int_equal(report.messages[0].place.line, LOG_PLACES_MAX + 3);
    config_report_free(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearer_places_replace_or_join_those_above),
        cmocka_unit_test(a_place_that_several_name_is_one),
        cmocka_unit_test(places_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

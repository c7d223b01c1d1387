/* Rules that others make void, and those that look so and are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config_messages.h"

#define TWO_WAY HOST "    tls: { certificate: c, key: k, clients: { ca: a } }\n    routes:\n"
#define PARTNERS "match: { path: /admin/*, client: { dns: a.example } }, backend: '127.0.0.1:1'"

/* Rules that others make void. What restricts is on line 5. */
static const struct message_case void_rules[] = {
    {TWO_WAY "      - { " PARTNERS " }\n    backend: 127.0.0.1:1\n", 5, 44,
     "the route is for some clients, but the others are let in by the one on line 6",
     "'else: deny'"},
    {TWO_WAY "      - { " PARTNERS " }\n      - { backend: '127.0.0.1:2' }\n", 5, 44,
     "let in by the one on line 6", "'else: next'"},
    {TWO_WAY "      - { " PARTNERS " }\n      - { match: { path: /admin/* }, files: x }\n", 5, 44,
     "let in by the one on line 6", NULL},
    {TWO_WAY "      - { " PARTNERS " }\n      - { match: { path: /%61dm* }, respond: {} }\n", 5, 44,
     "let in by the one on line 6", NULL},
    {TWO_WAY "      - { " PARTNERS
             " }\n      - { match: { methods: PUT }, backend: '127.0.0.1:1' }\n",
     5, 44, "let in by the one on line 6", NULL},
    {TWO_WAY "      - { " PARTNERS
             " }\n      - { match: { path: /x }, files: x }\n      - { match: { methods: [GET] }, "
             "files: x }\n",
     5, 44, "let in by the one on line 7", NULL},
    {HOST
     "    routes:\n      - { match: { path: /a, methods: [GET] }, backend: '127.0.0.1:1' }\n    "
     "backend: 127.0.0.1:1\n",
     4, 39, "for some methods, but the others are let in by the one on line 5", "405"},
    {HOST "    routes:\n      - { else: deny, backend: '127.0.0.1:1' }\n", 4, 17,
     "'else: deny' in a route that is for every client and method", "'client' or 'methods'"},
    {TWO_WAY "      - { backend: '127.0.0.1:1' }\n      - { " PARTNERS " }\n", 6, 9,
     "no request can reach this route", "on line 5"},
    {ROUTE "        match: { path: /a%2Fb }\n", 5, 24, "path '/a%2Fb' would match nothing",
     "'paths: as_sent'"},
    {ROUTE "        match: { path: /a;b/* }\n", 5, 24, "path '/a;b/*' would match nothing",
     "\";\" at byte 3"},
    {ROUTE "        match: { path: /a%00 }\n    paths: as_sent\n", 5, 24, "would match nothing",
     "NUL"},
};

/* Those that nothing makes void, or of which it is said. */
static const char *const sound_rules[] = {
    HOST "    routes:\n      - { match: { path: '*.css', methods: GET }, cache: on, backend: "
         "'127.0.0.1:1' }\n"
         "      - { backend: '127.0.0.1:1' }\n",
    TWO_WAY "      - { " PARTNERS ", else: deny }\n    backend: 127.0.0.1:1\n",
    TWO_WAY "      - { " PARTNERS ", else: next }\n    backend: 127.0.0.1:1\n",
    TWO_WAY "      - { " PARTNERS " }\n      - { match: { path: /x* }, files: x }\n",
    TWO_WAY "      - { " PARTNERS " }\n    respond: { status: 403 }\n",
    TWO_WAY "      - { " PARTNERS
            " }\n      - { match: { client: { dns: b.example } }, files: x }\n",
    HOST
    "    routes:\n      - { match: { path: /a, methods: [GET] }, backend: '127.0.0.1:1' }\n    "
    "backend: 127.0.0.1:2\n",
    HOST "    routes:\n      - { match: { path: /a, methods: [GET] }, backend: '127.0.0.1:1', "
         "body_limit: 1 }\n    backend: 127.0.0.1:1\n",
    ROUTE "        match: { path: /a;b/* }\n    paths: as_sent\n",
    ROUTE "        match: { path: /a%3Ab }\n",
};

static void rules_that_others_make_void_are_errors(void **state)
{
    struct config_report report;
    struct settings *settings;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(void_rules); i++) {
        settings = load_part(void_rules[i].yaml, strlen(void_rules[i].yaml), &report);
        check_config_message(&void_rules[i], &report, CONFIG_ERROR);
        assert_null(settings);
        config_report_free(&report);
    }
    for (size_t i = 0; i < ARRAY_LEN(sound_rules); i++) {
        settings = load_part(sound_rules[i], strlen(sound_rules[i]), &report);
        if (report.count != 0) {
            config_report_print(&report, stderr, false);
        }
        assert_int_equal(report.count, 0);
        settings_destroy(settings);
        config_report_free(&report);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_that_others_make_void_are_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

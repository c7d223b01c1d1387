/* What is wrong in what a configuration says of access: errors, and rules that never decide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "config/config.h"

#define SITE "sites:\n  - hosts: [a.example]\n    respond: {}\n"
#define BACKEND "sites:\n  - hosts: [a.example]\n    backend:\n      servers: 127.0.0.1:1\n"
#define KNOWN SITE "    auth: { api_key: keys }\n"

struct message_case {
    const char *yaml;
    int line;
    const char *text;
    const char *hint;
};

static const struct message_case errors[] = {
    {SITE "    access: [{}]\n", 4, "a rule says neither 'allow' nor 'deny'", "one rule"},
    {SITE "    access: [{ allow: all, deny: all }]\n", 4, "more than one of", "one rule"},
    {SITE "    access: [{ allow: {} }]\n", 4, "'allow' says nothing", "'allow: all'"},
    {SITE "    access: [{ allow: everybody }]\n", 4, "everybody", "all"},
    {SITE "    access: [{ allow: { any: [{}] } }]\n", 4, "says nothing", NULL},
    {SITE "    access: [{ allow: { group: '' } }]\n", 4, "an empty name", "a name"},
    {SITE "    access: [{ allow: { user: 'a*b' } }]\n", 4, "has '*' within", NULL},
    {SITE "    access: [{ allow: { claims: { level: '>= x' } } }]\n", 4, "no number behind",
     ">= 3"},
    {SITE "    access: [{ allow: { claims: { '.a': b } } }]\n", 4, "no claim's path", NULL},
    {SITE "    access: [{ allow: { claims: { a: 'b*c' } } }]\n", 4, "has '*' within", NULL},
    {SITE "    access: [{ deny: { country: de } }]\n", 4, "'de' is no country", "capital"},
    {SITE "    access: [{ deny: { country: DE } }]\n", 4, "no file that knows countries",
     "countries:"},
    {SITE "    access: [{ deny: { not: { country: DE } } }]\n", 4, "no file that knows countries",
     NULL},
    {SITE "    access: [{ deny: { address_file: '' } }]\n", 4, "address_file", NULL},
    {SITE "    access: [{ deny: { hours: { from: '08:00', until: '18:00' } } }]\n", 4, "no 'zone'",
     "local"},
    {SITE "    access: [{ deny: { hours: { from: '24:00', until: '01:00', zone: utc } } }]\n", 4,
     "'24:00' is no time", "23:59"},
    {SITE "    access: [{ deny: { hours: { from: '08:00', until: '8:30', zone: utc } } }]\n", 4,
     "'8:30' is no time", "24:00"},
    {SITE "    access: [{ deny: { hours: { from: '08:00', until: '18:00', zone: utc, days: "
          "[monday] } } }]\n",
     4, "'monday' is no day", "mon-fri"},
    {SITE "    access: staff\n", 4, "there is no policy 'staff'", "'policies'"},
    {SITE "    access: [{ allow: { client_address: 10.0.0.0/8 } }, deny]\n", 4,
     "there is no policy 'deny'", "for everybody: { deny: all }"},
    {"policies: [{ name: a, rules: [{ policy: a }] }]\n" SITE, 1, "policy", NULL},
    {"policies:\n  - { name: a, rules: [{ allow: all }] }\n  - { name: a, rules: [{ deny: all }] "
     "}\n" SITE,
     3, "two policies 'a'", "another name"},
    {SITE "    access: [{ allow: { client: { dns: [b.example] } } }]\n", 4,
     "this is for some clients, but none are verified", "verify: required"},
    {SITE "    access: [{ allow: { any: [ { client: { dns: [b.example] } } ] } }]\n", 4,
     "this is for some clients, but none are verified", NULL},
    {"sites:\n  - hosts: [a.example]\n    respond: {}\n    auth: { api_key: keys, mode: maybe }\n",
     4, "maybe", "optional"},
    {SITE "    rates: [{ by: address }]\n", 4, "neither 'requests' nor 'at_once'", "per: 1m"},
    {SITE "    rates: [{ at_once: 1, per: 1m }]\n", 4, "'per' and 'burst' are about", NULL},
    {SITE "    rates: [{ requests: 0 }]\n", 4, "requests", NULL},
    {SITE "    rates: [{ requests: 1, by: user }]\n", 4, "the same for all requests", "{user}"},
    {SITE "    rates: [{ requests: 1, by: '{nobody}' }]\n", 4, "nobody", NULL},
    {SITE "    rates: [{ requests: 1, kind: window, burst: 2 }]\n", 4, "no 'burst'", NULL},
    {SITE "    rates: [{ requests: 2000000, kind: window }]\n", 4, "up to 1048575", NULL},
    {SITE "    rates: [{ requests: 1, kind: window, wait: 1s }]\n", 4, "kind: bucket", NULL},
    {SITE "    rates: [{ requests: 1, queue: 1, wait: 1s }]\n", 4, "'queue' needs", NULL},
    {SITE "    rates: [{ at_once: 1, queue: 1 }]\n", 4, "'queue' needs", NULL},
    {SITE "    rates: [{ at_once: 1, wait: 1s }]\n", 4, "needs a 'queue'", NULL},
    {SITE "    rates: [{ requests: 1, only: {} }]\n", 4, "'only' says nothing", NULL},
    {SITE "    rates: [{ requests: 1, name: a }, { requests: 2, name: a }]\n", 4,
     "another rate of that name", NULL},
    {SITE "    rates: [{ requests: 1, keys: 1 }]\n", 4, "keys", NULL},
    {"sites:\n  - hosts: [a.example]\n    passthrough: 127.0.0.1:1\n    access: [{ deny: { path: "
     "/a } }]\n",
     4, "not known of a connection", "client_address"},
    {"sites:\n  - hosts: [a.example]\n    passthrough: 127.0.0.1:1\n    access: [{ allow: { any: "
     "[{ user: a "
     "}] } }]\n",
     4, "not known of a connection", NULL},
    {"listeners:\n  - { bind: ':1', tcp: 127.0.0.1:1, access: [{ deny: { path: /a } }] }\n", 2,
     "not known of a connection", "country"},
    {"listeners:\n  - { bind: ':1', access: [{ deny: { country: DE } }] }\n" SITE, 2,
     "'access' of a listener without 'tcp'", "sites"},
    {"listeners:\n  - { bind: ':1', tcp: 127.0.0.1:1, access: [{ deny: { country: DE } }] }\n", 2,
     "no file that knows countries", "countries:"},
    {"listeners:\n  - { bind: ':1', tcp: 127.0.0.1:1, access: staff }\n", 2,
     "there is no policy 'staff'", NULL},
    {"bans: [{ after: 3, of: [666] }]\n" SITE, 1, "nothing that could be counted", "4xx"},
    {"bans: [{ after: 3, of: [everything] }]\n" SITE, 1, "nothing that could be counted", NULL},
    {"bans: [{ of: [404] }]\n" SITE, 1, "no 'after'", NULL},
    {"bans:\n  - { after: 1, of: [404], name: a }\n  - { after: 2, of: [403], name: a }\n" SITE, 3,
     "two bans 'a'", NULL},
    {BACKEND "      concurrency: { min: 5, max: 4, start: 4 }\n", 5, "'min' is above 'max'", NULL},
    {BACKEND "      concurrency: { max: 10, start: 11 }\n", 5, "'start' is not between", "1 to 10"},
    {BACKEND "      concurrency: { low_share: 95 }\n", 5, "'low_share' is above 'normal_share'",
     NULL},
    {BACKEND "      concurrency: { tolerance: 200 }\n", 5, "tolerance", NULL},
    {BACKEND "      concurrency: fast\n", 5, "fast", "latency"},
    {BACKEND "    priority: highest\n", 5, "highest", "high"},
    {"memory: { soft: 2G, hard: 1G }\n" SITE, 1, "memory.soft is above memory.hard", "comes first"},
    {"memory: { soft: 1k }\n" SITE, 1, "soft", NULL},
    {"limits: { reserved: 10 }\n" SITE, 1, "for nobody", "reserved_for"},
    {"sites: [ { hosts: [a.example], passthrough: 127.0.0.1:1, rates: [{ requests: 1 }] } ]\n", 1,
     "cannot have 'rates'", NULL},
};

static const struct message_case warnings[] = {
    {SITE "    access: [{ allow: all }, { deny: { path: /a } }]\n", 4,
     "this rule never decides anything", "the rule on line 4"},
    {SITE "    access:\n      - deny: { path: /a* }\n      - allow: { path: /ab, methods: [GET] "
          "}\n      - allow: all\n",
     6, "never decides", "the rule on line 5"},
    {SITE "    access:\n      - deny: { client_address: [10.0.0.0/8] }\n      - allow: { "
          "client_address: [10.1.0.0/16, 10.2.3.4] }\n      - allow: all\n",
     6, "never decides", "line 5"},
    {KNOWN "    access:\n      - allow: known\n      - deny: { user: eve }\n", 7, "never decides",
     "line 6"},
    {KNOWN "    access:\n      - allow: { user: [ann, bob] }\n      - deny: { user: bob }\n", 7,
     "never decides", "line 6"},
    {"policies: [{ name: p, rules: [{ allow: all }] }]\n" SITE
     "    access: [ { policy: p }, { deny: { path: /a } } ]\n",
     5, "never decides", "line 1"},
    {SITE "    access: [{ allow: { user: ann } }]\n", 4, "nobody is asked who he is", "optional"},
    {"sites:\n  - hosts: [a.example]\n    routes:\n      - match: { path: /api/* }\n        "
     "respond: "
     "{}\n        access: [{ deny: { path: /admin/* } }, { allow: all }]\n",
     6, "no request for /admin/* comes here", "the route"},
    {BACKEND "      concurrency: { adapt: off, max: 10, probe: 5s }\n", 5, "'probe' has no effect",
     "adapt: latency"},
    {BACKEND "    priority: high\n", 5, "'priority' has no effect", "concurrency"},
    {"sites:\n  - hosts: [a.example]\n    routes:\n      - { respond: {}, priority: low }\n", 4,
     "'priority' has no effect", NULL},
    {"sites:\n  - hosts: [a.example]\n    passthrough: { servers: 127.0.0.1:1, concurrency: "
     "latency "
     "}\n",
     3, "counts requests", "max_connections"},
    {"sites:\n  - hosts: [a.example]\n    routes:\n      - respond: {}\n        site_access: "
     "false\n",
     5, "where the site has no 'access'", "remove it"},
};

static const char *const fine[] = {
    BACKEND "      concurrency: latency\n      queue: { size: 3 }\n    priority: low\n",
    BACKEND "      concurrency: { max: 10 }\n",
    "memory: { soft: 1G, hard: 2G }\n" SITE,
    "policies: [{ name: p, rules: [{ allow: { client_address: [10.0.0.0/8] } }] }]\nlisteners:\n  "
    "- "
    "{ bind: ':1', tcp: 127.0.0.1:2, access: p }\n",
    "sites: [ { hosts: [a.example], backend: { servers: [ { address: 127.0.0.1:1, max_requests: 1 "
    "} ] "
    "}, priority: high } ]\n",
    "sites: [ { hosts: [a.example], passthrough: { servers: [ { address: 127.0.0.1:1, "
    "max_connections: 1 } ] }, priority: high } ]\n",
    "memory: { soft: 1G }\n" SITE,
    KNOWN "    access: []\n",
    KNOWN "    access: [{ deny: { user: eve } }, { allow: known }]\n",
    SITE "    access: [{ deny: { client_address: [10.1.0.0/16] } }, { allow: { client_address: "
         "[10.0.0.0/8] } }]\n",
    SITE "    access: [{ deny: { path: /a, methods: [POST] } }, { deny: { path: /a } }, { allow: "
         "all }]\n",
    "countries: c.mmdb\n" SITE "    access: [{ deny: { country: [DE, unknown] } }, { allow: all "
    "}]\n",
    SITE "    access: [{ deny: { hours: { from: '22:00', until: '06:00', zone: local } } }, { "
         "allow: all }]\n",
    "policies: [{ name: p, rules: [{ deny: { path: /a } }] }]\n" SITE
    "    access: [ { policy: p }, { allow: all } ]\n",
    SITE "    rates: [{ requests: 10, per: 1m, burst: 3, wait: 2s }, { at_once: 5, queue: 5, wait: "
         "1s }, { requests: 5, by: '{user}', kind: window }]\n",
    SITE "    rates: [{ requests: 1, by: all, only: { methods: [POST] }, dry_run: true }]\n",
    "bans: [{ after: 10, of: [401, 4xx, bad_request, handshake], within: 1m, for: 10m }]\n" SITE,
    "sites: [ { hosts: [a.example], passthrough: 127.0.0.1:1, access: [ { deny: { client_address: "
    "[10.0.0.0/8] } }, { allow: all } ] } ]\n",
    "limits: { connections_per_address: 100, connections_per_second: 0, reserved: 5, reserved_for: "
    "[10.0.0.0/8] }\n" SITE,
    "sites:\n  - hosts: [a.example]\n    access: []\n    routes:\n      - respond: {}\n        "
    "site_access: false\n",
};

static struct settings *load(const char *yaml, struct config_report *report)
{
    config_report_init(report);
    return config_load_text(span_from_cstr(yaml), "tidegate.yaml", report);
}

static bool is_there(const struct config_report *report, const struct message_case *c,
                     enum config_severity severity)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct config_message *message = &report->messages[i];
        if (message->severity == severity && message->place.line == c->line &&
            strstr(message->text, c->text) != NULL &&
            (c->hint == NULL ||
             (message->hint != NULL && strstr(message->hint, c->hint) != NULL))) {
            return true;
        }
    }
    return false;
}

static void expect_all(const struct message_case *cases, size_t count,
                       enum config_severity severity)
{
    for (size_t i = 0; i < count; i++) {
        struct config_report report;
        struct settings *settings = load(cases[i].yaml, &report);

        if (!is_there(&report, &cases[i], severity) ||
            (settings == NULL) != (severity == CONFIG_ERROR)) {
            config_report_print(&report, stderr, false);
            fail_msg("%s: want '%s'", cases[i].yaml, cases[i].text);
        }
        settings_destroy(settings);
        config_report_free(&report);
    }
}

static void each_mistake_is_told(void **state)
{
    (void)state;
    expect_all(errors, ARRAY_LEN(errors), CONFIG_ERROR);
}

static void rules_that_never_decide_are_told_of(void **state)
{
    (void)state;
    expect_all(warnings, ARRAY_LEN(warnings), CONFIG_WARNING);
}

static void what_is_right_is_quiet(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        struct config_report report;
        struct settings *settings = load(fine[i], &report);

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
        cmocka_unit_test(each_mistake_is_told),
        cmocka_unit_test(rules_that_never_decide_are_told_of),
        cmocka_unit_test(what_is_right_is_quiet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

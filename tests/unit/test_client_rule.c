/* Rules about clients' certificates, and the routes that have them. */
#include "edge/client_rule.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "edge/route.h"

enum kind { DNS, URI, EMAIL, SUBJECT };

static bool fits(enum kind kind, const char *pattern, const char *name)
{
    struct span patterns[] = {SPAN("x.invalid:@"), span_from_cstr(pattern)};
    struct span names[] = {SPAN("other:@name"), span_from_cstr(name)};
    struct client_name_list rule_list = {patterns, 2};
    struct client_name_list list = {names, 2};
    struct client_rule rule = {0};
    struct client_names client = {0};

    switch (kind) {
    case DNS:
        rule.dns = rule_list;
        client.dns = list;
        break;
    case URI:
        rule.uris = rule_list;
        client.uris = list;
        break;
    case EMAIL:
        rule.emails = rule_list;
        client.emails = list;
        break;
    case SUBJECT:
        rule.subjects = rule_list;
        client.subject = names[1];
        break;
    }
    return client_rule_fits(&rule, &client);
}

static void names_fit(void **state)
{
    static const struct {
        enum kind kind;
        const char *pattern;
        const char *name;
        bool fits;
    } cases[] = {
        {DNS, "a.example", "a.example", true},
        {DNS, "a.example", "A.Example", true},
        {DNS, "a.example", "b.a.example", false},
        {DNS, "*.a.example", "b.a.example", true},
        {DNS, "*.a.example", "B.A.example", true},
        {DNS, "*.a.example", "c.b.a.example", false},
        {DNS, "*.a.example", "a.example", false},
        {DNS, "*.a.example", ".a.example", false},
        {DNS, "*.a.example", "*.a.example", false},
        {DNS, "*.a.example", "ba.example", false},
        {DNS, "a.example", "a.example.", false},
        {DNS, "a.example", "", false},
        {URI, "spiffe://t/a", "spiffe://t/a", true},
        {URI, "spiffe://t/a", "spiffe://t/ab", false},
        {URI, "spiffe://t/a", "spiffe://T/a", false},
        {URI, "spiffe://t/a/*", "spiffe://t/a/b/c", true},
        {URI, "spiffe://t/a/*", "spiffe://t/a", false},
        {URI, "spiffe://t/a/*", "spiffe://t/a/", true},
        {EMAIL, "A@b.example", "A@B.example", true},
        {EMAIL, "A@b.example", "a@b.example", false},
        {EMAIL, "*@b.example", "who@b.example", true},
        {EMAIL, "*@b.example", "who@c.b.example", false},
        {EMAIL, "*@b.example", "b.example", false},
        {EMAIL, "*@b.example", "a@c@b.example", false},
        {SUBJECT, "CN=a,O=b", "CN=a,O=b", true},
        {SUBJECT, "CN=a,O=b", "CN=a", false},
        {SUBJECT, "CN=a", "CN=A", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (fits(cases[i].kind, cases[i].pattern, cases[i].name) != cases[i].fits) {
            fail_msg("%s against %s", cases[i].name, cases[i].pattern);
        }
    }
}

static void each_list_must_fit(void **state)
{
    struct span dns = SPAN("a.example");
    struct span subject = SPAN("CN=a");
    struct client_rule rule = {.dns = {&dns, 1}, .subjects = {&subject, 1}};
    struct client_names client = {.dns = {&dns, 1}, .subject = subject};
    struct client_rule anybody = {0};

    (void)state;
    assert_true(client_rule_fits(&rule, &client));
    client.subject = SPAN_OF("CN=b");
    assert_false(client_rule_fits(&rule, &client));
    client.subject = subject;
    client.dns.count = 0;
    assert_false(client_rule_fits(&rule, &client));
    assert_true(client_rule_fits(&anybody, &client));
    assert_false(client_rule_fits(&anybody, NULL));
}

static int find(const struct route_table *table, struct span path, struct span method,
                const struct client_names *client)
{
    struct match_facts facts = {.path = path, .method = method, .steps = MATCH_STEPS_MAX};

    return route_table_find(table, &facts, client);
}

static void routes_for_some_clients(void **state)
{
    struct span subject = SPAN("CN=a");
    struct client_rule rule = {.subjects = {&subject, 1}};
    struct client_names us = {.subject = SPAN("CN=a")};
    struct client_names them = {.subject = SPAN("CN=b")};
    const char *get[] = {"GET"};
    const char *put[] = {"PUT"};
    struct route_match routes[4];
    struct route_table table = {routes, 4};
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    route_match_init(&routes[0], "/a", get, 1, &arena);
    route_match_init(&routes[1], "/a", put, 1, &arena);
    route_match_init(&routes[2], "/b", NULL, 0, &arena);
    route_match_init(&routes[3], "/b", get, 1, &arena);
    assert_false(route_table_asks_client(&table));
    routes[0].client = routes[2].client = &rule;
    assert_true(route_table_asks_client(&table));
    assert_int_equal(find(&table, SPAN_OF("/a"), SPAN_OF("GET"), &us), 0);
    assert_int_equal(find(&table, SPAN_OF("/a"), SPAN_OF("PUT"), &them), 1);
    assert_int_equal(find(&table, SPAN_OF("/a"), SPAN_OF("GET"), &them), ROUTE_CLIENT_REFUSED);
    assert_int_equal(find(&table, SPAN_OF("/a"), SPAN_OF("GET"), NULL), ROUTE_CLIENT_REFUSED);
    assert_int_equal(find(&table, SPAN_OF("/a"), SPAN_OF("POST"), &us), ROUTE_METHOD_NOT_ALLOWED);
    assert_int_equal(find(&table, SPAN_OF("/b"), SPAN_OF("GET"), &them), 3);
    assert_int_equal(find(&table, SPAN_OF("/b"), SPAN_OF("PUT"), &them), ROUTE_CLIENT_REFUSED);
    assert_int_equal(find(&table, SPAN_OF("/c"), SPAN_OF("GET"), &us), ROUTE_NONE);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_fit),
        cmocka_unit_test(each_list_must_fit),
        cmocka_unit_test(routes_for_some_clients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

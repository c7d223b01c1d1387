/* Which requests may pass: rules as the configuration says them, asked as live traffic asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>

#include "access/access_rules.h"
#include "auth/auth_identity.h"
#include "base/log.h"
#include "config/config.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    log_set_level(LOG_LEVEL_ERROR);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

/* What a request is, besides GET /x by nobody, from 192.0.2.7. */
struct asked {
    const char *path;
    const char *method;
    const char *user;
    const char *group;
    const char *scope;
    struct auth_claim claims[4]; /* in the order of their paths */
    const char *also;            /* a user that another method has found */
    const char *address;
    bool has_certificate;
};

static const uint8_t *ask_address(void *asker)
{
    static uint8_t ip[16];
    const struct asked *asked = asker;
    const char *text = asked->address != NULL ? asked->address : "192.0.2.7";

    memset(ip, 0, 10);
    memset(ip + 10, 0xff, 2);
    if (inet_pton(AF_INET, text, ip + 12) != 1) {
        assert_int_equal(inet_pton(AF_INET6, text, ip), 1);
    }
    return ip;
}

static const struct client_names *ask_client(void *asker)
{
    static const struct span uris[] = {SPAN("spiffe://example.org/shop")};
    static const struct client_names names = {.uris = {uris, 1}};

    return ((const struct asked *)asker)->has_certificate ? &names : NULL;
}

static struct auth_list one_of(const char *text)
{
    struct span *item = arena_calloc(&arena, sizeof(*item));

    *item = span_from_cstr(text);
    return (struct auth_list){item, text != NULL ? 1 : 0};
}

static size_t count_claims(const struct asked *asked)
{
    size_t count = 0;

    while (count < ARRAY_LEN(asked->claims) && asked->claims[count].path.ptr != NULL) {
        count++;
    }
    return count;
}

/* "allowed a/access/1", "denied ...", "unknown ...", "undecided ...". */
static const char *ask(const struct access_plan *plan, const struct asked *asked)
{
    static const char *const words[] = {"allowed", "denied", "unknown", "undecided"};
    struct auth_identity also = {.user = span_from_cstr(asked->also)};
    struct auth_identity identity = {.user = span_from_cstr(asked->user),
                                     .groups = one_of(asked->group),
                                     .scopes = one_of(asked->scope),
                                     .claims = {asked->claims, count_claims(asked)},
                                     .also = asked->also != NULL ? &also : NULL};
    struct access_facts more = {asked->user != NULL ? &identity : NULL, ask_client, 1801267200};
    struct http_request message = {.authority = SPAN("a.example")};
    struct match_facts facts = {.method =
                                    span_from_cstr(asked->method != NULL ? asked->method : "GET"),
                                .request = &message,
                                .address = ask_address,
                                .asker = (void *)(uintptr_t)asked,
                                .arena = &arena,
                                .steps = MATCH_STEPS_MAX,
                                .more = &more};
    struct access_verdict verdict;
    struct path path;

    if (path_normalise(span_from_cstr(asked->path != NULL ? asked->path : "/x"), &arena, &path) !=
        PATH_OK) {
        return "refused"; /* before any rule is asked */
    }
    access_ask(plan, &facts, &path, EDGE_PATHS_EACH_READING, &verdict);
    return arena_printf(&arena, "%s %s", words[verdict.outcome],
                        verdict.rule != NULL ? verdict.rule : "-");
}

static struct settings *load(const char *text)
{
    struct config_report report;
    struct settings *settings;

    config_report_init(&report);
    settings = config_load_text(span_from_cstr(text), "tidegate.yaml", &report);
    if (settings == NULL) {
        config_report_print(&report, stderr, false);
    }
    config_report_free(&report);
    assert_non_null(settings);
    return settings;
}

/* Of the site's rules. */
static void expect(const char *rules, const struct asked *asked, const char *want)
{
    struct settings *settings =
        load(arena_printf(&arena,
                          "policies:\n"
                          "  - { name: staff, rules: [ { deny: { user: eve } }, "
                          "{ allow: { group: staff }, name: by-group } ] }\n"
                          "sites:\n"
                          "  - { hosts: a.example, respond: {}, tls: { certificate: a, key: a,\n"
                          "      clients: { ca: c, verify: optional } },\n"
                          "      access: [ %s ] }\n",
                          rules));
    struct access_files files = {0};
    struct error error = {""};
    struct access_sources sources = {&files, NULL, &error, false};
    struct access_plan plan = {.count = 1};
    const char *got;

    plan.lists[0] = access_list_build(&settings->sites[0].access, "a", &sources, &arena);
    assert_false(sources.has_failed);
    got = ask(&plan, asked);
    if (strcmp(got, want) != 0) {
        fail_msg("%s: %s, want %s", rules, got, want);
    }
    access_files_close(&files);
    settings_destroy(settings);
}

#define EXPECT(rules, want, ...) expect(rules, &(struct asked){__VA_ARGS__}, want)

static void first_that_fits_decides(void **state)
{
    (void)state;
    EXPECT("", "denied a/access/none", .user = "ann");
    EXPECT("{ allow: all }", "allowed a.example/access/1", .user = NULL);
    EXPECT("{ deny: all }, { allow: all }", "denied a.example/access/1", .user = "ann");
    EXPECT("{ allow: { user: ann } }, { deny: all }", "allowed a.example/access/1", .user = "ann");
    EXPECT("{ allow: { user: ann } }, { deny: all }", "denied a.example/access/2", .user = "bob");
    EXPECT("{ allow: { user: ann } }", "denied a/access/none", .user = "bob");
    EXPECT("{ deny: { path: /a* }, name: not-a }, { allow: all }", "denied not-a", .path = "/ab");
    EXPECT("{ deny: { path: /a* } }, { allow: all }", "allowed a.example/access/2", .path = "/b");
}

static void who_sends_it(void **state)
{
    (void)state;
    EXPECT("{ allow: known }", "allowed a.example/access/1", .user = "ann");
    EXPECT("{ allow: known }", "unknown a/access/none", .user = NULL);
    EXPECT("{ allow: { user: ann } }, { deny: all }", "unknown a.example/access/2", .user = NULL);
    EXPECT("{ deny: all }, { allow: known }", "denied a.example/access/1", .user = NULL);
    EXPECT("{ deny: { user: bob } }", "denied a/access/none", .user = NULL);
    EXPECT("{ allow: { user: 'ci-*' } }", "allowed a.example/access/1", .user = "ci-7");
    EXPECT("{ allow: { user: 'ci-*' } }", "denied a/access/none", .user = "CI-7");
    EXPECT("{ allow: { user: 're:^[a-c]n' } }", "allowed a.example/access/1", .user = "ann");
    EXPECT("{ allow: { user: ann } }", "allowed a.example/access/1", .user = "key", .also = "ann");
    EXPECT("{ allow: { group: staff } }", "allowed a.example/access/1", .user = "ann",
           .group = "staff");
    EXPECT("{ allow: { group: staff } }", "denied a/access/none", .user = "staff");
    EXPECT("{ allow: { scope: [read, write] } }", "allowed a.example/access/1", .user = "ci",
           .scope = "write");
    EXPECT("{ allow: { user: ann, scope: read } }", "denied a/access/none", .user = "ann",
           .scope = "write");
    EXPECT("{ allow: { not: { user: eve } } }", "allowed a.example/access/1", .user = NULL);
    EXPECT("{ allow: { any: [ { user: ann }, { client_address: 10.0.0.0/8 } ] } }",
           "allowed a.example/access/1", .address = "10.1.1.1");
    EXPECT("{ allow: { client: { uri: ['spiffe://example.org/*'] } } }",
           "allowed a.example/access/1", .has_certificate = true);
    EXPECT("{ allow: { client: { uri: ['spiffe://example.org/*'] } } }", "denied a/access/none",
           .has_certificate = false);
}

#define CLAIM(path, value, kind)                                                                   \
    {                                                                                              \
        SPAN(path), SPAN(value), AUTH_CLAIM_##kind                                                 \
    }

static void claims(void **state)
{
    static const struct {
        const char *rule;
        struct auth_claim claims[4];
        bool fits;
    } cases[] = {
        {"{ tenant: acme }", {CLAIM("tenant", "acme", TEXT)}, true},
        {"{ tenant: acme }", {CLAIM("tenant", "Acme", TEXT)}, false},
        {"{ tenant: acme }", {CLAIM("Tenant", "acme", TEXT)}, false},
        {"{ tenant: 'ac*' }", {CLAIM("tenant", "acme", TEXT)}, true},
        {"{ roles: admin }", {CLAIM("roles", "user", TEXT), CLAIM("roles", "admin", TEXT)}, true},
        {"{ a.roles: admin }", {CLAIM("a.roles", "admin", TEXT)}, true},
        {"{ roles: '*' }", {CLAIM("role", "admin", TEXT)}, false},
        {"{ level: '>= 3' }", {CLAIM("level", "3", NUMBER)}, true},
        {"{ level: '>= 3' }", {CLAIM("level", "2.99", NUMBER)}, false},
        {"{ level: '>= 3' }", {CLAIM("level", "3e1", NUMBER)}, true},
        {"{ level: '>= 3' }", {CLAIM("level", "3", TEXT)}, false}, /* another kind */
        {"{ level: '>3' }", {CLAIM("level", "3", NUMBER)}, false},
        {"{ level: '<= -1' }", {CLAIM("level", "-2", NUMBER)}, true},
        {"{ level: '< 10' }", {CLAIM("level", "9", NUMBER)}, true}, /* not as texts */
        {"{ level: '< 10' }", {{{NULL, 0}, {NULL, 0}, AUTH_CLAIM_TEXT}}, false},
        {"{ ok: 'true' }", {CLAIM("ok", "true", BOOL)}, true},
        {"{ a: x, b: y }", {CLAIM("a", "x", TEXT), CLAIM("b", "y", TEXT)}, true},
        {"{ a: x, b: y }", {CLAIM("a", "x", TEXT), CLAIM("b", "z", TEXT)}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct asked asked = {.user = "ann"};
        memcpy(asked.claims, cases[i].claims, sizeof(asked.claims));
        expect(arena_printf(&arena, "{ allow: { claims: %s } }", cases[i].rule), &asked,
               cases[i].fits ? "allowed a.example/access/1" : "denied a/access/none");
    }
}

static void policies_stand_in_their_place(void **state)
{
    (void)state;
    EXPECT("staff", "allowed by-group", .user = "ann", .group = "staff");
    EXPECT("staff, { allow: all }", "denied staff/1", .user = "eve", .group = "staff");
    EXPECT("staff, { allow: all }", "allowed a.example/access/2", .user = "bob");
    EXPECT("{ policy: staff }", "unknown a/access/none", .user = NULL);
}

static void where_and_when(void **state)
{
    const char *hours = "{ allow: { hours: { from: '00:00', until: '01:00', zone: utc } } }";
    const char *later = "{ allow: { hours: { from: '01:00', until: '02:00', zone: utc } } }";

    (void)state;
    EXPECT(hours, "allowed a.example/access/1", .user = NULL);
    EXPECT(later, "denied a/access/none", .user = NULL);
    EXPECT("{ deny: { methods: [POST] } }, { allow: all }", "denied a.example/access/1",
           .method = "POST");
    EXPECT("{ allow: { methods: [GET] } }", "allowed a.example/access/1", .method = "HEAD");
    EXPECT("{ allow: { client_address: [192.0.2.0/24, '2001:db8::/32'] } }",
           "allowed a.example/access/1", .address = "2001:db8::9");
}

/* Another spelling of a path is no way past a rule about it. */
static void spellings(void **state)
{
    static const char *const paths[] = {
        "/admin/x",          "/./admin/x",
        "/y/../admin/x",     "//admin/x",
        "/%61dmin/x",        "/admin%2Fx",
        "/y/%2e%2e/admin/x", "/admin;v=1/x",
        "/%2561dmin/x",      "/admin%5Cx",
        "/%2e/admin/x",      "/admin/%2e/x",
        "/;a/admin/x",       "/y%252fadmin/../admin/x",
    };
    static const char *const hidden[] = {"/y%2F..%2Fadmin/x", "/admin/..;/admin/x",
                                         "/y/%2e%2e%2fadmin/x", "/y/..%5Cadmin/x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        EXPECT("{ deny: { path: /admin/* } }, { allow: all }", "denied a.example/access/1",
               .path = paths[i]);
        /* What is let through by its path has to be that in each reading. */
        EXPECT("{ allow: { not: { path: /admin/* } } }", "denied a/access/none", .path = paths[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
        EXPECT("{ allow: all }", "refused", .path = hidden[i]);
    }
    EXPECT("{ deny: { path: /admin/* } }, { allow: all }", "allowed a.example/access/2",
           .path = "/administrator");
}

static void route_tightens(void **state)
{
    struct settings *settings =
        load("sites: [ { hosts: a.example, access: [ { allow: { group: staff } } ],\n"
             "  auth: { api_key: keys }, routes: [ { name: r, respond: {},\n"
             "    access: [ { deny: { user: eve } }, { allow: all } ] } ] } ]");
    struct access_files files = {0};
    struct error error = {""};
    struct access_sources sources = {&files, NULL, &error, false};
    struct access_plan plan = {.count = 2};

    (void)state;
    plan.lists[0] = access_list_build(&settings->sites[0].access, "a", &sources, &arena);
    plan.lists[1] = access_list_build(&settings->sites[0].routes[0].access, "r", &sources, &arena);
    assert_string_equal(ask(&plan, &(struct asked){.user = "ann", .group = "staff"}),
                        "allowed r/access/2");
    assert_string_equal(ask(&plan, &(struct asked){.user = "eve", .group = "staff"}),
                        "denied r/access/1");
    assert_string_equal(ask(&plan, &(struct asked){.user = "bob"}), "denied a/access/none");
    access_files_close(&files);
    settings_destroy(settings);
}

static void search_that_is_given_up_lets_nobody_pass(void **state)
{
    (void)state;
    EXPECT("{ deny: { regex: '^/(a+)+$' } }, { allow: all }", "undecided a.example/access/1",
           .path = "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_that_fits_decides),
        cmocka_unit_test(who_sends_it),
        cmocka_unit_test(claims),
        cmocka_unit_test(policies_stand_in_their_place),
        cmocka_unit_test(where_and_when),
        cmocka_unit_test(spellings),
        cmocka_unit_test(route_tightens),
        cmocka_unit_test(search_that_is_given_up_lets_nobody_pass),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

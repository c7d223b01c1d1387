/* config/compare: what is different between two configurations, in the words of the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "config/compare.h"
#include "config/config.h"
#include "config/directives.h"
#include "process/plan.h"

static struct settings *load(const char *text)
{
    struct config_report report;
    struct settings *settings;

    config_report_init(&report);
    settings = config_load_text(span_from_cstr(text), "tidegate.yaml", &report);
    if (settings == NULL) {
        config_report_print(&report, stderr, false);
        fail_msg("not loaded: %s", text);
    }
    config_report_free(&report);
    return settings;
}

static void describe(const struct comparison *comparison, struct strbuf *out)
{
    static const char *const kinds[] = {"+", "-", "~"};

    for (size_t i = 0; i < comparison->count; i++) {
        const struct difference *found = &comparison->items[i];

        strbuf_printf(out, "%s %s %s", kinds[found->kind], found->what, found->name);
        for (size_t j = 0; j < found->key_count; j++) {
            strbuf_printf(out, "; %s%s: %s -> %s", found->keys[j].key,
                          found->keys[j].needs_restart ? "!" : "",
                          found->keys[j].before != NULL ? found->keys[j].before : "nothing",
                          found->keys[j].after != NULL ? found->keys[j].after : "nothing");
        }
        strbuf_add_char(out, '\n');
    }
}

static void expect(const char *before, const char *after, const char *words)
{
    struct settings *old = load(before);
    struct settings *new = load(after);
    struct comparison comparison;
    struct arena arena;
    struct strbuf text;

    arena_init(&arena, 4096);
    strbuf_init(&text);
    compare_settings(old, new, &arena, &comparison);
    strbuf_add_cstr(&text, "");
    describe(&comparison, &text);
    assert_string_equal(text.ptr != NULL ? text.ptr : "", words);
    strbuf_free(&text);
    arena_destroy(&arena);
    settings_destroy(old);
    settings_destroy(new);
}

#define SITE(host, rest) "  - hosts: [" host "]\n" rest
#define OK "    respond: { status: 200 }\n"

static void what_is_the_same_is_no_difference(void **state)
{
    static const char whole[] = "sites:\n" SITE(
        "a.example", "    tls: { certificate: a.crt, key: a.key, ocsp: a.der }\n"
                     "    backend: api\n") "backends:\n  - { name: api, servers: [127.0.0.1:1] }\n";

    (void)state;
    expect(whole, whole, "");
    expect(
        whole,
        "workers: 0\nlimits: { head: 32k }\n"
        "sites:\n" SITE(
            "a.example",
            "    name: a.example\n    plain_http: redirect\n"
            "    tls: { certificates: [ { certificate: a.crt, key: a.key, "
            "ocsp: a.der } ] }\n"
            "    routes: [ { match: { path: /* }, backend: api } ]\n") "backends:\n  - { name: "
                                                                       "api, servers: [ { address: "
                                                                       "127.0.0.1:1, weight: 1 } ] "
                                                                       "}\n"
                                                                       "listeners: [ { bind: "
                                                                       "[\":80\", \":443\"] } ]\n",
        "");
}

static void things_are_added_and_removed(void **state)
{
    (void)state;
    expect("sites:\n" SITE("a.example", OK) SITE(
               "b.example",
               "    backend: old\n") "backends:\n  - { name: old, servers: [127.0.0.1:1] }\n"
                                     "listeners:\n  - bind: 127.0.0.1:1\n  - bind: 127.0.0.1:2\n",
           "sites:\n" SITE("b.example", "    backend: new\n")
               SITE("c.example",
                    OK) "backends:\n  - { name: new, servers: [127.0.0.1:1] }\n"
                        "listeners:\n  - bind: 127.0.0.1:3\n  - bind: [127.0.0.1:2, 127.0.0.1:4]\n",
           "~ route /*; backend: old -> new\n"
           "+ site c.example\n"
           "- site a.example\n"
           "+ backend new\n"
           "- backend old\n"
           "+ listener 127.0.0.1:3\n"
           "~ listener 127.0.0.1:2; bind: 127.0.0.1:2 -> 127.0.0.1:2, 127.0.0.1:4\n"
           "- listener 127.0.0.1:1\n");
}

static void changed_keys_are_named(void **state)
{
    (void)state;
    expect("workers: 2\nuser: nobody\ntrusted_proxies: [10.0.0.0/8, unix]\n"
           "limits: { body: 1M }\ntimeouts: { tunnel_total: off }\n"
           "sites:\n" SITE("a.example",
                           "    tls: { certificate: a.crt, key: a.key, policy: modern }\n"
                           "    backend: { name: api, servers: [127.0.0.1:1, 127.0.0.1:2] }\n"),
           "workers: 4\nuser: www-data\ntrusted_proxies: [10.0.0.0/8, \"fd00::/8\"]\n"
           "limits: { body: unlimited, head: 16k }\ntimeouts: { tunnel_total: 1h }\n"
           "sites:\n" SITE("a.example",
                           "    tls: { certificate: b.crt, key: b.key, clients: { ca: c.pem } }\n"
                           "    plain_http: refuse\n"
                           "    backend: { name: api, balance: round_robin, servers: "
                           "[ { address: 127.0.0.1:1, weight: 3 }, 127.0.0.1:3 ] }\n"),
           "~ site a.example; tls.certificates: nothing -> b.crt; tls.certificates: a.crt -> "
           "nothing; tls.policy: modern -> intermediate; tls.clients: nothing -> set; "
           "plain_http: nothing -> refuse\n"
           "~ backend api; servers.127.0.0.1:1.weight: 1 -> 3; servers: nothing -> 127.0.0.1:3; "
           "servers: 127.0.0.1:2 -> nothing\n"
           "~ the file ; limits.head: 32k -> 16k; limits.body: 1M -> unlimited; "
           "timeouts.tunnel_total: off -> 1h; trusted_proxies: 10.0.0.0/8, unix -> 10.0.0.0/8, "
           "fd00::/8; workers!: 2 -> 4; user!: nobody -> www-data\n");
}

#define ROUTES(list) "sites:\n" SITE("a.example", "    routes:\n" list)
#define ROUTE(match, rest) "      - { match: { " match " }, respond: { " rest " } }\n"

static void routes_are_known_by_what_they_match(void **state)
{
    (void)state;
    expect(ROUTES(ROUTE("path: /a", "status: 200") ROUTE("path: /b", "status: 200")
                      ROUTE("path: /c", "status: 200")),
           ROUTES(ROUTE("path: /new", "status: 200") ROUTE("path: /a", "status: 200")
                      ROUTE("path: /c", "status: 404, fields: { X-A: b }")),
           "+ route /new\n"
           "~ route /c; respond.status: 200 -> 404; respond.fields: nothing -> X-A: b\n"
           "- route /b\n");
    expect(ROUTES(ROUTE("path: /a", "status: 200") ROUTE("path: /b", "status: 200")),
           ROUTES(ROUTE("path: /b", "status: 200") ROUTE("path: /a", "status: 200")),
           "~ site a.example; routes: in another order -> as the file has them now\n");
}

static void what_needs_a_restart_is_told(void **state)
{
    struct settings *old = load("workers: 1\nsites:\n" SITE("a.example", OK));
    struct settings *new =
        load("workers: 2\ngroup: adm\nlimits: { head: 8k }\nsites:\n" SITE("a.example", OK));
    struct comparison comparison;
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    compare_settings(old, new, &arena, &comparison);
    assert_string_equal(comparison_restart(&comparison, 0)->key, "workers");
    assert_string_equal(comparison_restart(&comparison, 1)->key, "group");
    assert_null(comparison_restart(&comparison, 2));
    arena_destroy(&arena);
    settings_destroy(old);
    settings_destroy(new);
}

static struct plan *plan_of(const char *text)
{
    struct settings *settings = load(text);
    struct strbuf bytes;
    struct error error;
    struct plan *plan;

    strbuf_init(&bytes);
    plan_write(settings, &bytes);
    plan = plan_read(strbuf_span(&bytes), &error);
    assert_non_null(plan);
    strbuf_free(&bytes);
    settings_destroy(settings);
    return plan;
}

static void assert_plans_differ_by(const char *text, const char *more, const char *wanted)
{
    char changed[512];
    struct strbuf names;
    struct plan *before = plan_of(text);
    struct plan *after;

    (void)snprintf(changed, sizeof(changed), "%s\n%s", more, text);
    after = plan_of(changed);
    strbuf_init(&names);
    assert_int_equal(plan_fixed_differences(before, after, &names), wanted[0] != '\0');
    strbuf_add_cstr(&names, "");
    assert_string_equal(names.ptr != NULL ? names.ptr : "", wanted);
    strbuf_free(&names);
    plan_destroy(before);
    plan_destroy(after);
}

/* The supervisor, which has no settings, knows the same ones by its plan. */
static void what_needs_a_restart_is_the_same_to_the_supervisor(void **state)
{
    static const struct {
        const char *name;
        const char *text;
    } cases[] = {
        {"workers", "workers: 7"},
        {"control", "control: /run/other.sock"},
        {"tls_key_log", "tls_key_log: /root/other.log"},
        {"user", "user: www-data"},
        {"group", "group: adm"},
        {"sandbox", "sandbox: off"},
        {"limits", "limits: { head: 8k }"},
        {"log", "log: { level: debug, access: off }"},
        {"timeouts", "timeouts: { drain: 1s }"},
        {"listeners", "listeners: [ { bind: 127.0.0.1:1 } ]"},
    };
    size_t flagged = 0;

    (void)state;
    for (size_t i = 0; i < section_root.count; i++) {
        flagged += (section_root.directives[i].flags & DIRECTIVE_RESTART) != 0 ? 1 : 0;
    }
    assert_int_equal(flagged, 6); /* each is among the cases */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct directive *directive =
            section_find(&section_root, span_from_cstr(cases[i].name));
        const char *wanted = (directive->flags & DIRECTIVE_RESTART) != 0 ? cases[i].name : "";

        assert_plans_differ_by("sites:\n" SITE("a.example", OK), cases[i].text, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_the_same_is_no_difference),
        cmocka_unit_test(things_are_added_and_removed),
        cmocka_unit_test(changed_keys_are_named),
        cmocka_unit_test(routes_are_known_by_what_they_match),
        cmocka_unit_test(what_needs_a_restart_is_told),
        cmocka_unit_test(what_needs_a_restart_is_the_same_to_the_supervisor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

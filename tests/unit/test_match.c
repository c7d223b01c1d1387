/* Which requests a route takes: each condition of `match`, alone and put together, asked as live
 * traffic asks, of tables built from a configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/log.h"
#include "config/config.h"
#include "config/serving.h"

/* What a request is, besides GET /x of a client at 192.0.2.7 in plain HTTP. */
struct asked {
    const char *path;
    const char *method;
    const char *query;
    const char *fields[4][2];
    const char *address; /* "unix": a Unix socket */
    bool is_https;
    bool is_peer_trusted;
    bool has_certificate;
};

static struct arena arena;
static uint8_t address[16];

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

static const uint8_t *ask_address(void *asker)
{
    const struct asked *asked = asker;
    unsigned a[4] = {192, 0, 2, 7};

    if (asked->address != NULL) {
        if (strcmp(asked->address, "unix") == 0) {
            return NULL;
        }
        assert_int_equal(sscanf(asked->address, "%u.%u.%u.%u", &a[0], &a[1], &a[2], &a[3]), 4);
    }
    memset(address, 0, 10);
    memset(address + 10, 0xff, 2);
    for (size_t i = 0; i < 4; i++) {
        address[12 + i] = (uint8_t)a[i];
    }
    return address;
}

static const struct client_names *ask_client(void *asker)
{
    return ((const struct asked *)asker)->has_certificate ? &route_any_client : NULL;
}

static struct span span_of(const char *text, const char *otherwise)
{
    return span_from_cstr(text != NULL ? text : otherwise);
}

/* The name of the route that is taken, or the status and the reason. */
static const char *decide(const struct serving *serving, const struct settings *settings,
                          const struct asked *asked)
{
    struct http_request message = {.query = span_from_cstr(asked->query),
                                   .authority = SPAN("a.example")};
    struct edge_decision d;

    for (size_t i = 0; i < ARRAY_LEN(asked->fields) && asked->fields[i][0] != NULL; i++) {
        struct span name = span_from_cstr(asked->fields[i][0]);
        http_fields_add(&message.fields, &arena, http_field_id(name), name,
                        span_from_cstr(asked->fields[i][1]));
    }
    edge_decide(&(struct edge_request){.hosts = &serving->hosts[0],
                                       .is_https = asked->is_https,
                                       .connected = asked->is_https ? &serving->sites[0] : NULL,
                                       .host = SPAN("a.example"),
                                       .path = span_of(asked->path, "/x"),
                                       .method = span_of(asked->method, "GET"),
                                       .message = &message,
                                       .is_peer_trusted = asked->is_peer_trusted,
                                       .client = ask_client,
                                       .address = ask_address,
                                       .asker = (void *)asked},
                &arena, &d);
    if (d.verdict == EDGE_ROUTE) {
        return settings->sites[0].routes[d.route].name;
    }
    return arena_printf(&arena, "%u %s", d.status, d.reason);
}

static struct settings *load(const char *routes, bool is_tls)
{
    struct config_report report;
    const char *text = arena_printf(&arena,
                                    "listeners: [{ bind: ':1' }]\n"
                                    "sites:\n"
                                    "  - hosts: [a.example]\n"
                                    "    plain_http: serve\n%s"
                                    "    routes:\n%s",
                                    is_tls ? "    tls: { certificate: a, key: a, clients: { ca: c, "
                                             "verify: optional } }\n"
                                           : "",
                                    routes);
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

static void expect(const char *routes, bool is_tls, const struct asked *asked, const char *want)
{
    struct settings *settings = load(routes, is_tls);
    struct serving serving;
    const char *got;

    serving_build(&serving, settings, &arena);
    got = decide(&serving, settings, asked);
    if (strcmp(got, want) != 0) {
        fail_msg("%s%s: %s, want %s", routes, asked->path != NULL ? asked->path : "", got, want);
    }
    serving_free(&serving);
    settings_destroy(settings);
}

/* One route with this `match`, and one for all others. */
static void takes(const char *match, const struct asked *asked, bool is_taken)
{
    expect(arena_printf(&arena,
                        "      - { match: { %s }, name: some, respond: { body: some } }\n"
                        "      - { name: others, respond: { body: others } }\n",
                        match),
           false, asked, is_taken ? "some" : "others");
}

#define TAKES(match, ...) takes(match, &(struct asked){__VA_ARGS__}, true)
#define LEAVES(match, ...) takes(match, &(struct asked){__VA_ARGS__}, false)

static void paths(void **state)
{
    (void)state;
    TAKES("path: /x", .path = "/x");
    TAKES("path: '*.php'", .path = "/a/b.php");
    TAKES("path: '*.php'", .path = "/a/b.ph%70");
    TAKES("path: '*%2Ephp'", .path = "/a/b.php");
    LEAVES("path: '*.php'", .path = "/a/b.php/x");
    LEAVES("path: '*.php'", .path = "/a/b.PHP");
    LEAVES("path: '*.php'", .path = "/a/b.phps");
    TAKES("path: '*/'", .path = "/a/");
    LEAVES("path: '*/'", .path = "/a");
    TAKES("regex: '^/u/[0-9]+$'", .path = "/u/17");
    TAKES("regex: '^/u/[0-9]+$'", .path = "//u/./%317");
    LEAVES("regex: '^/u/[0-9]+$'", .path = "/u/17/x");
    TAKES("path: /u/*, regex: x$", .path = "/u/x");
    LEAVES("path: /u/*, regex: x$", .path = "/v/x");
}

static void fields_by_their_values(void **state)
{
    (void)state;
    TAKES("headers: { X-A: b }", .fields = {{"x-a", "b"}});
    TAKES("headers: { X-A: b }", .fields = {{"X_A", "b"}}); /* servers take it for the same */
    TAKES("headers: { X-A: b }", .fields = {{"X-A", "c"}, {"X-A", "b"}});
    LEAVES("headers: { X-A: b }", .fields = {{"X-A", "B"}});
    LEAVES("headers: { X-A: b }", .fields = {{"X-A", "b, b"}});
    LEAVES("headers: { X-A: b }", .fields = {{"X-B", "b"}});
    LEAVES("headers: { X-A: b }", .path = "/x");
    TAKES("headers: { X-A: 'b*' }", .fields = {{"X-A", "bcd"}});
    TAKES("headers: { X-A: '*d' }", .fields = {{"X-A", "bcd"}});
    LEAVES("headers: { X-A: '*c' }", .fields = {{"X-A", "bcd"}});
    TAKES("headers: { X-A: '*' }", .fields = {{"X-A", ""}});
    TAKES("headers: { X-A: 're:(?i)^B.D$' }", .fields = {{"X-A", "bcd"}});
    LEAVES("headers: { X-A: 're:^c' }", .fields = {{"X-A", "bcd"}});
    TAKES("headers: { X-A: b, X-B: c }", .fields = {{"X-A", "b"}, {"X-B", "c"}});
    LEAVES("headers: { X-A: b, X-B: c }", .fields = {{"X-A", "b"}});
    TAKES("headers: { Host: a.example }", .path = "/x");
}

static void fields_of_strangers(void **state)
{
    const char *match = "headers: { X-Forwarded-Proto: https }";

    (void)state;
    LEAVES(match, .fields = {{"X-Forwarded-Proto", "https"}});
    TAKES(match, .fields = {{"X-Forwarded-Proto", "https"}}, .is_peer_trusted = true);
    LEAVES(match, .fields = {{"X_Forwarded_Proto", "https"}}, .is_peer_trusted = true);
}

static void queries_as_servers_decode_them(void **state)
{
    (void)state;
    TAKES("query: { a: '1' }", .query = "a=1");
    TAKES("query: { a: '1' }", .query = "b=2&a=0&a=1");
    TAKES("query: { a: '1' }", .query = "%61=%31");
    TAKES("query: { a: 'x y' }", .query = "a=x+y");
    TAKES("query: { a: 'x y' }", .query = "a=x%20y");
    TAKES("query: { a: '' }", .query = "a");
    TAKES("query: { a: '*' }", .query = "a");
    TAKES("query: { a: '100%' }", .query = "a=100%");
    TAKES("query: { a: '1' }", .query = "b=2;a=1"); /* as some servers read it */
    TAKES("query: { a: '1' }", .query = "b=2;a=1;c&d");
    TAKES("query: { a: '1;c' }", .query = "a=1;c"); /* and others */
    LEAVES("not: { query: { a: '1' } }", .query = "b;a=1");
    LEAVES("query: { a: '1' }", .query = "b=2%3Ba=1");
    LEAVES("query: { a: '1' }", .query = "a=11");
    LEAVES("query: { a: '1' }", .query = "A=1");
    LEAVES("query: { a: '1' }", .query = "b=a=1");
    LEAVES("query: { a: '*' }", .path = "/x");
}

static void cookies_wherever_they_stand(void **state)
{
    (void)state;
    TAKES("cookies: { a: '1' }", .fields = {{"Cookie", "b=2; a=1"}});
    TAKES("cookies: { a: '1' }", .fields = {{"cookie", "b=2"}, {"cookie", "a=1"}});
    TAKES("cookies: { a: '1' }", .fields = {{"Cookie", "a=0; a=1"}});
    TAKES("cookies: { a: '1' }", .fields = {{"Cookie", "b;a = 1 ;c=\""}}); /* as servers read it */
    TAKES("cookies: { a: '1' }", .fields = {{"Cookie", "a=\"1\""}});
    TAKES("cookies: { a: '1' }", .fields = {{"Cookie", "a=%31"}});
    TAKES("cookies: { a: '1' }", .fields = {{"Cookie", "a=\"%31\""}});
    TAKES("cookies: { a: '%31' }", .fields = {{"Cookie", "a=%31"}});
    LEAVES("cookies: { a: '1' }", .fields = {{"Cookie", "a=\"1"}});
    LEAVES("cookies: { a: '' }", .fields = {{"Cookie", "a=\""}});
    LEAVES("cookies: { a: '1' }", .fields = {{"Cookie", "a=11"}});
    LEAVES("cookies: { a: '1' }", .fields = {{"Cookie", "A=1"}});
    LEAVES("cookies: { a: '*' }", .fields = {{"Cookie", "a"}});
    LEAVES("cookies: { a: '*' }", .fields = {{"X-Cookie", "a=1"}});
}

static void addresses_and_schemes(void **state)
{
    (void)state;
    TAKES("client_address: 192.0.2.0/24", .path = "/x");
    TAKES("client_address: [10.0.0.0/8, 192.0.2.7]", .path = "/x");
    LEAVES("client_address: 192.0.2.0/30", .path = "/x");
    LEAVES("client_address: 192.0.2.0/24", .address = "unix");
    TAKES("client_address: unix", .address = "unix");
    LEAVES("client_address: unix", .path = "/x");
    TAKES("scheme: http", .path = "/x");
    LEAVES("scheme: https", .path = "/x");
    LEAVES("methods: [POST], path: /x", .path = "/x");
}

static void parts_put_together(void **state)
{
    (void)state;
    TAKES("not: { path: /y }", .path = "/x");
    LEAVES("not: { path: /y }", .path = "/y");
    TAKES("not: { path: /y, methods: [POST] }", .path = "/y");
    LEAVES("not: { path: /y, methods: [GET] }", .path = "/y", .method = "HEAD");
    TAKES("any: [{ path: '*.css' }, { path: '*.js' }]", .path = "/a.js");
    LEAVES("any: [{ path: '*.css' }, { path: '*.js' }]", .path = "/a.ts");
    TAKES("all: [{ path: '/a*' }, { path: '*.js' }]", .path = "/a.js");
    LEAVES("all: [{ path: '/a*' }, { path: '*.js' }]", .path = "/b.js");
    TAKES("all: [{ not: { path: /a } }, { not: { path: /b } }]", .path = "/c");
    LEAVES("all: [{ not: { path: /a } }, { not: { path: /b } }]", .path = "/b");
    TAKES("not: { any: [{ not: { headers: { X-A: '*' } } }, { scheme: https }] }",
          .fields = {{"X-A", "b"}});
    LEAVES("not: { any: [{ not: { headers: { X-A: '*' } } }, { scheme: https }] }", .path = "/x");
    LEAVES("path: /x, any: [{ query: { a: '*' } }, { cookies: { a: '*' } }]", .path = "/x");
    TAKES("path: /x, any: [{ query: { a: '*' } }, { cookies: { a: '*' } }]", .query = "a=1");
}

#define INSIDE                                                                                     \
    "      - match: { path: /in/*, client_address: 10.0.0.0/8 }\n"                                 \
    "        else: deny\n"                                                                         \
    "        name: inside\n"                                                                       \
    "        respond: { body: inside }\n"                                                          \
    "      - { name: others, respond: { body: others } }\n"

static void who_does_not_fit_is_denied(void **state)
{
    static const char certificate[] =
        "      - match: { path: /in/*, headers: { X-A: b }, client: { dns: c.example } }\n"
        "        else: deny\n"
        "        name: inside\n"
        "        respond: { body: inside }\n"
        "      - { name: others, respond: { body: others } }\n";

    (void)state;
    expect(INSIDE, false, &(struct asked){.path = "/in/x", .address = "10.1.2.3"}, "inside");
    expect(INSIDE, false, &(struct asked){.path = "/in/x"}, "403 request_not_allowed");
    expect(INSIDE, false, &(struct asked){.path = "/i%6E/x"}, "403 request_not_allowed");
    expect(INSIDE, false, &(struct asked){.path = "/in%2Fx"}, "400 path_encoded_slash");
    expect(INSIDE, false, &(struct asked){.path = "/out"}, "others");
    /* Denied is who fits all but the last kind of conditions. */
    expect(
        certificate, true,
        &(struct asked){
            .path = "/in/x", .is_https = true, .has_certificate = true, .fields = {{"X-A", "b"}}},
        "inside");
    expect(certificate, true,
           &(struct asked){.path = "/in/x", .is_https = true, .fields = {{"X-A", "b"}}},
           "403 client_unknown");
    expect(certificate, true,
           &(struct asked){.path = "/in/x", .is_https = true, .has_certificate = true}, "others");
}

/* What cannot be decided is no way past a rule, nor into one. */
static void searches_that_are_given_up(void **state)
{
    static const char bad[] = "      - { match: { regex: '^/(a+)+$' }, respond: { status: 403 } }\n"
                              "      - { name: others, respond: { body: others } }\n";
    static const char negated[] =
        "      - { match: { not: { headers: { X-A: 're:^(a+)+$' } } }, respond: { status: 200 } }\n"
        "      - { name: others, respond: { body: others } }\n";
    const char *text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";

    (void)state;
    expect(bad, false, &(struct asked){.path = arena_printf(&arena, "/%s", text)},
           "400 match_undecided");
    expect(bad, false, &(struct asked){.path = "/b"}, "others");
    expect(negated, false, &(struct asked){.fields = {{"X-A", text}}}, "400 match_undecided");
    expect(negated, false, &(struct asked){.fields = {{"X-A", "aaa"}}}, "others");
}

/* Each search alone is within its bound, all of them together are not. */
static void searches_of_one_request_have_a_sum(void **state)
{
    const char *routes = "";
    char text[101];

    (void)state;
    for (int i = 0; i < 60; i++) {
        routes = arena_printf(
            &arena, "%s      - { match: { regex: '^/[a-y]*(a[^z]*)[z%d]$' }, respond: {} }\n",
            routes, i);
    }
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    text[sizeof(text) - 1] = '\0';
    expect(routes, false, &(struct asked){.path = text}, "400 match_undecided");
    expect(routes, false, &(struct asked){.path = "/aaa"}, "404 no_route");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(fields_by_their_values),
        cmocka_unit_test(fields_of_strangers),
        cmocka_unit_test(queries_as_servers_decode_them),
        cmocka_unit_test(cookies_wherever_they_stand),
        cmocka_unit_test(addresses_and_schemes),
        cmocka_unit_test(parts_put_together),
        cmocka_unit_test(who_does_not_fit_is_denied),
        cmocka_unit_test(searches_that_are_given_up),
        cmocka_unit_test(searches_of_one_request_have_a_sum),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

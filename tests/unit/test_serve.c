/* What serves what: one pure function, asked with tables built from a configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/serving.h"

static const char config[] =
    "listeners:\n"
    "  - bind: ':1'\n"
    "  - { bind: ':2', sites: [SHOP, Plain] }\n"
    "sites:\n"
    "  - name: shop\n"
    "    hosts: [shop.example, '*.shop.example', 192.0.2.1, '[2001:db8::1]']\n"
    "    tls: { certificate: a, key: a, clients: { ca: c, verify: optional } }\n"
    "    routes:\n"
    "      - match: { path: /admin/*, client: { dns: admin.example } }\n"
    "        else: deny\n"
    "        backend: 127.0.0.1:1\n"
    "      - match: { path: /read, methods: [GET] }\n"
    "        else: deny\n"
    "        backend: 127.0.0.1:1\n"
    "      - { match: { path: /closed/* }, respond: { status: 404 } }\n"
    "    backend: 127.0.0.1:1\n"
    "  - name: twin\n"
    "    hosts: [twin.example]\n"
    "    paths: as_sent\n"
    "    tls: { certificates: [{ certificate: a, key: a }], min_version: 1.2,\n"
    "           clients: { ca: c, verify: optional } }\n"
    "    routes:\n"
    "      - { match: { path: /closed/* }, respond: { status: 404 } }\n"
    "      - match: { path: /admin/*, client: { dns: admin.example } }\n"
    "        else: next\n"
    "        backend: 127.0.0.1:1\n"
    "    backend: 127.0.0.1:1\n"
    "  - name: open\n"
    "    hosts: [open.example]\n"
    "    tls: { certificate: a, key: a }\n"
    "    backend: 127.0.0.1:1\n"
    "  - name: passed\n"
    "    hosts: [passed.example]\n"
    "    passthrough: 127.0.0.1:1\n"
    "  - name: base\n"
    "    hosts: [base.example]\n"
    "    passthrough: 127.0.0.1:1\n"
    "    starttls: postgres\n"
    "  - name: parted\n"
    "    hosts: [parted.example]\n"
    "    passthrough: 127.0.0.1:1\n"
    "    starttls: postgres\n"
    "    acme_passthrough: 127.0.0.1:1\n"
    "    passthrough_by_alpn:\n"
    "      - { alpn: [h2], backend: 127.0.0.1:2 }\n"
    "      - { alpn: [x-unused, imap], backend: 127.0.0.1:2 }\n"
    "  - name: bytes\n"
    "    hosts: [bytes.example]\n"
    "    tls: { certificate: a, key: a }\n"
    "    tcp: 127.0.0.1:1\n"
    "    alpn: [mqtt]\n"
    "  - name: form\n"
    "    hosts: [form.example, www.both.example, both.example, 192.0.2.7, '*.form.example']\n"
    "    www: add\n"
    "    backend: 127.0.0.1:1\n"
    "  - name: bare\n"
    "    hosts: [bare.example]\n"
    "    www: remove\n"
    "    tls: { certificate: a, key: a }\n"
    "    backend: 127.0.0.1:1\n"
    "  - name: shut\n"
    "    hosts: [shut.example]\n"
    "    tls: { certificate: a, key: a }\n"
    "    maintenance: { except: [192.0.2.0/24] }\n"
    "    cors: { origins: ['https://app.example'] }\n"
    "    routes:\n"
    "      - { match: { path: /a/*, methods: [PUT] }, backend: 127.0.0.1:1 }\n"
    "      - match: { path: /b/* }\n"
    "        maintenance: { except: [198.51.100.0/24] }\n"
    "        backend: 127.0.0.1:1\n"
    "  - { name: plain, hosts: ['*'], backend: 127.0.0.1:1 }\n";

static struct settings *settings;
static struct serving serving;
static struct arena arena;

static int set_up(void **state)
{
    struct config_report report;

    (void)state;
    config_report_init(&report);
    settings = config_load_text(span_from_cstr(config), "tidegate.yaml", &report);
    if (settings == NULL) {
        config_report_print(&report, stderr, false);
    }
    config_report_free(&report);
    arena_init(&arena, 4096);
    assert_non_null(settings);
    serving_build(&serving, settings, &arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    serving_free(&serving);
    arena_destroy(&arena);
    settings_destroy(settings);
    return 0;
}

static struct span span_of(const char *text)
{
    return text != NULL ? span_from_cstr(text) : span_make(NULL, 0);
}

/* A site whose clients say something before TLS, and those that do not. */
static void doors_after_starttls(void **state)
{
    static const struct span h2[] = {SPAN("h2"), SPAN("http/1.1")};
    static const struct span postgres[] = {SPAN("x"), SPAN("postgresql")};
    static const struct {
        const char *sni;
        enum site_starttls starttls;
        const struct span *alpn;
        enum edge_door door;
    } cases[] = {
        {"base.example", STARTTLS_POSTGRES, NULL, EDGE_DOOR_PASSES},
        {"base.example", STARTTLS_POSTGRES, postgres, EDGE_DOOR_PASSES},
        {"base.example", STARTTLS_OFF, postgres, EDGE_DOOR_PASSES},
        {"base.example", STARTTLS_OFF, NULL, EDGE_DOOR_NEEDS_STARTTLS},
        {"base.example", STARTTLS_OFF, h2, EDGE_DOOR_NEEDS_STARTTLS},
        {"passed.example", STARTTLS_POSTGRES, NULL, EDGE_DOOR_NO_STARTTLS},
        {"shop.example", STARTTLS_POSTGRES, NULL, EDGE_DOOR_NO_STARTTLS},
        {"shop.example", STARTTLS_OFF, postgres, EDGE_DOOR_TERMINATES},
    };

    (void)state;
    assert_int_equal(serving.starttls[0], STARTTLS_POSTGRES);
    assert_int_equal(serving.starttls[1], STARTTLS_OFF);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct edge_hello hello = {.sni = span_of(cases[i].sni),
                                         .alpn = cases[i].alpn,
                                         .alpn_count = cases[i].alpn != NULL ? 2 : 0,
                                         .starttls = cases[i].starttls};
        struct edge_entrance entrance = edge_find_door(&serving.hosts[0], &hello);

        assert_int_equal(entrance.door, cases[i].door);
        assert_non_null(entrance.site);
    }
}

/* Entries in the order of the file, whatever the client would rather speak. */
static void doors_by_alpn(void **state)
{
    static const struct span offers[][2] = {{SPAN("http/1.1"), SPAN("h2")},
                                            {SPAN("h2"), SPAN("acme-tls/1")},
                                            {SPAN("imap"), SPAN("x")},
                                            {SPAN("x"), SPAN("http/1.1")},
                                            {SPAN("H2"), SPAN("h")}};
    static const struct {
        const char *sni;
        size_t offer;
        enum site_starttls starttls;
        enum edge_door door;
        size_t alpn;
    } cases[] = {
        {"parted.example", 0, STARTTLS_OFF, EDGE_DOOR_PASSES_BY_ALPN, 1},
        {"parted.example", 1, STARTTLS_OFF, EDGE_DOOR_PASSES_BY_ALPN, 0},
        {"parted.example", 2, STARTTLS_OFF, EDGE_DOOR_PASSES_BY_ALPN, 2},
        {"parted.example", 3, STARTTLS_OFF, EDGE_DOOR_NEEDS_STARTTLS, 0},
        {"parted.example", 4, STARTTLS_OFF, EDGE_DOOR_NEEDS_STARTTLS, 0},
        {"parted.example", 0, STARTTLS_POSTGRES, EDGE_DOOR_PASSES, 0},
        {"open.example", 0, STARTTLS_OFF, EDGE_DOOR_TERMINATES, 0},
        {"bytes.example", 0, STARTTLS_OFF, EDGE_DOOR_TERMINATES, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct edge_hello hello = {.sni = span_of(cases[i].sni),
                                         .alpn = offers[cases[i].offer],
                                         .alpn_count = 2,
                                         .starttls = cases[i].starttls};
        struct edge_entrance entrance = edge_find_door(&serving.hosts[0], &hello);

        assert_int_equal(entrance.door, cases[i].door);
        if (cases[i].door == EDGE_DOOR_PASSES_BY_ALPN) {
            assert_int_equal(entrance.alpn, cases[i].alpn);
        }
    }
}

/* 192.0.2.9 */
static const uint8_t *some_address(void *asker)
{
    static const uint8_t ip[16] = {[10] = 0xff, 0xff, 192, 0, 2, 9};

    (void)asker;
    return ip;
}

static const uint8_t *unix_socket(void *asker)
{
    (void)asker;
    return NULL;
}

static const struct client_names *nobody(void *asker)
{
    (void)asker;
    return NULL;
}

static const struct client_names *anybody(void *asker)
{
    (void)asker;
    return &route_any_client;
}

static size_t index_of(const char *name)
{
    for (size_t i = 0; i < settings->site_count; i++) {
        if (strcmp(settings->sites[i].name, name) == 0) {
            return i;
        }
    }
    fail_msg("no site %s", name);
    return 0;
}

static void doors(void **state)
{
    static const struct {
        int listener;
        const char *sni;
        const char *local;
        const char *site; /* NULL: none */
        enum edge_door door;
    } cases[] = {
        {0, "shop.example", NULL, "shop", EDGE_DOOR_TERMINATES},
        {0, "SHOP.example.", "192.0.2.9", "shop", EDGE_DOOR_TERMINATES},
        {0, "a.shop.example", NULL, "shop", EDGE_DOOR_TERMINATES},
        {0, "passed.example", NULL, "passed", EDGE_DOOR_PASSES},
        {0, "x.example", NULL, "plain", EDGE_DOOR_NO_TLS},
        /* Without a name: by the address that the client connected to. */
        {0, NULL, NULL, "plain", EDGE_DOOR_NO_TLS},
        {0, NULL, "192.0.2.1", "shop", EDGE_DOOR_TERMINATES},
        {0, NULL, "192.0.2.2", "plain", EDGE_DOOR_NO_TLS},
        {0, NULL, "2001:db8::1", "shop", EDGE_DOOR_TERMINATES},
        {0, NULL, "[2001:DB8:0:0::1]", "shop", EDGE_DOOR_TERMINATES},
        /* An address in the SNI is no name. */
        {0, "192.0.2.1", "192.0.2.2", "plain", EDGE_DOOR_NO_TLS},
        {0, "192.0.2.2", "192.0.2.1", "shop", EDGE_DOOR_TERMINATES},
        /* But a name wins over the address. */
        {0, "passed.example", "192.0.2.1", "passed", EDGE_DOOR_PASSES},
        /* This listener names its sites, in other letters. */
        {1, "shop.example", NULL, "shop", EDGE_DOOR_TERMINATES},
        {1, "twin.example", NULL, "plain", EDGE_DOOR_NO_TLS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct edge_hello hello = {.sni = span_of(cases[i].sni),
                                         .local = span_of(cases[i].local)};
        struct edge_entrance entrance = edge_find_door(&serving.hosts[cases[i].listener], &hello);

        assert_int_equal(entrance.door, cases[i].door);
        assert_ptr_equal(entrance.site, &serving.sites[index_of(cases[i].site)]);
    }
}

struct request_case {
    const char *connected; /* NULL: plain */
    const char *host;
    const char *path;
    const char *method;
    bool has_certificate;
    const char *answer; /* "site route", "redirect", or the status and the reason */
};

static struct span authority_of(void *asker)
{
    return span_of(((const struct request_case *)asker)->host);
}

static struct span host_of(const char *authority)
{
    struct span all = span_of(authority);
    struct span host;
    uint16_t port;

    return http_parse_authority(all, &host, &port) ? host : all;
}

static void check_request(const struct request_case *c)
{
    struct edge_decision d;
    char answer[100];

    edge_decide(&(struct edge_request){.hosts = &serving.hosts[0],
                                       .connected = c->connected != NULL
                                                        ? &serving.sites[index_of(c->connected)]
                                                        : NULL,
                                       .is_https = c->connected != NULL,
                                       .host = host_of(c->host),
                                       .path = span_of(c->path),
                                       .method = span_of(c->method),
                                       .client = c->has_certificate ? anybody : nobody,
                                       .authority = authority_of,
                                       .asker = (void *)c},
                &arena, &d);
    switch (d.verdict) {
    case EDGE_ROUTE:
        (void)snprintf(answer, sizeof(answer), "%s %zu",
                       settings->sites[serving_index(&serving, d.site)].name, d.route);
        break;
    case EDGE_PREFLIGHT:
        (void)snprintf(answer, sizeof(answer), "preflight");
        break;
    case EDGE_REDIRECT:
        (void)snprintf(answer, sizeof(answer), "%u %s", d.status, d.location);
        break;
    case EDGE_REFUSE:
        (void)snprintf(answer, sizeof(answer), "%u %s", d.status, d.reason);
        assert_non_null(d.detail);
        break;
    }
    if (strcmp(answer, c->answer) != 0) {
        fail_msg("%s %s %s: %s, want %s", c->method, c->host, c->path, answer, c->answer);
    }
}

static void requests(void **state)
{
    static const struct request_case cases[] = {
        {"shop", "shop.example", "/", "GET", false, "shop 3"},
        {"shop", "192.0.2.1", "/", "GET", false, "shop 3"},
        {"shop", "[2001:0db8::0001]", "/", "GET", false, "shop 3"},
        {"shop", "shop.example", "/admin/x", "GET", true, "shop 0"},
        {"shop", "shop.example", "/admin/x", "GET", false, "403 client_unknown"},
        {"shop", "shop.example", "/a/../%61dmin//x", "PUT", false, "403 client_unknown"},
        {"shop", "shop.example", "/admin%2Fx", "GET", true, "400 path_encoded_slash"},
        {"shop", "shop.example", "/a;b", "GET", false, "400 path_parameter"},
        {"shop", "shop.example", "/read", "HEAD", false, "shop 1"},
        {"shop", "shop.example", "/read", "POST", false, "405 method_not_allowed"},
        {"shop", "shop.example", "/x", "TRACE", false, "405 method_not_allowed"},
        {"shop", "shop.example", "x:1", "CONNECT", false, "405 connect_refused"},
        {"shop", "shop.example", "*", "OPTIONS", false, "shop 3"},
        /* Another host on the same connection. */
        {"shop", "twin.example", "/", "GET", false, "twin 2"},
        {"twin", "a.shop.example", "/", "GET", false, "shop 3"},
        {"shop", "open.example", "/", "GET", false, "421 misdirected_request"},
        {"open", "shop.example", "/", "GET", false, "421 misdirected_request"},
        {"shop", "x.example", "/", "GET", false, "421 misdirected_request"},
        {"shop", "passed.example", "/", "GET", false, "421 misdirected_request"},
        /* The same certificate, but what is inside is not HTTP. */
        {"open", "bytes.example", "/", "GET", false, "421 misdirected_request"},
        {NULL, "bytes.example", "/", "GET", false, "400 plain_http_refused"},
        /* Every reading, the strictest answer. */
        {"twin", "twin.example", "/closed/x", "GET", false, "twin 0"},
        {"twin", "twin.example", "/closed%2Fx", "GET", false, "twin 0"},
        {"twin", "twin.example", "/admin%2F..;/closed/", "GET", false, "400 path_hidden_dots"},
        {"twin", "twin.example", "/admin%2Fx", "GET", true, "twin 1"},
        {"twin", "twin.example", "/admin%2Fx", "GET", false, "twin 2"},
        {"twin", "twin.example", "/admin/%252e%252e/closed/x", "GET", true, "twin 0"},
        {"twin", "twin.example", "/x%2Fy;z", "GET", false, "twin 2"},
        {"twin", "twin.example", "/x%2525252525", "GET", false, "400 path_double_encoding"},
        /* Plain HTTP. */
        {NULL, "shop.example", "/", "GET", false, "308 https://shop.example/"},
        {NULL, "nowhere.example", "/", "GET", false, "plain 0"},
        {NULL, "nowhere.example", "/a;b%2F", "GET", false, "plain 0"},
        {NULL, "nowhere.example", "/%", "GET", false, "400 path_percent"},
        {NULL, NULL, "/", "GET", false, "plain 0"},
        /* One form of a name. */
        {NULL, "form.example", "/a", "GET", false, "308 http://www.form.example/a"},
        {NULL, "Form.Example:8080", "/a/../b", "POST", false, "308 http://www.Form.Example:8080/b"},
        {NULL, "www.form.example", "/", "GET", false, "form 0"},
        {NULL, "www.form.example:80", "/", "GET", false, "form 0"},
        {NULL, "both.example:80", "*", "OPTIONS", false, "308 http://www.both.example/"},
        {NULL, "192.0.2.7", "/", "GET", false, "form 0"},
        {NULL, "x.form.example", "/", "GET", false, "form 0"},
        {"bare", "www.bare.example", "/x", "GET", false, "308 https://bare.example/x"},
        {"bare", "www.bare.example:8443", "/x", "PUT", false, "308 https://bare.example:8443/x"},
        {"bare", "bare.example", "/x", "GET", false, "bare 0"},
        {NULL, "www.bare.example", "/x", "GET", false, "308 https://www.bare.example/x"},
        {"bare", "www.www.bare.example", "/x", "GET", false, "421 misdirected_request"},
        {"bare", "www.bare.example", "/%", "GET", false, "400 path_percent"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        check_request(&cases[i]);
    }
}

/* Names that refer to things are compared by one function, and by tables that agree with it. */
static void names_are_compared_alike(void **state)
{
    (void)state;
    assert_true(serving_same_name("Shop", "shOP"));
    assert_false(serving_same_name("shop", "shop."));
    for (size_t i = 0; i < settings->site_count; i++) {
        bool is_named = i == index_of("shop") || i == index_of("plain");
        assert_true(serving_listener_has(&settings->listeners[0], &settings->sites[i]));
        assert_int_equal(serving_listener_has(&settings->listeners[1], &settings->sites[i]),
                         is_named);
    }
}

/* The verdict, and the route that it is of: SIZE_MAX without one. */
static void expect_shut(const char *path, const char *method, const char *asks_for,
                        bool is_excepted, enum edge_verdict verdict, size_t route, unsigned status)
{
    struct http_request message = {.method = http_method_from(span_of(method))};
    struct edge_decision d;

    if (asks_for != NULL) {
        http_fields_add(&message.fields, &arena, FIELD_OTHER, SPAN_OF("Origin"), SPAN_OF("null"));
        http_fields_add(&message.fields, &arena, FIELD_OTHER,
                        SPAN_OF("Access-Control-Request-Method"), span_of(asks_for));
    }
    edge_decide(&(struct edge_request){.hosts = &serving.hosts[0],
                                       .connected = &serving.sites[index_of("shut")],
                                       .is_https = true,
                                       .host = SPAN_OF("shut.example"),
                                       .path = span_of(path),
                                       .method = span_of(method),
                                       .message = &message,
                                       .client = nobody,
                                       .address = is_excepted ? some_address : unix_socket},
                &arena, &d);
    assert_int_equal(d.verdict, verdict);
    assert_int_equal(d.has_route ? d.route : SIZE_MAX, route);
    assert_int_equal(d.status, status);
    assert_int_equal(d.is_in_maintenance, status == 503);
}

static void maintenance_and_preflights(void **state)
{
    (void)state;
    expect_shut("/a/x", "PUT", NULL, false, EDGE_REFUSE, 0, 503);
    expect_shut("/a/x", "PUT", NULL, true, EDGE_ROUTE, 0, 0);
    expect_shut("/b/x", "GET", NULL, true, EDGE_REFUSE, 1, 503);
    expect_shut("/c", "GET", NULL, false, EDGE_REFUSE, SIZE_MAX, 503);
    expect_shut("/c", "GET", NULL, true, EDGE_REFUSE, SIZE_MAX, 404);
    /* A browser may ask for leave all the same, and is told by the request's own answer. */
    expect_shut("/a/x", "OPTIONS", "PUT", false, EDGE_PREFLIGHT, 0, 0);
    expect_shut("/a/x", "OPTIONS", "GET", true, EDGE_REFUSE, SIZE_MAX, 405);
    expect_shut("/a/x", "GET", "PUT", true, EDGE_REFUSE, SIZE_MAX, 405);
    expect_shut("/a/x", "OPTIONS", NULL, true, EDGE_REFUSE, SIZE_MAX, 405);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doors),
        cmocka_unit_test(doors_after_starttls),
        cmocka_unit_test(doors_by_alpn),
        cmocka_unit_test(requests),
        cmocka_unit_test(maintenance_and_preflights),
        cmocka_unit_test(names_are_compared_alike),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

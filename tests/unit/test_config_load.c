/* What a right file becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/address.h"
#include "config/config.h"
#include "config/places.h"
#include "config/suggest.h"

static const char four_lines[] = "sites:\n"
                                 "  - hosts: [shop.example.com]\n"
                                 "    tls: { certificate: shop.crt, key: shop.key }\n"
                                 "    backend: 127.0.0.1:8080\n";

static const char long_file[] =
    "listeners:\n"
    "  - bind: [\":443\", \"[::1]:80\", \"unix:gate.sock\", 127.0.0.1:0]\n"
    "    sites: [bank, api.example.com]\n"
    "    proxy_protocol_from: [10.0.0.0/8, \"fd00::/8\", 192.0.2.1, unix]\n"
    "sites:\n"
    "  - hosts: [Bank.example.com, \"*.vault.example.com\"]\n"
    "    name: bank\n"
    "    passthrough: bank\n"
    "  - hosts: api.example.com\n"
    "    tls:\n"
    "      certificates:\n"
    "        - { certificate: api-ec.crt, key: api-ec.key }\n"
    "        - { certificate: /abs/api-rsa.crt, key: api-rsa.key }\n"
    "      policy: modern\n"
    "      clients: { verify: optional, ca: partners.pem }\n"
    "    plain_http: refuse\n"
    "    routes:\n"
    "      - match: { path: /v1/*, methods: [GET, POST] }\n"
    "        backend: api\n"
    "        upgrade: []\n"
    "        body_limit: 1M\n"
    "        name: first\n"
    "      - match: { path: /echo }\n"
    "        respond: { echo: true, fields: { X-A: 1, X-B: 'two words' } }\n"
    "      - match: { path: /static/* }\n"
    "        files: { root: public, index: home.html }\n"
    "      - match: { path: /in-place/* }\n"
    "        backend: [app.internal:81, \"[2001:db8::1]:82\"]\n"
    "    respond: { status: 404, body: \"no such thing\\n\" }\n"
    "backends:\n"
    "  - name: bank\n"
    "    servers: [10.0.0.5:443, 10.0.0.6:443]\n"
    "    proxy_protocol: v2\n"
    "  - name: api\n"
    "    balance: round_robin\n"
    "    servers: [10.0.1.1:8443, { address: 10.0.1.2:8443, weight: 2 }]\n"
    "    tls: { ca: ca.pem, server_name: api.internal, certificate: g.crt, key: g.key }\n"
    "    connect_timeout: 500ms\n"
    "    response_timeout: 2m\n"
    "    idle_timeout: 1h\n"
    "    idle_connections: 8\n"
    "limits: { head: 64K, target: 4096, fields: 50, body: unlimited, connections: 10, hello: 16k "
    "}\n"
    "timeouts: { first_byte: 1s, handshake: 2s, head: 3s, body: 4s, send: 5s, keep_alive: 1m,\n"
    "            tunnel_idle: 1h, tunnel_total: 1d, drain: 0s }\n"
    "log: { access: access.log, format: combined, level: debug }\n"
    "trusted_proxies: 192.0.2.0/24\n"
    "workers: 4\n"
    "key_process: off\n"
    "user: www-data\n"
    "group: adm\n";

static struct settings *load_as(const char *yaml, size_t len, const char *file_name)
{
    char *copy = malloc(len != 0 ? len : 1);
    struct config_report report;
    struct settings *settings;

    assert_non_null(copy);
    memcpy(copy, yaml, len);
    config_report_init(&report);
    settings = config_load_text(span_make(copy, len), file_name, &report);
    free(copy);
    if (settings == NULL || report.count != 0) {
        config_report_print(&report, stderr, false);
    }
    assert_non_null(settings);
    assert_int_equal(report.count, 0);
    config_report_free(&report);
    return settings;
}

static struct settings *load(const char *yaml)
{
    return load_as(yaml, strlen(yaml), "/etc/tidegate/tidegate.yaml");
}

static void four_lines_get_the_safe_defaults(void **state)
{
    struct settings *s = load(four_lines);
    const struct site_settings *site = &s->sites[0];

    (void)state;
    assert_int_equal(s->listener_count, 1);
    assert_int_equal(s->listeners[0].bind.count, 2);
    assert_int_equal(s->listeners[0].bind.items[0].port, 80);
    assert_int_equal(s->listeners[0].bind.items[1].port, 443);
    assert_int_equal(s->listeners[0].bind.items[1].kind, ADDRESS_ANY);
    assert_int_equal(s->site_count, 1);
    assert_string_equal(site->name, "shop.example.com");
    assert_int_equal(site->plain_http, PLAIN_HTTP_REDIRECT);
    assert_int_equal(site->place.line, 2);
    assert_int_equal(site->tls->certificate_count, 1);
    assert_string_equal(site->tls->certificates[0].certificate, "/etc/tidegate/shop.crt");
    assert_string_equal(site->tls->certificates[0].key, "/etc/tidegate/shop.key");
    assert_int_equal(site->tls->policy, TLS_POLICY_INTERMEDIATE);
    assert_null(site->tls->clients);
    assert_int_equal(site->route_count, 1);
    assert_string_equal(site->routes[0].name, "shop.example.com/1");
    assert_string_equal(site->routes[0].match.path, "/*");
    assert_int_equal(site->routes[0].match.methods.count, 0);
    assert_true(site->routes[0].body_limit == UINT64_MAX);
    assert_int_equal(site->routes[0].upgrade.count, 1);
    assert_string_equal(site->routes[0].upgrade.items[0], "websocket");
    assert_ptr_equal(site->routes[0].backend, &s->backends[0]);
    settings_destroy(s);
}

static void every_default_is_as_documented(void **state)
{
    struct settings *s = load(four_lines);
    const struct backend_settings *backend = &s->backends[0];

    (void)state;
    assert_int_equal(s->limits.head, 32768);
    assert_int_equal(s->limits.target, 8192);
    assert_int_equal(s->limits.fields, 100);
    assert_true(s->limits.body == (uint64_t)16 << 30);
    assert_int_equal(s->limits.connections, 50000);
    assert_int_equal(s->limits.hello, 65536);
    assert_int_equal(s->limits.signatures, 20000);
    assert_int_equal(s->key_process, KEY_PROCESS_ON);
    assert_int_equal(s->timeouts.first_byte_ms, 10000);
    assert_int_equal(s->timeouts.handshake_ms, 10000);
    assert_int_equal(s->timeouts.head_ms, 15000);
    assert_int_equal(s->timeouts.body_ms, 30000);
    assert_int_equal(s->timeouts.send_ms, 30000);
    assert_int_equal(s->timeouts.keep_alive_ms, 75000);
    assert_int_equal(s->timeouts.tunnel_idle_ms, 600000);
    assert_int_equal(s->timeouts.tunnel_total_ms, 0);
    assert_int_equal(s->timeouts.drain_ms, 30000);
    assert_string_equal(s->log.rules.access, "-");
    assert_int_equal(s->log.rules.format, LOG_FORMAT_JSON);
    assert_string_equal(s->log.level, "info");
    assert_int_equal(s->workers, 0);
    assert_null(s->user);
    assert_null(s->group);
    assert_int_equal(backend->connect_timeout_ms, 3000);
    assert_int_equal(backend->response_timeout_ms, 60000);
    assert_int_equal(backend->idle_timeout_ms, 4000);
    assert_int_equal(backend->idle_connections, 256);
    assert_int_equal(backend->balance.strategy, BALANCE_ROUND_ROBIN);
    assert_int_equal(backend->proxy_protocol, BACKEND_PROXY_OFF);
    assert_string_equal(backend->name, "127.0.0.1:8080");
    assert_int_equal(backend->servers[0].weight, 1);
    settings_destroy(s);
}

static void check_listener(const struct listener_settings *listener)
{
    static const uint8_t v4_mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0};
    const struct network_list *from = &listener->proxy_protocol_from;

    assert_int_equal(listener->bind.count, 4);
    assert_int_equal(listener->bind.items[1].kind, ADDRESS_IPV6);
    assert_string_equal(listener->bind.items[1].host, "::1");
    assert_string_equal(listener->bind.items[1].text, "[::1]:80");
    assert_int_equal(listener->bind.items[1].place.line, 2);
    assert_int_equal(listener->bind.items[1].place.column, 20);
    assert_int_equal(listener->bind.items[2].kind, ADDRESS_UNIX);
    assert_string_equal(listener->bind.items[2].host, "/etc/tidegate/gate.sock");
    assert_int_equal(listener->bind.items[3].port, 0);
    assert_int_equal(listener->sites.count, 2);
    assert_int_equal(from->count, 4);
    assert_memory_equal(from->items[0].address, v4_mapped, 16);
    assert_int_equal(from->items[0].prefix_bits, 104);
    assert_int_equal(from->items[1].prefix_bits, 8);
    assert_int_equal(from->items[2].prefix_bits, 128);
    assert_true(from->items[3].is_unix);
}

static void check_routes(const struct settings *s, const struct site_settings *site)
{
    const struct route_settings *r = site->routes;

    assert_int_equal(site->route_count, 5);
    assert_string_equal(r[0].name, "first");
    assert_string_equal(r[0].match.path, "/v1/*");
    assert_int_equal(r[0].match.methods.count, 2);
    assert_string_equal(r[0].match.methods.items[1], "POST");
    assert_ptr_equal(r[0].backend, &s->backends[1]);
    assert_int_equal(r[0].upgrade.count, 0);
    assert_int_equal(r[0].body_limit, 1 << 20);
    assert_true(r[1].respond->echo);
    assert_int_equal(r[1].respond->status, 200);
    assert_string_equal(r[1].respond->body, "");
    assert_int_equal(r[1].respond->field_count, 2);
    assert_string_equal(r[1].respond->fields[0].value, "1");
    assert_string_equal(r[1].respond->fields[1].name, "X-B");
    assert_string_equal(r[2].files->root, "/etc/tidegate/public");
    assert_int_equal(r[2].files->index.count, 1);
    assert_string_equal(r[2].files->index.items[0], "home.html");
    assert_string_equal(r[2].files->charset, "utf-8");
    assert_string_equal(r[3].name, "api.example.com/4");
    assert_ptr_equal(r[3].backend, &s->backends[2]);
    assert_int_equal(r[4].respond->status, 404);
    assert_string_equal(r[4].respond->body, "no such thing\n");
    assert_int_equal(r[4].place.line, 29);
}

static void check_backends(const struct settings *s)
{
    const struct backend_settings *b = s->backends;

    assert_int_equal(s->backend_count, 3);
    assert_int_equal(b[0].server_count, 2);
    assert_int_equal(b[0].proxy_protocol, BACKEND_PROXY_V2);
    assert_null(b[0].tls);
    assert_int_equal(b[1].servers[1].weight, 2);
    assert_int_equal(b[1].servers[1].address.port, 8443);
    assert_string_equal(b[1].tls->server_name, "api.internal");
    assert_string_equal(b[1].tls->ca, "/etc/tidegate/ca.pem");
    assert_true(b[1].tls->verify);
    assert_int_equal(b[1].connect_timeout_ms, 500);
    assert_int_equal(b[1].response_timeout_ms, 120000);
    assert_int_equal(b[1].idle_timeout_ms, 3600000);
    assert_int_equal(b[1].idle_connections, 8);
    assert_string_equal(b[2].name, "app.internal:81,[2001:db8::1]:82");
    assert_int_equal(b[2].servers[0].address.kind, ADDRESS_NAME);
    assert_int_equal(b[2].servers[1].address.kind, ADDRESS_IPV6);
    assert_int_equal(b[2].servers[1].address.place.line, 28);
}

static void a_long_file_arrives_whole(void **state)
{
    struct settings *s = load(long_file);

    (void)state;
    check_listener(&s->listeners[0]);
    assert_string_equal(s->sites[0].name, "bank");
    assert_string_equal(s->sites[0].hosts.items[0], "bank.example.com");
    assert_string_equal(s->sites[0].hosts.items[1], "*.vault.example.com");
    assert_ptr_equal(s->sites[0].passthrough, &s->backends[0]);
    assert_int_equal(s->sites[0].plain_http, PLAIN_HTTP_REDIRECT);
    assert_int_equal(s->sites[1].tls->certificate_count, 2);
    assert_string_equal(s->sites[1].tls->certificates[1].certificate, "/abs/api-rsa.crt");
    assert_int_equal(s->sites[1].tls->certificates[1].place.line, 13);
    assert_int_equal(s->sites[1].tls->policy, TLS_POLICY_MODERN);
    assert_int_equal(s->sites[1].tls->clients->verify, CLIENT_VERIFY_OPTIONAL);
    assert_int_equal(s->sites[1].plain_http, PLAIN_HTTP_REFUSE);
    check_routes(s, &s->sites[1]);
    check_backends(s);
    assert_true(s->limits.body == SETTINGS_UNLIMITED);
    assert_int_equal(s->limits.head, 65536);
    assert_int_equal(s->timeouts.tunnel_total_ms, 86400000);
    assert_int_equal(s->timeouts.drain_ms, 0);
    assert_string_equal(s->log.rules.access, "/etc/tidegate/access.log");
    assert_int_equal(s->log.rules.format, LOG_FORMAT_COMBINED);
    assert_int_equal(s->trusted_proxies.count, 1);
    assert_int_equal(s->workers, 4);
    assert_int_equal(s->key_process, KEY_PROCESS_OFF);
    assert_string_equal(s->group, "adm");
    settings_destroy(s);
}

static void places_of_single_values_are_kept(void **state)
{
    struct settings *s = load(long_file);
    const struct site_settings *site = &s->sites[1];

    (void)state;
    assert_int_equal(config_place(s, &s->workers).line, 47);
    assert_int_equal(config_place(s, &s->workers).column, 10);
    assert_int_equal(config_place(s, &s->sites[0].hosts.items[1]).column, 31);
    /* The routes were moved to make room for the site's own answer. */
    assert_int_equal(config_place(s, &site->routes[0].name).line, 22);
    assert_int_equal(config_place(s, &site->routes[4].name).line, 0);
    assert_int_equal(config_place(s, &s->backends[1].connect_timeout_ms).line, 38);
    assert_int_equal(config_place(s, &s->backends[2].connect_timeout_ms).line, 0);
    settings_destroy(s);
}

static void the_same_address_in_place_is_one_backend(void **state)
{
    struct settings *s = load("sites:\n"
                              "  - { hosts: a.example, backend: 127.0.0.1:1 }\n"
                              "  - { hosts: b.example, backend: 127.0.0.1:1 }\n"
                              "  - { hosts: c.example, backend: { servers: 127.0.0.1:1,\n"
                              "                                   connect_timeout: 1s } }\n");

    (void)state;
    assert_int_equal(s->backend_count, 2);
    assert_ptr_equal(s->sites[0].routes[0].backend, s->sites[1].routes[0].backend);
    assert_ptr_not_equal(s->sites[0].routes[0].backend, s->sites[2].routes[0].backend);
    assert_int_equal(s->backends[1].connect_timeout_ms, 1000);
    assert_int_equal(s->sites[0].plain_http, PLAIN_HTTP_SERVE);
    settings_destroy(s);
}

static void certificate_and_certificates_add_up(void **state)
{
    struct settings *s = load("sites:\n"
                              "  - hosts: a.example\n"
                              "    files: x\n"
                              "    tls: { certificate: a, key: b,\n"
                              "           certificates: [{ certificate: c, key: d }] }\n");

    (void)state;
    assert_int_equal(s->sites[0].tls->certificate_count, 2);
    assert_string_equal(s->sites[0].tls->certificates[0].certificate, "/etc/tidegate/a");
    assert_string_equal(s->sites[0].tls->certificates[1].key, "/etc/tidegate/d");
    assert_int_equal(s->sites[0].tls->certificates[0].place.line, 4);
    assert_int_equal(config_place(s, &s->sites[0].tls->certificates[1].key).line, 5);
    settings_destroy(s);
}

static void one_host_may_be_served_by_sites_of_different_listeners(void **state)
{
    settings_destroy(load("listeners:\n"
                          "  - { bind: ':1', sites: [one] }\n"
                          "  - { bind: ':2', sites: [two] }\n"
                          "sites:\n"
                          "  - { hosts: ['a.example', '*'], name: one, files: x }\n"
                          "  - { hosts: ['*', 'a.example'], name: two, files: y }\n"));
    (void)state;
}

static void json_is_yaml_too(void **state)
{
    struct settings *s = load("\xef\xbb\xbf{\"sites\": [{\"hosts\": [\"a.example\"],\r\n"
                              "\"respond\": {\"echo\": true, \"status\": 201}}],\r\n"
                              "\"workers\": 2, \"key_process\": true}");

    (void)state;
    assert_int_equal(s->workers, 2);
    assert_int_equal(s->sites[0].routes[0].respond->status, 201);
    assert_int_equal(s->key_process, KEY_PROCESS_ON); /* what YAML 1.1 makes of `on` */
    settings_destroy(s);
}

static void sizes_and_truths_are_written_in_several_ways(void **state)
{
    struct settings *s = load("limits: { head: 16KiB, body: 2gib }\n"
                              "sites:\n  - hosts: [a.example]\n    respond: { echo: on }\n");

    (void)state;
    assert_int_equal(s->limits.head, 16384);
    assert_true(s->limits.body == (uint64_t)2 << 30);
    assert_true(s->sites[0].routes[0].respond->echo);
    settings_destroy(s);
    s = load("sites:\n  - hosts: [a.example]\n    respond: { echo: off, status: 201 }\n");
    assert_false(s->sites[0].routes[0].respond->echo);
    settings_destroy(s);
}

static void paths_are_joined_to_the_folder_of_the_file(void **state)
{
    static const struct {
        const char *file;
        const char *certificate;
    } cases[] = {{"tidegate.yaml", "shop.crt"},
                 {"./tidegate.yaml", "./shop.crt"},
                 {"conf/tidegate.yaml", "conf/shop.crt"},
                 {"/tidegate.yaml", "//shop.crt"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings *s = load_as(four_lines, strlen(four_lines), cases[i].file);

        assert_string_equal(s->sites[0].tls->certificates[0].certificate, cases[i].certificate);
        assert_string_equal(s->file, cases[i].file);
        settings_destroy(s);
    }
}

static void every_beginning_is_survived(void **state)
{
    struct config_report report;
    struct settings *settings;

    (void)state;
    for (size_t len = 0; len < strlen(long_file); len++) {
        char *copy = malloc(len != 0 ? len : 1);

        assert_non_null(copy);
        memcpy(copy, long_file, len);
        config_report_init(&report);
        settings = config_load_text(span_make(copy, len), "tidegate.yaml", &report);
        assert_int_equal(settings == NULL, config_report_has_errors(&report));
        settings_destroy(settings);
        config_report_free(&report);
        free(copy);
    }
}

static void the_file_is_found_where_it_usually_is(void **state)
{
    char folder[] = "/tmp/tidegate-config-XXXXXX";
    char *before = getcwd(NULL, 0);
    struct config_report report;
    struct settings *settings;
    struct error error;
    FILE *out;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_string_equal(config_find_file("given.yaml", &error), "given.yaml");
    if (access("/etc/tidegate/tidegate.yaml", F_OK) != 0) {
        assert_null(config_find_file(NULL, &error));
        assert_non_null(strstr(error.text, "-c FILE"));
    }
    out = fopen("tidegate.yaml", "w");
    assert_non_null(out);
    fputs(four_lines, out);
    fclose(out);
    assert_string_equal(config_find_file(NULL, &error), "tidegate.yaml");
    config_report_init(&report);
    settings = config_load_file("tidegate.yaml", &report);
    assert_non_null(settings);
    settings_destroy(settings);
    config_report_free(&report);
    assert_int_equal(unlink("tidegate.yaml"), 0);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(rmdir(folder), 0);
    free(before);
}

static void distances_count_edits_and_swaps(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        size_t distance;
    } cases[] = {{"", "", 0},
                 {"", "abc", 3},
                 {"abc", "", 3},
                 {"host", "hosts", 1},
                 {"bakcend", "backend", 1},
                 {"HOSTS", "hosts", 0},
                 {"abc", "xyz", 3},
                 {"tls", "certificate", 10}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(suggest_distance(span_from_cstr(cases[i].a), span_from_cstr(cases[i].b)),
                         cases[i].distance);
    }
}

static void addresses_overlap_when_one_means_the_other(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool overlap;
    } cases[] = {{":80", ":80", true},
                 {":80", "127.0.0.1:80", true},
                 {":80", "[::1]:80", true},
                 {":80", ":81", false},
                 {":0", ":0", false},
                 {"0.0.0.0:80", "10.0.0.1:80", true},
                 {"0.0.0.0:80", "[::]:80", false},
                 {"[::]:80", "[::1]:80", true},
                 {"[::1]:80", "[0:0::1]:80", true},
                 {"10.0.0.1:80", "10.0.0.2:80", false},
                 {"unix:/a", "unix:/a", true},
                 {"unix:/a", "unix:/b", false},
                 {"unix:/a", ":80", false}};
    struct complaint complaint;
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address_setting a = {0};
        struct address_setting b = {0};

        assert_true(
            address_parse(span_from_cstr(cases[i].a), ADDRESS_LISTEN, "", &arena, &a, &complaint));
        assert_true(
            address_parse(span_from_cstr(cases[i].b), ADDRESS_LISTEN, "", &arena, &b, &complaint));
        assert_int_equal(address_overlaps(&a, &b), cases[i].overlap);
        assert_int_equal(address_overlaps(&b, &a), cases[i].overlap);
    }
    arena_destroy(&arena);
}

/* ---- compress ---- */

static void a_routes_compress_inherits_what_it_leaves_out(void **state)
{
    static const char yaml[] =
        "sites:\n"
        "  - hosts: [a.example]\n"
        "    compress: { encodings: [gzip, br], from: 2k, level: high, breach: ignore }\n"
        "    routes:\n"
        "      - match: { path: /off/* }\n"
        "        compress: off\n"
        "        respond: {}\n"
        "      - match: { path: /own/* }\n"
        "        compress: { level: fast, types: [\"text/*\"] }\n"
        "        respond: {}\n"
        "    respond: {}\n"
        "  - hosts: [b.example]\n"
        "    routes:\n"
        "      - compress: true\n"
        "        respond: {}\n"
        "      - match: { path: /none }\n"
        "        respond: {}\n";
    struct config_report report;
    struct settings *s;
    const struct route_settings *r;

    (void)state;
    config_report_init(&report);
    s = config_load_text(span_from_cstr(yaml), "/etc/tidegate/tidegate.yaml", &report);
    assert_non_null(s);
    r = s->sites[0].routes;
    assert_int_equal(r[0].compress->mode, COMPRESS_OFF);
    assert_int_equal(r[1].compress->mode, COMPRESS_ON);
    assert_int_equal(r[1].compress->level, COMPRESS_FAST);
    assert_int_equal(r[1].compress->from, 2048);
    assert_int_equal(r[1].compress->breach, COMPRESS_BREACH_IGNORE);
    assert_int_equal(r[1].compress->encodings.count, 2);
    assert_string_equal(r[1].compress->encodings.items[0], "gzip");
    assert_int_equal(r[1].compress->types.count, 1);
    assert_ptr_equal(r[2].compress, s->sites[0].compress);
    assert_true(r[2].compress->types.count > 10);
    r = s->sites[1].routes;
    assert_int_equal(r[0].compress->mode, COMPRESS_ON);
    assert_string_equal(r[0].compress->encodings.items[0], "zstd");
    assert_int_equal(r[0].compress->from, 1024);
    assert_null(r[1].compress);
    settings_destroy(s);
    config_report_free(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_routes_compress_inherits_what_it_leaves_out),
        cmocka_unit_test(four_lines_get_the_safe_defaults),
        cmocka_unit_test(every_default_is_as_documented),
        cmocka_unit_test(a_long_file_arrives_whole),
        cmocka_unit_test(places_of_single_values_are_kept),
        cmocka_unit_test(the_same_address_in_place_is_one_backend),
        cmocka_unit_test(certificate_and_certificates_add_up),
        cmocka_unit_test(one_host_may_be_served_by_sites_of_different_listeners),
        cmocka_unit_test(json_is_yaml_too),
        cmocka_unit_test(sizes_and_truths_are_written_in_several_ways),
        cmocka_unit_test(paths_are_joined_to_the_folder_of_the_file),
        cmocka_unit_test(every_beginning_is_survived),
        cmocka_unit_test(the_file_is_found_where_it_usually_is),
        cmocka_unit_test(distances_count_edits_and_swaps),
        cmocka_unit_test(addresses_overlap_when_one_means_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "edge/client_view.h"
#include "edge/forwarded.h"

static struct arena arena;
static struct http_fields fields;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    fields = (struct http_fields){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static void add(enum http_field_id id, const char *value)
{
    http_fields_add(&fields, &arena, id, http_field_name(id), span_from_cstr(value));
}

static void assert_span(struct span got, const char *want)
{
    if (want == NULL) {
        assert_null(got.ptr);
        return;
    }
    if (!span_eq_cstr(got, want)) {
        fail_msg("got \"%.*s\", want \"%s\"", SPAN_ARG(got), want);
    }
}

/* 10.0.0.0/8, and fd00::/8 */
static bool is_trusted(const void *context, const uint8_t ip[16])
{
    (void)context;
    return ip[0] == 0xfd || (ip[0] == 0 && ip[10] == 0xff && ip[12] == 10);
}

static struct client_view_from request(bool is_trusted_peer)
{
    return (struct client_view_from){.peer = SPAN("10.0.0.9"),
                                     .peer_port = 4711,
                                     .authority = SPAN("inner.example"),
                                     .fields = is_trusted_peer ? &fields : NULL,
                                     .is_trusted = is_trusted};
}

static struct client_view see(void)
{
    struct client_view_from from = request(true);
    struct client_view view;

    client_view_read(&from, &arena, &view);
    return view;
}

static void assert_client(const char *address)
{
    assert_span(see().address, address);
}

static void start_again(void)
{
    fields = (struct http_fields){0};
}

static void test_a_strangers_fields_say_nothing(void **state)
{
    struct client_view_from from = request(false);
    struct client_view view;

    (void)state;
    add(FIELD_X_FORWARDED_FOR, "192.0.2.1");
    add(FIELD_X_FORWARDED_PROTO, "https");
    add(FIELD_FORWARDED, "for=192.0.2.1;proto=https;host=forged");
    add(FIELD_X_REAL_IP, "192.0.2.1");
    client_view_read(&from, &arena, &view);
    assert_span(view.address, "10.0.0.9");
    assert_int_equal(view.client_port, 4711);
    assert_false(view.is_https);
    assert_span(view.host, "inner.example");
    assert_int_equal(view.port, 80);
    assert_int_equal(view.hop_count, 0);
}

static void test_the_port_is_the_one_that_the_client_knows(void **state)
{
    struct client_view_from from = request(false);
    struct client_view view;

    (void)state;
    from.is_tls = true;
    client_view_read(&from, &arena, &view);
    assert_int_equal(view.port, 443);
    from.authority = SPAN_OF("a.test:8443");
    from.authority_port = 8443;
    client_view_read(&from, &arena, &view);
    assert_int_equal(view.port, 8443);
    assert_span(view.host, "a.test:8443");
}

static void test_a_trusted_proxys_place(void **state)
{
    static const struct {
        const char *proto, *host, *port;
        bool is_https;
        const char *view_host;
        unsigned view_port;
    } cases[] = {
        {"https", NULL, NULL, true, "inner.example", 443},
        {"HTTPS", "shop.example", NULL, true, "shop.example", 443},
        {"wss", "shop.example:8443", NULL, true, "shop.example:8443", 8443},
        {"https", "shop.example", "8443", true, "shop.example", 8443},
        /* The client's own word comes before the proxy's socket. */
        {"https", "shop.example:8443", "443", true, "shop.example:8443", 8443},
        {NULL, NULL, "81", false, "inner.example", 81},
        {"gopher", "a b", "65536", false, "inner.example", 80},
        {"https", "", "0", true, "inner.example", 443},
        /* One element for each hop: that of the nearest, who alone is known to be trusted. */
        {"https, http", "outer.example, shop.example", "1,2", false, "shop.example", 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start_again();
        if (cases[i].proto != NULL) {
            add(FIELD_X_FORWARDED_PROTO, cases[i].proto);
        }
        if (cases[i].host != NULL) {
            add(FIELD_X_FORWARDED_HOST, cases[i].host);
        }
        if (cases[i].port != NULL) {
            add(FIELD_X_FORWARDED_PORT, cases[i].port);
        }
        struct client_view view = see();
        assert_int_equal(view.is_https, cases[i].is_https);
        assert_span(view.host, cases[i].view_host);
        assert_int_equal(view.port, cases[i].view_port);
        assert_span(view.address, "10.0.0.9");
    }
    start_again();
    add(FIELD_X_FORWARDED_FOR, "192.0.2.1, 10.0.0.1");
    add(FIELD_X_FORWARDED_PROTO, "https, http");
    assert_true(see().is_https); /* where the client came in */
}

static void test_a_port_that_contradicts_host_replaces_it(void **state)
{
    struct client_view_from from = request(true);
    struct client_view view;

    (void)state;
    from.authority = SPAN_OF("inner.example:8080");
    from.authority_port = 8080;
    add(FIELD_X_FORWARDED_PROTO, "https");
    add(FIELD_X_FORWARDED_PORT, "443");
    client_view_read(&from, &arena, &view);
    assert_span(view.host, "inner.example");
    assert_int_equal(view.port, 443);
}

static void test_x_forwarded_for_is_read_from_the_right(void **state)
{
    static const struct {
        const char *list;
        const char *client;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"198.51.100.7, 192.0.2.1", "192.0.2.1"},
        {"192.0.2.1, 10.0.0.1,10.0.0.2", "192.0.2.1"},
        {"192.0.2.1:5000, [fd00::1]:80", "192.0.2.1"},
        {"2001:db8::1, fd00::1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"\", 192.0.2.1", "192.0.2.1"},
        {"\"x\\, 192.0.2.1, 10.0.0.1", "192.0.2.1"},
        {",,192.0.2.1,, ,", "192.0.2.1"},
        {"unknown, 10.0.0.1", "10.0.0.1"}, /* as far as anything is known */
        {"192.0.2.1, 10.0.0.300", "10.0.0.9"},
        {"192.0.2.1, 10.0.0.1:99999", "10.0.0.9"},
        {"\"192.0.2.1\"", "10.0.0.9"},
        {"10.0.0.1, 10.0.0.2", "10.0.0.1"}, /* a client of the inside */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start_again();
        add(FIELD_X_FORWARDED_FOR, cases[i].list);
        assert_client(cases[i].client);
    }
    start_again();
    add(FIELD_X_FORWARDED_FOR, "198.51.100.7");
    add(FIELD_X_FORWARDED_FOR, "192.0.2.1");
    add(FIELD_X_FORWARDED_FOR, "10.0.0.1");
    assert_client("192.0.2.1");
    assert_span(see().x_for, "198.51.100.7, 192.0.2.1, 10.0.0.1");
}

static void test_forwarded_is_read_from_the_right(void **state)
{
    static const struct {
        const char *list;
        const char *client;
        bool is_https;
        const char *kept;
    } cases[] = {
        {"for=192.0.2.1", "192.0.2.1", false, "for=192.0.2.1"},
        {"For=\"[2001:db8::1]:4711\";proto=https", "2001:db8::1", true,
         "For=\"[2001:db8::1]:4711\";proto=https"},
        {"for=192.0.2.1:99 ; proto=https", "192.0.2.1", true, "for=192.0.2.1:99 ; proto=https"},
        {"for=192.0.2.1;proto=https, for=10.0.0.1;proto=http", "192.0.2.1", true,
         "for=192.0.2.1;proto=https, for=10.0.0.1;proto=http"},
        /* What the stranger said of itself is not looked at. */
        {"for=198.51.100.7;proto=https, for=192.0.2.1", "192.0.2.1", false,
         "for=198.51.100.7;proto=https, for=192.0.2.1"},
        {"for=\"x, for=192.0.2.1;proto=https", "192.0.2.1", true, "for=192.0.2.1;proto=https"},
        {"for=\"x, for=\"[2001:db8::1]\"", "2001:db8::1", false, "for=\"[2001:db8::1]\""},
        {"for=\"x\\, for=\"192.0.2.1:1\"", "192.0.2.1", false, "for=\"192.0.2.1:1\""},
        {"for=\"a, b\";host=\"\\\"\", for=192.0.2.1", "192.0.2.1", false,
         "for=\"a, b\";host=\"\\\"\", for=192.0.2.1"},
        {"x, for=192.0.2.1", "192.0.2.1", false, "for=192.0.2.1"},
        {"for=1.1.1.1;for=2.2.2.2, for=192.0.2.1", "192.0.2.1", false, "for=192.0.2.1"},
        {"for=_hidden, for=10.0.0.1", "10.0.0.1", false, "for=_hidden, for=10.0.0.1"},
        {"for=unknown", "10.0.0.9", false, "for=unknown"},
        {"proto=https", "10.0.0.9", true, "proto=https"},
        {"for=192.0.2.1, \"", "10.0.0.9", false, NULL},
        {"for", "10.0.0.9", false, NULL},
        {"for=", "10.0.0.9", false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start_again();
        add(FIELD_FORWARDED, cases[i].list);
        struct client_view view = see();
        assert_span(view.address, cases[i].client);
        assert_int_equal(view.is_https, cases[i].is_https);
        assert_span(view.forwarded, cases[i].kept);
    }
    start_again();
    add(FIELD_FORWARDED, "for=192.0.2.1;host=\"shop.example:8443\";proto=https");
    assert_span(see().host, "shop.example:8443");
    assert_int_equal(see().port, 8443);
}

static void test_one_family_is_believed(void **state)
{
    (void)state;
    add(FIELD_X_FORWARDED_FOR, "192.0.2.1");
    add(FIELD_FORWARDED, "for=198.51.100.7;proto=https;host=forged.example");
    add(FIELD_X_REAL_IP, "198.51.100.8");
    struct client_view view = see();
    assert_span(view.address, "192.0.2.1");
    assert_false(view.is_https);
    assert_span(view.host, "inner.example");
    assert_span(view.forwarded, NULL); /* written anew */
    start_again();
    add(FIELD_X_FORWARDED_FOR, "192.0.2.1");
    add(FIELD_FORWARDED, "for=\"192.0.2.1:5000\";by=_me");
    assert_span(see().forwarded, "for=\"192.0.2.1:5000\";by=_me"); /* it says the same */
    start_again();
    add(FIELD_X_REAL_IP, "192.0.2.1");
    add(FIELD_X_FORWARDED_PROTO, "https");
    assert_client("192.0.2.1");
    start_again();
    add(FIELD_X_REAL_IP, "192.0.2.1");
    assert_client("192.0.2.1");
    add(FIELD_X_REAL_IP, "192.0.2.2");
    assert_client("10.0.0.9");
}

static void test_hops_are_bounded(void **state)
{
    char list[64 * 12 + 1] = "";

    (void)state;
    for (size_t i = 0; i < 64; i++) {
        (void)memcpy(list + 12 * i, "10.11.12.13,", 13);
    }
    add(FIELD_X_FORWARDED_FOR, list);
    assert_int_equal(see().hop_count, VIEW_HOPS_MAX);
    start_again();
    add(FIELD_FORWARDED, "for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,"
                         "for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,"
                         "for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,"
                         "for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,"
                         "for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,"
                         "for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,"
                         "for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1,for=10.0.0.1");
    assert_int_equal(see().hop_count, VIEW_HOPS_MAX);
}

/* ---- whatever a stranger wrote, what the trusted proxy appended is seen ---- */

static uint32_t seed = 20261126;

static uint32_t random_below(uint32_t bound)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % bound;
}

static struct span junk(void)
{
    static const char alphabet[] = "\"\"\\\\,,;;== []:._xfor=for=\"1.10";
    size_t len = random_below(8) == 0 ? 4000 + random_below(3000) : random_below(40);
    char *text = arena_alloc(&arena, len + 1);

    for (size_t i = 0; i < len; i++) {
        text[i] = alphabet[random_below(sizeof(alphabet) - 1)];
    }
    return span_trim(span_make(text, len));
}

static void try_junk(enum http_field_id id, const char *told, bool is_one_line)
{
    struct span stranger = junk();
    struct span said = span_from_cstr(told);
    struct forwarded values;
    struct client_view view;

    start_again();
    if (is_one_line) {
        said = span_from_cstr(arena_printf(&arena, "%.*s, %s", SPAN_ARG(stranger), told));
    } else if (stranger.len != 0) {
        http_fields_add(&fields, &arena, id, http_field_name(id), stranger);
    }
    http_fields_add(&fields, &arena, id, http_field_name(id), said);
    view = see();
    if (!span_eq_cstr(view.address, "192.0.2.1")) {
        fail_msg("\"%.*s\": %.*s", SPAN_ARG(stranger), SPAN_ARG(view.address));
    }
    struct forwarded_from from = {.view = &view, .peer = SPAN("10.0.0.9")};
    forwarded_write(&from, &arena, &values);
    struct span end = span_from_cstr(
        arena_printf(&arena, "%s, 10.0.0.9", id == FIELD_FORWARDED ? "192.0.2.1" : told));
    assert_true(span_ends_with(values.x_for, end));
    assert_true(values.x_for.len <= VIEW_PREVIOUS_MAX + 64);
    assert_true(values.forwarded.len <= VIEW_PREVIOUS_MAX + 512);
    assert_span(values.x_real_ip, "192.0.2.1");
    /* The next reader finds the same, in either family. */
    struct client_view again;
    struct http_fields written = {0};
    struct client_view_from next = {.peer = SPAN("10.0.0.8"),
                                    .fields = &written,
                                    .authority = SPAN("a"),
                                    .is_trusted = is_trusted};
    http_fields_add(&written, &arena, FIELD_FORWARDED, SPAN_OF("Forwarded"), values.forwarded);
    client_view_read(&next, &arena, &again);
    assert_span(again.address, "192.0.2.1");
    assert_true(again.forwarded.len == values.forwarded.len ||
                values.forwarded.len > VIEW_PREVIOUS_MAX); /* well-formed from its beginning */
    written = (struct http_fields){0};
    http_fields_add(&written, &arena, FIELD_X_FORWARDED_FOR, SPAN_OF("x"), values.x_for);
    client_view_read(&next, &arena, &again);
    assert_span(again.address, "192.0.2.1");
    arena_reset(&arena);
}

static void test_no_stranger_hides_what_a_trusted_proxy_appended(void **state)
{
    (void)state;
    for (int i = 0; i < 4000; i++) {
        bool is_one_line = i % 2 == 0;
        try_junk(FIELD_X_FORWARDED_FOR, "192.0.2.1", is_one_line);
        try_junk(FIELD_X_FORWARDED_FOR, "192.0.2.1, 10.0.0.1", is_one_line);
        try_junk(FIELD_FORWARDED, "for=192.0.2.1", is_one_line);
        try_junk(FIELD_FORWARDED, "for=\"192.0.2.1:80\";host=\"a:80\";proto=http", is_one_line);
    }
}

static void test_fields_that_deny_the_scheme(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        int says; /* 1 https, 0 http, -1 nothing */
    } cases[] = {
        {"X-Forwarded-Ssl", "on", 1},      {"x-forwarded-ssl", "off", 0}, {"X-Scheme", "HTTPS", 1},
        {"X-Forwarded-Scheme", "http", 0}, {"X-Url-Scheme", "wss", 1},    {"HTTPS", "1", 1},
        {"Front-End-Https", "", 0},        {"X-Forwarded-User", "x", -1}, {"X-Https-Only", "0", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_field field = {.name = span_from_cstr(cases[i].name),
                                   .value = span_from_cstr(cases[i].value),
                                   .id = FIELD_OTHER};
        struct client_view https = {.is_https = true};
        struct client_view http = {.is_https = false};
        assert_int_equal(client_view_denies(&https, &field), cases[i].says == 0);
        assert_int_equal(client_view_denies(&http, &field), cases[i].says == 1);
    }
}

static void test_the_named_field_alone_is_the_client(void **state)
{
    struct client_view_from from = request(true);
    struct client_view view;

    (void)state;
    from.address_field = SPAN_OF("CF-Connecting-IP");
    add(FIELD_X_FORWARDED_FOR, "203.0.113.1, 10.0.0.2");
    add(FIELD_X_FORWARDED_PROTO, "https");
    client_view_read(&from, &arena, &view);
    assert_span(view.address, "10.0.0.9"); /* nobody said it */
    assert_true(view.is_https);
    assert_null(view.x_for.ptr);

    http_fields_add(&fields, &arena, FIELD_OTHER, SPAN_OF("cf-connecting-ip"),
                    SPAN_OF("203.0.113.5, 203.0.113.6"));
    client_view_read(&from, &arena, &view);
    assert_span(view.address, "203.0.113.6");
    assert_int_equal(view.hop_count, 1);
    assert_null(view.forwarded.ptr);

    from.fields = NULL; /* of a peer that is not trusted */
    client_view_read(&from, &arena, &view);
    assert_span(view.address, "10.0.0.9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_named_field_alone_is_the_client, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_strangers_fields_say_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_port_is_the_one_that_the_client_knows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_trusted_proxys_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_port_that_contradicts_host_replaces_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_x_forwarded_for_is_read_from_the_right, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_forwarded_is_read_from_the_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_family_is_believed, set_up, tear_down),
        cmocka_unit_test(test_fields_that_deny_the_scheme),
        cmocka_unit_test_setup_teardown(test_hops_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_stranger_hides_what_a_trusted_proxy_appended,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

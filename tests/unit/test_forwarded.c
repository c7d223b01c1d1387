#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "edge/forwarded.h"

static struct arena arena;
static struct http_fields previous;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    previous = (struct http_fields){0};
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
    http_fields_add(&previous, &arena, id, http_field_name(id), span_from_cstr(value));
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

static void test_addresses(void **state)
{
    static const struct {
        const char *client;
        uint16_t port;
        const char *x_for;
        const char *forwarded;
    } cases[] = {
        {"203.0.113.7", 0, "203.0.113.7", "for=203.0.113.7;host=a.example;proto=http"},
        {"203.0.113.7", 65535, "203.0.113.7",
         "for=\"203.0.113.7:65535\";host=a.example;proto=http"},
        /* RFC 7239 section 6: an IPv6 address is in brackets and quotes. */
        {"2001:db8::7", 0, "2001:db8::7", "for=\"[2001:db8::7]\";host=a.example;proto=http"},
        {"2001:db8::7", 4711, "2001:db8::7",
         "for=\"[2001:db8::7]:4711\";host=a.example;proto=http"},
        {"::ffff:203.0.113.7", 1, "203.0.113.7", "for=\"203.0.113.7:1\";host=a.example;proto=http"},
        {"fe80::1%eth0", 0, "fe80::1", "for=\"[fe80::1]\";host=a.example;proto=http"},
        {"unix", 5, "unknown", "for=unknown;host=a.example;proto=http"},
        {"", 5, "unknown", "for=unknown;host=a.example;proto=http"},
        {"1.2.3.4\", for=\"x", 0, "unknown", "for=unknown;host=a.example;proto=http"},
    };
    struct forwarded values;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct forwarded_from from = {.client = span_from_cstr(cases[i].client),
                                      .client_port = cases[i].port,
                                      .authority = SPAN("a.example")};
        forwarded_write(&from, &arena, &values);
        assert_span(values.x_for, cases[i].x_for);
        assert_span(values.forwarded, cases[i].forwarded);
    }
}

static void test_host_port_and_proto(void **state)
{
    struct forwarded_from from = {.client = SPAN("192.0.2.1"),
                                  .is_tls = true,
                                  .local_port = 8443,
                                  .authority = SPAN("[2001:db8::1]:8443")};
    struct forwarded values;

    (void)state;
    forwarded_write(&from, &arena, &values);
    assert_span(values.forwarded, "for=192.0.2.1;host=\"[2001:db8::1]:8443\";proto=https");
    assert_span(values.x_proto, "https");
    assert_span(values.x_host, "[2001:db8::1]:8443");
    assert_span(values.x_port, "8443");
    from = (struct forwarded_from){.client = SPAN("192.0.2.1"), .authority = {NULL, 0}};
    forwarded_write(&from, &arena, &values);
    assert_span(values.forwarded, "for=192.0.2.1;proto=http");
    assert_span(values.x_proto, "http");
    assert_span(values.x_host, NULL);
    assert_span(values.x_port, NULL);
    from.authority = SPAN_OF("a\"\\b");
    forwarded_write(&from, &arena, &values);
    assert_span(values.forwarded, "for=192.0.2.1;host=\"a\\\"\\\\b\";proto=http");
}

static void test_a_trusted_proxys_values_are_kept(void **state)
{
    struct forwarded_from from = {.client = SPAN("10.0.0.9"),
                                  .local_port = 80,
                                  .authority = SPAN("inner.example"),
                                  .previous = &previous};
    struct forwarded values;

    (void)state;
    add(FIELD_X_FORWARDED_FOR, "198.51.100.1, 10.0.0.1");
    add(FIELD_FORWARDED, "for=198.51.100.1;proto=https, for=\"[2001:db8::1]\"");
    add(FIELD_X_FORWARDED_FOR, "10.0.0.2");
    add(FIELD_X_FORWARDED_FOR, "");
    add(FIELD_X_FORWARDED_PROTO, "HTTPS");
    add(FIELD_X_FORWARDED_HOST, "shop.example:8443");
    add(FIELD_X_FORWARDED_PORT, "8443");
    forwarded_write(&from, &arena, &values);
    assert_span(values.x_for, "198.51.100.1, 10.0.0.1, 10.0.0.2, 10.0.0.9");
    assert_span(values.forwarded, "for=198.51.100.1;proto=https, for=\"[2001:db8::1]\", "
                                  "for=10.0.0.9;host=inner.example;proto=http");
    assert_span(values.x_proto, "https");
    assert_span(values.x_host, "shop.example:8443");
    assert_span(values.x_port, "8443");
    from.previous = NULL; /* the same request from a peer that is not trusted */
    forwarded_write(&from, &arena, &values);
    assert_span(values.x_for, "10.0.0.9");
    assert_span(values.forwarded, "for=10.0.0.9;host=inner.example;proto=http");
    assert_span(values.x_proto, "http");
    assert_span(values.x_host, "inner.example");
    assert_span(values.x_port, "80");
}

static void test_odd_values_of_a_trusted_proxy_are_replaced(void **state)
{
    struct forwarded_from from = {.client = SPAN("10.0.0.9"),
                                  .is_tls = true,
                                  .local_port = 443,
                                  .authority = SPAN("a.example"),
                                  .previous = &previous};
    struct forwarded values;

    (void)state;
    add(FIELD_X_FORWARDED_PROTO, "gopher");
    add(FIELD_X_FORWARDED_HOST, "a b");
    add(FIELD_X_FORWARDED_PORT, "65536");
    forwarded_write(&from, &arena, &values);
    assert_span(values.x_proto, "https");
    assert_span(values.x_host, "a.example");
    assert_span(values.x_port, "443");
    previous = (struct http_fields){0};
    add(FIELD_X_FORWARDED_PROTO, "http");
    add(FIELD_X_FORWARDED_PROTO, "https");
    add(FIELD_X_FORWARDED_PORT, "0");
    forwarded_write(&from, &arena, &values);
    assert_span(values.x_proto, "https");
    assert_span(values.x_port, "443");
}

static void test_long_lists_keep_their_newest_elements(void **state)
{
    struct forwarded_from from = {
        .client = SPAN("10.0.0.9"), .authority = SPAN("a"), .previous = &previous};
    struct forwarded values;
    char *list = arena_alloc(&arena, 8001);

    (void)state;
    for (int i = 0; i < 8000; i += 16) {
        memcpy(list + i, "100.100.100.100,", 16);
    }
    memcpy(list + 8000 - 16, "for=\"x,y,zzzzzz\"", 16);
    list[8000] = '\0';
    add(FIELD_X_FORWARDED_FOR, list);
    add(FIELD_FORWARDED, list);
    forwarded_write(&from, &arena, &values);
    assert_true(values.x_for.len <= FORWARDED_PREVIOUS_MAX + 16);
    assert_true(values.x_for.len > FORWARDED_PREVIOUS_MAX - 32);
    assert_true(span_starts_with(values.x_for, SPAN_OF("100.100.100.100,100.")));
    assert_true(span_ends_with(values.x_for, SPAN_OF("\"x,y,zzzzzz\", 10.0.0.9")));
    assert_true(values.forwarded.len <= FORWARDED_PREVIOUS_MAX + 64);
    /* One element too long to keep: nothing of it stays, not a piece. */
    memset(list, 'x', 8000);
    previous = (struct http_fields){0};
    add(FIELD_X_FORWARDED_FOR, list);
    forwarded_write(&from, &arena, &values);
    assert_span(values.x_for, "10.0.0.9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_host_port_and_proto, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_trusted_proxys_values_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_values_of_a_trusted_proxy_are_replaced, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_long_lists_keep_their_newest_elements, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static bool nobody(const void *context, const uint8_t ip[16])
{
    (void)context;
    (void)ip;
    return false;
}

static struct forwarded write_for(struct span peer, uint16_t port, bool is_tls,
                                  struct span authority, bool is_trusted)
{
    struct client_view_from seen = {.peer = peer,
                                    .peer_port = port,
                                    .is_tls = is_tls,
                                    .authority = authority,
                                    .fields = is_trusted ? &previous : NULL,
                                    .is_trusted = nobody};
    struct client_view view;
    struct forwarded_from from = {.view = &view, .peer = peer, .peer_port = port};
    struct forwarded values;
    struct span host;

    if (authority.ptr == NULL || !http_parse_authority(authority, &host, &seen.authority_port)) {
        seen.authority_port = 0;
    }
    client_view_read(&seen, &arena, &view);
    forwarded_write(&from, &arena, &values);
    return values;
}

static void test_addresses(void **state)
{
    static const struct {
        const char *client;
        uint16_t port;
        const char *x_for;
        const char *real_ip;
        const char *forwarded;
    } cases[] = {
        {"203.0.113.7", 0, "203.0.113.7", "203.0.113.7",
         "for=203.0.113.7;host=a.example;proto=http"},
        {"203.0.113.7", 65535, "203.0.113.7", "203.0.113.7",
         "for=\"203.0.113.7:65535\";host=a.example;proto=http"},
        /* RFC 7239 section 6: an IPv6 address is in brackets and quotes. */
        {"2001:db8::7", 0, "2001:db8::7", "2001:db8::7",
         "for=\"[2001:db8::7]\";host=a.example;proto=http"},
        {"2001:db8::7", 4711, "2001:db8::7", "2001:db8::7",
         "for=\"[2001:db8::7]:4711\";host=a.example;proto=http"},
        {"", 5, "unknown", NULL, "for=unknown;host=a.example;proto=http"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct forwarded values = write_for(span_from_cstr(cases[i].client), cases[i].port, false,
                                            SPAN_OF("a.example"), false);
        assert_span(values.x_for, cases[i].x_for);
        assert_span(values.x_real_ip, cases[i].real_ip);
        assert_span(values.forwarded, cases[i].forwarded);
        assert_span(values.x_proto, "http");
        assert_span(values.x_port, "80");
    }
}

static void test_host_port_and_proto(void **state)
{
    struct span client = SPAN_OF("192.0.2.1");
    struct forwarded values = write_for(client, 0, true, SPAN_OF("[2001:db8::1]:8443"), false);

    (void)state;
    assert_span(values.forwarded, "for=192.0.2.1;host=\"[2001:db8::1]:8443\";proto=https");
    assert_span(values.x_proto, "https");
    assert_span(values.x_host, "[2001:db8::1]:8443");
    assert_span(values.x_port, "8443");
    values = write_for(client, 0, false, (struct span){NULL, 0}, false);
    assert_span(values.forwarded, "for=192.0.2.1;proto=http");
    assert_span(values.x_proto, "http");
    assert_span(values.x_host, NULL);
    assert_span(values.x_port, "80");
    values = write_for(client, 0, false, SPAN_OF("a\"\\b"), false);
    assert_span(values.forwarded, "for=192.0.2.1;host=\"a\\\"\\\\b\";proto=http");
}

static void test_both_families_say_the_same(void **state)
{
    struct span peer = SPAN_OF("10.0.0.9");
    struct forwarded values;

    (void)state;
    add(FIELD_X_FORWARDED_FOR, "198.51.100.1");
    add(FIELD_X_FORWARDED_PROTO, "HTTPS");
    add(FIELD_X_FORWARDED_HOST, "shop.example:8443");
    values = write_for(peer, 0, false, SPAN_OF("inner.example"), true);
    assert_span(values.x_for, "198.51.100.1, 10.0.0.9");
    assert_span(values.forwarded, "for=198.51.100.1;host=\"shop.example:8443\";proto=https, "
                                  "for=10.0.0.9;host=\"shop.example:8443\";proto=https");
    assert_span(values.x_proto, "https");
    assert_span(values.x_host, "shop.example:8443");
    assert_span(values.x_port, "8443");
    assert_span(values.x_real_ip, "198.51.100.1");
    previous = (struct http_fields){0};
    add(FIELD_FORWARDED, "for=\"[2001:db8::1]:99\";by=_x;proto=https;host=shop.example");
    values = write_for(peer, 0, false, SPAN_OF("inner.example"), true);
    assert_span(values.x_for, "2001:db8::1, 10.0.0.9");
    assert_span(values.forwarded, "for=\"[2001:db8::1]:99\";by=_x;proto=https;host=shop.example, "
                                  "for=10.0.0.9;host=shop.example;proto=https");
    assert_span(values.x_proto, "https");
    assert_span(values.x_host, "shop.example");
    assert_span(values.x_port, "443");
    assert_span(values.x_real_ip, "2001:db8::1");
    previous = (struct http_fields){0};
    add(FIELD_X_FORWARDED_PORT, "8443");
    add(FIELD_X_FORWARDED_PROTO, "https");
    values = write_for(peer, 0, false, SPAN_OF("inner.example"), true);
    assert_span(values.x_host, "inner.example");
    assert_span(values.x_port, "8443");
    assert_span(values.forwarded, "for=10.0.0.9;host=\"inner.example:8443\";proto=https");
    values = write_for(peer, 0, false, SPAN_OF("inner.example"), false); /* of a stranger */
    assert_span(values.x_for, "10.0.0.9");
    assert_span(values.forwarded, "for=10.0.0.9;host=inner.example;proto=http");
    assert_span(values.x_port, "80");
}

static void test_long_lists_keep_their_newest_elements(void **state)
{
    struct span peer = SPAN_OF("10.0.0.9");
    struct forwarded values;
    char *list = arena_alloc(&arena, 8001);

    (void)state;
    for (int i = 0; i < 8000; i += 16) {
        memcpy(list + i, "100.100.100.100,", 16);
    }
    list[7999] = '\0';
    add(FIELD_X_FORWARDED_FOR, list);
    values = write_for(peer, 0, false, SPAN_OF("a"), true);
    assert_true(values.x_for.len <= VIEW_PREVIOUS_MAX + 16);
    assert_true(values.x_for.len > VIEW_PREVIOUS_MAX - 32);
    assert_true(span_starts_with(values.x_for, SPAN_OF("100.100.100.100,100.")));
    assert_true(span_ends_with(values.x_for, SPAN_OF("100.100.100.100, 10.0.0.9")));
    previous = (struct http_fields){0};
    for (int i = 0; i < 8000; i += 20) {
        memcpy(list + i, "for=100.100.100.100,", 20);
    }
    list[7999] = '\0';
    add(FIELD_FORWARDED, list);
    values = write_for(peer, 0, false, SPAN_OF("a"), true);
    assert_true(values.forwarded.len <= VIEW_PREVIOUS_MAX + 64);
    assert_true(values.forwarded.len > VIEW_PREVIOUS_MAX - 32);
    assert_true(span_starts_with(values.forwarded, SPAN_OF("for=100.100.100.100,for=")));
    /* One element too long to keep: nothing of it stays, not a piece. */
    memset(list, 'x', 8000);
    list[8000] = '\0';
    previous = (struct http_fields){0};
    add(FIELD_X_FORWARDED_FOR, list);
    values = write_for(peer, 0, false, SPAN_OF("a"), true);
    assert_span(values.x_for, "10.0.0.9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_host_port_and_proto, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_both_families_say_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_lists_keep_their_newest_elements, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

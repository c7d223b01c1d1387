#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "edge/destination.h"
#include "edge/upgrade.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
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

static void test_what_is_allowed_of_a_list_passes(void **state)
{
    static const char *const allowed[] = {"websocket", "tcp"};
    static const struct {
        const char *offered, *passed, *dropped;
    } cases[] = {
        {"websocket", "websocket", NULL},
        {"WebSocket", "WebSocket", NULL},
        {"h2c", NULL, "h2c"},
        {"websocket/13", NULL, "websocket/13"},
        {"websocket, h2c", "websocket", "h2c"},
        {"h2c,tcp ,TLS/1.0,websocket", "tcp, websocket", "h2c, TLS/1.0"},
        {", ,tcp,", "tcp", NULL},
        {"", NULL, NULL},
        {"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,tcp", NULL,
         "a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct upgrade_choice choice =
            upgrade_choose(span_from_cstr(cases[i].offered), allowed, ARRAY_LEN(allowed), &arena);
        assert_span(choice.passed, cases[i].passed);
        assert_span(choice.dropped, cases[i].dropped);
    }
    assert_true(upgrade_has(SPAN_OF("tcp, websocket"), SPAN_OF("WEBSOCKET")));
    assert_false(upgrade_has(SPAN_OF("tcp, websocket"), SPAN_OF("tcp, websocket")));
    assert_false(upgrade_has(SPAN_OF("tcp"), SPAN_OF("")));
    assert_false(upgrade_has((struct span){NULL, 0}, SPAN_OF("tcp")));
}

static void test_destinations(void **state)
{
    /* The client sees https://Shop.example, the server http://shop.example. */
    static const struct {
        const char *value, *sent;
    } cases[] = {
        {"https://shop.example/dav/b%20c?d#e", "http://shop.example/dav/b%20c?d#e"},
        {"HTTPS://SHOP.EXAMPLE:443/b", "http://shop.example/b"},
        {"https://shop.example", "http://shop.example"},
        {"https://shop.example:8443/b", NULL},
        {"http://shop.example/b", NULL},
        {"http://shop.example:443/b", NULL},
        {"https://other.example/b", NULL},
        {"https://also.example/b", "http://also.example/b"},
        {"/b", NULL},
        {"https:///b", NULL},
        {"ftp://shop.example/b", NULL},
        {"https://user@shop.example/b", NULL},
        {"", NULL},
    };
    struct client_view view = {.is_https = true, .host = SPAN("Shop.example"), .port = 443};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct destination d;
        struct span sent = {NULL, 0};
        if (destination_parse(span_from_cstr(cases[i].value), &d)) {
            sent = destination_for_server(&d, &view, span_eq_cstr(d.host, "also.example"), false,
                                          SPAN_OF("shop.example"), &arena);
        }
        assert_span(sent, cases[i].sent);
    }
}

static void test_destinations_behind_a_proxy(void **state)
{
    struct client_view view = {.is_https = true, .host = SPAN("out.example:8443"), .port = 8443};
    struct destination d;

    (void)state;
    assert_true(destination_parse(SPAN_OF("https://out.example:8443/b"), &d));
    assert_span(destination_for_server(&d, &view, false, true, SPAN_OF("in.example"), &arena),
                "https://in.example/b");
    assert_span(destination_for_server(&d, &view, false, true, SPAN_OF("out.example:8443"), &arena),
                NULL);
}

static void test_the_first_of_a_list(void **state)
{
    (void)state;
    assert_span(upgrade_first(SPAN_OF("websocket")), "websocket");
    assert_span(upgrade_first(SPAN_OF(" , tcp/1, websocket")), "tcp/1");
    assert_int_equal(upgrade_first(SPAN_OF("")).len, 0);
    assert_int_equal(upgrade_first(SPAN_OF(" ,,")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_allowed_of_a_list_passes, set_up, tear_down),
        cmocka_unit_test(test_the_first_of_a_list),
        cmocka_unit_test_setup_teardown(test_destinations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_destinations_behind_a_proxy, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* gRPC's words for errors of HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/grpc.h"

static void each_error_that_is_made_here_has_a_status(void **state)
{
    static const struct {
        unsigned http;
        enum grpc_status grpc;
    } cases[] = {{400, GRPC_INTERNAL},
                 {401, GRPC_UNAUTHENTICATED},
                 {403, GRPC_PERMISSION_DENIED},
                 {404, GRPC_UNIMPLEMENTED},
                 {405, GRPC_UNIMPLEMENTED},
                 {408, GRPC_DEADLINE_EXCEEDED},
                 {413, GRPC_RESOURCE_EXHAUSTED},
                 {421, GRPC_UNAVAILABLE},
                 {429, GRPC_UNAVAILABLE},
                 {431, GRPC_RESOURCE_EXHAUSTED},
                 {501, GRPC_UNIMPLEMENTED},
                 {502, GRPC_UNAVAILABLE},
                 {503, GRPC_UNAVAILABLE},
                 {504, GRPC_DEADLINE_EXCEEDED},
                 {418, GRPC_UNKNOWN}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(grpc_status_of(cases[i].http), cases[i].grpc);
    }
}

static void message_is_percent_encoded(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 256);
    struct span out = grpc_message(SPAN_OF("100% of \xc3\xa4\n"), &arena);
    assert_true(span_eq(out, SPAN_OF("100%25 of %C3%A4%0A")));
    assert_int_equal(grpc_message(SPAN_OF(""), &arena).len, 0);
    arena_destroy(&arena);
}

static void deadlines_are_read_and_written_in_their_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t us;
        const char *written;
    } cases[] = {{"1S", 1000000, "1000000u"},
                 {"250m", 250000, "250000u"},
                 {"7u", 7, "7u"},
                 {"99999999n", 99999, "99999u"},
                 {"2M", 120000000, "120000m"},
                 {"1H", UINT64_C(3600000000), "3600000m"},
                 {"0S", 0, "0u"},
                 {"99999999H", UINT64_C(359999996400000000), "99999999H"}};
    static const char *const bad[] = {"", "S", "1", "1s", "-1S", "123456789S", "1 S", "1.5S"};
    struct arena arena;
    uint64_t us;

    (void)state;
    arena_init(&arena, 256);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(grpc_timeout_read(span_from_cstr(cases[i].text), &us));
        assert_int_equal(us, cases[i].us);
        assert_true(span_eq_cstr(grpc_timeout_write(us, &arena), cases[i].written));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(grpc_timeout_read(span_from_cstr(bad[i]), &us));
    }
    arena_destroy(&arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_that_is_made_here_has_a_status),
        cmocka_unit_test(message_is_percent_encoded),
        cmocka_unit_test(deadlines_are_read_and_written_in_their_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

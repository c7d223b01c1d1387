/* gRPC-Web (doc/PROTOCOL-WEB.md of the gRPC project): types, bodies in Base64, the last frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/fields.h"
#include "http/grpc_web.h"

static void types(void **state)
{
    static const struct {
        const char *type;
        enum grpc_web_form form;
        const char *suffix;
    } cases[] = {
        {"application/grpc-web", GRPC_WEB_BINARY, ""},
        {"application/grpc-web+proto", GRPC_WEB_BINARY, "+proto"},
        {"Application/gRPC-Web-Text+proto; charset=utf-8", GRPC_WEB_TEXT, "+proto; charset=utf-8"},
        {"application/grpc-web-text", GRPC_WEB_TEXT, ""},
        {"application/grpc-web-texts", GRPC_WEB_NONE, NULL},
        {"application/grpc-website", GRPC_WEB_NONE, NULL},
        {"application/grpc", GRPC_WEB_NONE, NULL},
        {"", GRPC_WEB_NONE, NULL},
    };
    struct span suffix;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(grpc_web_form_of(span_from_cstr(cases[i].type), &suffix), cases[i].form);
        assert_true(cases[i].suffix == NULL || span_eq_cstr(suffix, cases[i].suffix));
    }
}

static void answers(void **state)
{
    struct arena arena;
    struct span type;

    (void)state;
    arena_init(&arena, 1024);
    assert_int_equal(grpc_web_answer_form(GRPC_WEB_BINARY, span_make(NULL, 0)), GRPC_WEB_BINARY);
    assert_int_equal(grpc_web_answer_form(GRPC_WEB_TEXT, SPAN_OF("*/*")), GRPC_WEB_TEXT);
    assert_int_equal(
        grpc_web_answer_form(GRPC_WEB_BINARY, SPAN_OF("*/*, application/grpc-web-text+proto")),
        GRPC_WEB_TEXT);
    assert_true(
        span_eq_cstr(grpc_web_server_type(SPAN_OF("+json"), &arena), "application/grpc+json"));
    type = grpc_web_client_type(GRPC_WEB_TEXT, SPAN_OF("application/grpc+proto"), &arena);
    assert_true(span_eq_cstr(type, "application/grpc-web-text+proto"));
    type = grpc_web_client_type(GRPC_WEB_BINARY, SPAN_OF("application/grpc"), &arena);
    assert_true(span_eq_cstr(type, "application/grpc-web"));
    assert_null(grpc_web_client_type(GRPC_WEB_BINARY, SPAN_OF("text/html"), &arena).ptr);
    assert_null(grpc_web_client_type(GRPC_WEB_BINARY, SPAN_OF("application/grpcs"), &arena).ptr);
    arena_destroy(&arena);
}

static void the_last_frame(void **state)
{
    static const char expected[] = "\x80\0\0\0\x21"
                                   "grpc-status:0\r\ngrpc-message:a b\r\n";
    struct http_fields fields = {0};
    struct arena arena;
    struct span frame;

    (void)state;
    arena_init(&arena, 1024);
    http_fields_add(&fields, &arena, FIELD_OTHER, SPAN_OF("Grpc-Status"), SPAN_OF("0"));
    http_fields_add(&fields, &arena, FIELD_OTHER, SPAN_OF("x-own"), SPAN_OF("not sent"));
    fields.items[1].is_not_sent = true;
    http_fields_add(&fields, &arena, FIELD_OTHER, SPAN_OF("grpc-message"), SPAN_OF("a b"));
    frame = grpc_web_trailers(&fields, &arena);
    assert_int_equal(frame.len, sizeof(expected) - 1);
    assert_memory_equal(frame.ptr, expected, frame.len);
    arena_destroy(&arena);
}

/* In pieces of each size, and the whole. */
static void expect_text(const char *text, const char *bytes)
{
    size_t all = strlen(text);

    for (size_t step = 1; step <= all; step++) {
        struct grpc_web_text state = {.count = 0};
        char out[64];
        size_t out_len = 0;
        bool ok = true;

        for (size_t at = 0; at < all && ok; at += step) {
            size_t len = all - at < step ? all - at : step;
            unsigned char piece[GRPC_WEB_TEXT_ROOM(64)];
            size_t n;
            ok = grpc_web_text_decode(&state, span_make(text + at, len), piece, &n);
            assert_true(n <= GRPC_WEB_TEXT_ROOM(len));
            memcpy(out + out_len, piece, n);
            out_len += n;
        }
        assert_true((ok && grpc_web_text_is_whole(&state)) == (bytes != NULL));
        assert_true(bytes == NULL || span_eq_cstr(span_make(out, out_len), bytes));
    }
}

static void bodies_in_base64(void **state)
{
    (void)state;
    expect_text("aGVsbG8gd29ybGQ=", "hello world");
    expect_text("aGVsbG8=IHdvcmxk", "hello world");
    expect_text("aA==aQ==ag==", "hij");
    expect_text("aGVsbG8", NULL);
    expect_text("aGVs bG8=", NULL);
    expect_text("aGVs\r\nbG8=\r\n", NULL);
    expect_text("aB==", NULL);
    expect_text("a===", NULL);
    expect_text("=aaa", NULL);
    expect_text("aGVsbG8_", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(answers),
        cmocka_unit_test(the_last_frame),
        cmocka_unit_test(bodies_in_base64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How PostgreSQL's protocol begins, on both sides; each message byte by byte too, from heap blocks
 * of exact size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tls/postgres.h"

#define TLS_REQUEST "\0\0\0\x08\x04\xd2\x16\x2f"
#define GSS_REQUEST "\0\0\0\x08\x04\xd2\x16\x30"

static enum postgres_start parse(struct span bytes)
{
    char *copy = malloc(bytes.len);
    enum postgres_start result;

    assert_non_null(copy);
    memcpy(copy, bytes.ptr, bytes.len);
    result = postgres_parse_start(span_make(copy, bytes.len));
    free(copy);
    return result;
}

static void first_messages(void **state)
{
    static const struct {
        struct span bytes;
        enum postgres_start start;
    } cases[] = {
        {SPAN(TLS_REQUEST), POSTGRES_START_TLS},
        {SPAN(TLS_REQUEST "\x16\x03\x01"), POSTGRES_START_TLS},
        {SPAN(GSS_REQUEST), POSTGRES_START_GSS},
        {SPAN("\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02"), POSTGRES_START_CANCEL},
        {SPAN("\0\0\0\x2c\x04\xd2\x16\x2e\0\0\0\x01key"), POSTGRES_START_CANCEL}, /* 3.2 */
        {SPAN("\0\0\0\x09\0\x03\0\0\0"), POSTGRES_START_SESSION},
        {SPAN("\0\0\0\x09\0\x03\0\x02\0"), POSTGRES_START_SESSION},
        {SPAN("\0\0\x01\x28\0\x02\0\0"), POSTGRES_START_SESSION},
        /* Lengths that none of them has. */
        {SPAN("\0\0\0\x09\x04\xd2\x16\x2f"), POSTGRES_START_BAD},
        {SPAN("\0\0\0\x07\x04\xd2\x16\x2f"), POSTGRES_START_BAD},
        {SPAN("\0\0\0\x0f\x04\xd2\x16\x2e"), POSTGRES_START_BAD},
        {SPAN("\0\0\x27\x11\0\x03\0\0"), POSTGRES_START_BAD},
        {SPAN("\0\xff\xff\xff\0\x03\0\0"), POSTGRES_START_BAD},
        {SPAN("\0\0\0\0\0\0\0\0"), POSTGRES_START_BAD},
        /* Codes that are none. */
        {SPAN("\0\0\0\x08\x04\xd2\x16\x31"), POSTGRES_START_BAD},
        {SPAN("\0\0\0\x08\0\x04\0\0"), POSTGRES_START_BAD},
        {SPAN("\x16\x03\x01\0\0\0\0\0"), POSTGRES_START_NOT},
        {SPAN("GET / HTTP/1.1\r\n"), POSTGRES_START_NOT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(parse(cases[i].bytes), cases[i].start);
        for (size_t n = 1; n < POSTGRES_REQUEST_BYTES; n++) {
            assert_int_equal(parse(span_head(cases[i].bytes, n)),
                             cases[i].start == POSTGRES_START_NOT ? POSTGRES_START_NOT
                                                                  : POSTGRES_START_MORE);
        }
    }
}

static void our_request_is_theirs(void **state)
{
    char request[POSTGRES_REQUEST_BYTES];

    (void)state;
    postgres_write_tls_request(request);
    assert_memory_equal(request, TLS_REQUEST, sizeof(request));
}

static void answers(void **state)
{
    (void)state;
    assert_int_equal(postgres_parse_answer(SPAN_OF("")), POSTGRES_ANSWER_MORE);
    assert_int_equal(postgres_parse_answer(SPAN_OF("S")), POSTGRES_ANSWER_TLS);
    assert_int_equal(postgres_parse_answer(SPAN_OF("S\x16")), POSTGRES_ANSWER_BAD);
    assert_int_equal(postgres_parse_answer(SPAN_OF("N")), POSTGRES_ANSWER_NO);
    assert_int_equal(postgres_parse_answer(SPAN_OF("Eno more")), POSTGRES_ANSWER_ERROR);
    assert_int_equal(postgres_parse_answer(SPAN_OF("\x15\x03\x03")), POSTGRES_ANSWER_BAD);
    assert_int_equal(postgres_parse_answer(SPAN_OF("G")), POSTGRES_ANSWER_BAD);
    assert_int_equal(postgres_parse_answer(SPAN_OF("HTTP/1.1 400")), POSTGRES_ANSWER_BAD);
}

static void expect_error_text(struct span bytes, const char *expected)
{
    char out[16];
    struct span text;

    for (size_t n = 0; n <= bytes.len; n++) { /* a piece of it never reads past its end */
        char *copy = malloc(n != 0 ? n : 1);

        assert_non_null(copy);
        memcpy(copy, bytes.ptr, n);
        text = postgres_error_text(span_make(copy, n), out, sizeof(out));
        assert_true(text.len <= sizeof(out));
        free(copy);
    }
    text = postgres_error_text(bytes, out, sizeof(out));
    assert_true(span_eq_cstr(text, expected));
}

static void texts_of_errors(void **state)
{
    (void)state;
    expect_error_text(SPAN_OF("E\0\0\0\x20SFATAL\0C53300\0Mtoo many\0\0"), "too many");
    expect_error_text(SPAN_OF("E\0\0\0\x20Mfirst\0Msecond\0\0"), "first");
    expect_error_text(SPAN_OF("E\0\0\0\x20Mhalf"), "half");
    expect_error_text(SPAN_OF("E\0\0\0\x20SFATAL\0\0"), "");
    expect_error_text(SPAN_OF("Ecould not fork\n\0"), "could not fork?");
    expect_error_text(SPAN_OF("E\0\0\0\x20Mlonger than what is kept\0\0"), "longer than what");
    expect_error_text(SPAN_OF("E"), "");
}

static void errors_are_written_as_servers_do(void **state)
{
    char out[POSTGRES_ERROR_MAX];
    char text[600];
    char read[32];
    size_t len = postgres_write_error(out, "28000", "no TLS", "use it");

    (void)state;
    assert_true(span_eq(span_make(out, len),
                        SPAN_OF("E\0\0\0\x2aSFATAL\0VFATAL\0C28000\0Mno TLS\0Huse it\0\0")));
    assert_true(
        span_eq_cstr(postgres_error_text(span_make(out, len), read, sizeof(read)), "no TLS"));
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    len = postgres_write_error(out, "28000", text, text);
    assert_true(len <= sizeof(out));
    assert_int_equal(out[len - 1], '\0');
    assert_int_equal(out[len - 2], '\0');
    assert_int_equal((size_t)(uint8_t)out[3] << 8 | (uint8_t)out[4], len - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_messages),
        cmocka_unit_test(our_request_is_theirs),
        cmocka_unit_test(answers),
        cmocka_unit_test(texts_of_errors),
        cmocka_unit_test(errors_are_written_as_servers_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

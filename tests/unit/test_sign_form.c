/* tls/sign_form: what a handshake signs is known by its form, to the last byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tls/sign_form.h"

static char message[4096];
static size_t len;

static void add(const void *bytes, size_t count)
{
    assert_true(len + count <= sizeof(message));
    memcpy(message + len, bytes, count);
    len += count;
}

static void fill(int byte, size_t count)
{
    assert_true(len + count <= sizeof(message));
    memset(message + len, byte, count);
    len += count;
}

static enum sign_form form(void)
{
    return sign_form_of(span_make(message, len));
}

/* ---- TLS 1.3 ---- */

static void begin_tls13(const char *side)
{
    len = 0;
    fill(' ', 64);
    add("TLS 1.3, ", 9);
    add(side, 6);
    add(" CertificateVerify", 19); /* and its zero */
}

static void tls13_has_two_contexts_and_a_digest(void **state)
{
    static const size_t wrong[] = {0, 20, 31, 33, 47, 49, 64};
    (void)state;

    begin_tls13("server");
    fill(7, 32);
    assert_int_equal(form(), SIGN_FORM_TLS13);
    fill(7, 16);
    assert_int_equal(form(), SIGN_FORM_TLS13);
    begin_tls13("client");
    fill(7, 48);
    assert_int_equal(form(), SIGN_FORM_TLS13);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        begin_tls13("server");
        fill(7, wrong[i]);
        assert_int_equal(form(), SIGN_FORM_NONE);
    }
    begin_tls13("nobody");
    fill(7, 32);
    assert_int_equal(form(), SIGN_FORM_NONE);
}

static void tls13_needs_each_of_its_spaces(void **state)
{
    (void)state;
    for (size_t i = 0; i < 98; i++) {
        begin_tls13("server");
        fill(7, 32);
        message[i] ^= 1;
        assert_int_equal(form(), SIGN_FORM_NONE);
    }
}

/* ---- TLS 1.2, a server's ---- */

static void begin_curve(uint8_t type, uint8_t group, uint8_t point)
{
    const uint8_t head[] = {type, 0, group, point};

    len = 0;
    fill(0xa5, 64);
    add(head, sizeof(head));
}

static void a_server_signs_a_curve_and_a_point(void **state)
{
    static const uint8_t groups[][2] = {{23, 65}, {24, 97}, {25, 133}, {29, 32}, {30, 56}};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        begin_curve(3, groups[i][0], groups[i][1]);
        fill(4, groups[i][1]);
        assert_int_equal(form(), SIGN_FORM_TLS12_SERVER);
        fill(4, 1);
        assert_int_equal(form(), SIGN_FORM_NONE);
        len -= 2;
        assert_int_equal(form(), SIGN_FORM_NONE);
    }
    begin_curve(3, 23, 64); /* not as long as its points are */
    fill(4, 64);
    assert_int_equal(form(), SIGN_FORM_NONE);
    begin_curve(1, 23, 65); /* a curve of one's own */
    fill(4, 65);
    assert_int_equal(form(), SIGN_FORM_NONE);
    begin_curve(3, 99, 65);
    fill(4, 65);
    assert_int_equal(form(), SIGN_FORM_NONE);
    len = 64;
    assert_int_equal(form(), SIGN_FORM_NONE);
}

static void number(size_t bytes)
{
    const uint8_t head[] = {(uint8_t)(bytes >> 8), (uint8_t)bytes};

    add(head, 2);
    fill(0xff, bytes);
}

static void a_server_signs_a_group_and_a_number(void **state)
{
    (void)state;
    len = 0;
    fill(0xa5, 64);
    number(256);
    number(1);
    number(256);
    assert_int_equal(form(), SIGN_FORM_TLS12_SERVER);
    fill(0, 1);
    assert_int_equal(form(), SIGN_FORM_NONE);
    len = 64;
    number(64); /* too small to be one */
    number(1);
    number(64);
    assert_int_equal(form(), SIGN_FORM_NONE);
    len = 64;
    number(256);
    number(1);
    number(300); /* more than the prime */
    assert_int_equal(form(), SIGN_FORM_NONE);
}

/* ---- TLS 1.2, a client's ---- */

static void handshake(uint8_t type, size_t bytes)
{
    const uint8_t head[] = {type, 0, (uint8_t)(bytes >> 8), (uint8_t)bytes};

    add(head, sizeof(head));
    fill(0x5a, bytes);
}

static void begin_transcript(void)
{
    len = 0;
    handshake(1, 200);
    handshake(2, 70);
    handshake(11, 900);
    handshake(12, 140);
    handshake(13, 40);
    handshake(14, 0);
    handshake(11, 700);
}

static void a_client_signs_what_was_said(void **state)
{
    (void)state;
    begin_transcript();
    assert_int_equal(form(), SIGN_FORM_NONE); /* not to its end */
    handshake(16, 66);
    assert_int_equal(form(), SIGN_FORM_TLS12_CLIENT);
    fill(16, 1);
    assert_int_equal(form(), SIGN_FORM_NONE);
    len -= 2;
    assert_int_equal(form(), SIGN_FORM_NONE);
    begin_transcript();
    handshake(16, 66);
    handshake(16, 66); /* and on */
    assert_int_equal(form(), SIGN_FORM_NONE);
    begin_transcript();
    handshake(20, 12); /* Finished */
    handshake(16, 66);
    assert_int_equal(form(), SIGN_FORM_NONE);
    len = 0;
    handshake(2, 70);
    handshake(1, 200);
    handshake(16, 66);
    assert_int_equal(form(), SIGN_FORM_NONE);
    len = 0;
    handshake(16, 66);
    assert_int_equal(form(), SIGN_FORM_NONE);
}

static void nothing_else_is(void **state)
{
    static const struct span others[] = {SPAN(""), SPAN("\x30\x82\x01\x0a"),
                                         SPAN("eyJhbGciOiJFUzI1NiJ9.e30"),
                                         SPAN("POST / HTTP/1.1\r\nHost: a.example\r\n\r\n")};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(sign_form_of(others[i]), SIGN_FORM_NONE);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls13_has_two_contexts_and_a_digest),
        cmocka_unit_test(tls13_needs_each_of_its_spaces),
        cmocka_unit_test(a_server_signs_a_curve_and_a_point),
        cmocka_unit_test(a_server_signs_a_group_and_a_number),
        cmocka_unit_test(a_client_signs_what_was_said),
        cmocka_unit_test(nothing_else_is),
    };

    return cmocka_run_group_tests_name("sign_form", tests, NULL, NULL);
}

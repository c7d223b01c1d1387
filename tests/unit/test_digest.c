/* tls/digest: one text in one part or in several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "tls/digest.h"

static void parts_are_as_one_text(void **state)
{
    const struct span whole[] = {SPAN("abc")};
    const struct span parts[] = {SPAN("a"), SPAN(""), SPAN("bc")};
    unsigned char sha1[SHA1_BYTES];
    unsigned char sha256[SHA256_BYTES];
    char text[2 * SHA256_BYTES];

    (void)state;
    /* FIPS 180-4's examples. */
    assert_true(digest_sha1(whole, 1, sha1));
    hex_encode(span_make(sha1, sizeof(sha1)), text);
    assert_memory_equal(text, "a9993e364706816aba3e25717850c26c9cd0d89d", 40);
    assert_true(digest_sha256(parts, 3, sha256));
    hex_encode(span_make(sha256, sizeof(sha256)), text);
    assert_memory_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                        64);
}

/* RFC 6455 section 1.3's example. */
static void a_web_socket_is_accepted(void **state)
{
    const struct span parts[] = {SPAN("dGhlIHNhbXBsZSBub25jZQ=="),
                                 SPAN("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")};
    unsigned char sha1[SHA1_BYTES];
    char text[BASE64_LEN(SHA1_BYTES)];

    (void)state;
    assert_true(digest_sha1(parts, 2, sha1));
    (void)base64_encode(BASE64, span_make(sha1, sizeof(sha1)), text);
    assert_memory_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof(text));
}

/* RFC 4231 section 4.3. */
static void a_key_makes_it_a_code(void **state)
{
    const struct span parts[] = {SPAN("what do ya want "), SPAN("for nothing?")};
    unsigned char mac[SHA256_BYTES];
    char text[2 * SHA256_BYTES];

    (void)state;
    assert_true(digest_hmac_sha256(SPAN_OF("Jefe"), parts, 2, mac));
    hex_encode(span_make(mac, sizeof(mac)), text);
    assert_memory_equal(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                        64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_as_one_text),
        cmocka_unit_test(a_web_socket_is_accepted),
        cmocka_unit_test(a_key_makes_it_a_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* base/base64: RFC 4648's vectors, both alphabets, and all that is no base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"

static void same_both_ways(enum base64_alphabet alphabet, struct span bytes, const char *text)
{
    char written[64];
    unsigned char read[64];
    size_t len = base64_encode(alphabet, bytes, written);

    assert_int_equal(len, strlen(text));
    assert_memory_equal(written, text, len);
    assert_true(len <= BASE64_LEN(bytes.len));
    assert_true(base64_decode(alphabet, span_from_cstr(text), read, sizeof(read), &len));
    assert_int_equal(len, bytes.len);
    assert_memory_equal(read, bytes.len != 0 ? bytes.ptr : "", len);
}

static void the_vectors_of_rfc_4648(void **state)
{
    static const char *const pairs[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        same_both_ways(BASE64, span_from_cstr(pairs[i][0]), pairs[i][1]);
        same_both_ways(BASE64_URL, span_from_cstr(pairs[i][0]), pairs[i][2]);
    }
    assert_int_equal(BASE64_LEN(4), 8);
}

static void the_alphabets_differ_in_two_digits(void **state)
{
    (void)state;
    same_both_ways(BASE64, SPAN_OF("\xfb\xff\xbf\x00"), "+/+/AA==");
    same_both_ways(BASE64_URL, SPAN_OF("\xfb\xff\xbf\x00"), "-_-_AA");
}

static bool is_base64(enum base64_alphabet alphabet, struct span text)
{
    unsigned char bytes[64];
    size_t len;

    return base64_decode(alphabet, text, bytes, sizeof(bytes), &len);
}

static void what_is_no_base64_is_refused(void **state)
{
    static const struct span bad[] = {
        SPAN("Z"),    SPAN("Zg"),       SPAN("Zg="),  SPAN("Zg==="), SPAN("===="),
        SPAN("Z==="), SPAN("Zm8=Zm8="), SPAN("Zg= "), SPAN("Zm9 "),  SPAN("Zm\n9"),
        SPAN("-_-_"), SPAN("Zm\0v"),    SPAN("Zh=="), /* bits that belong to no byte */
        SPAN("Zm9="),
    };
    static const struct span bad_in_urls[] = {SPAN("Zg=="), SPAN("Z"), SPAN("+/+/"), SPAN("Zh"),
                                              SPAN("Zm9vY")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(is_base64(BASE64, bad[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_in_urls); i++) {
        assert_false(is_base64(BASE64_URL, bad_in_urls[i]));
    }
}

static void more_bytes_than_there_is_room_for_are_refused(void **state)
{
    unsigned char bytes[3] = {0, 0, 7};
    size_t len;

    (void)state;
    assert_false(base64_decode(BASE64, SPAN_OF("Zm9v"), bytes, 2, &len));
    assert_int_equal(bytes[2], 7);
    assert_true(base64_decode(BASE64, SPAN_OF("Zm9v"), bytes, 3, &len));
}

static void all_lengths_and_bytes_come_back(void **state)
{
    unsigned char bytes[256];
    unsigned char read[256];
    char text[BASE64_LEN(256)];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(i * 167);
    }
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        for (enum base64_alphabet alphabet = BASE64; alphabet <= BASE64_URL; alphabet++) {
            size_t digits = base64_encode(alphabet, span_make(bytes, len), text);
            size_t back = 0;
            assert_true(base64_decode(alphabet, span_make(text, digits), read, len, &back));
            assert_int_equal(back, len);
            assert_memory_equal(read, bytes, len);
        }
    }
}

static void hex_is_in_lower_case(void **state)
{
    char text[8];

    (void)state;
    hex_encode(SPAN_OF("\x00\x7f\xa5\xff"), text);
    assert_memory_equal(text, "007fa5ff", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_4648),
        cmocka_unit_test(the_alphabets_differ_in_two_digits),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(more_bytes_than_there_is_room_for_are_refused),
        cmocka_unit_test(all_lengths_and_bytes_come_back),
        cmocka_unit_test(hex_is_in_lower_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* base/span: prefixes, which bytes of a peer may be shorter than. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/span.h"

static void test_prefixes_longer_than_the_text(void **state)
{
    const struct span kind = SPAN("application/grpc");
    (void)state;

    for (size_t len = 0; len < kind.len; len++) {
        assert_false(span_starts_with(span_make(kind.ptr, len), kind));
        assert_false(span_istarts_with(span_make(kind.ptr, len), kind));
    }
    assert_false(span_istarts_with(span_make(NULL, 0), kind));
    assert_true(span_istarts_with(span_make(NULL, 0), span_make(NULL, 0)));
}

static void test_numbers_are_put_as_cursors_read_them(void **state)
{
    static const uint64_t numbers[] = {
        0, 1, 0x7f, 0x80, 0x1234, 0xfedcba98, UINT64_C(0x0102030405060708), UINT64_MAX};
    (void)state;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        unsigned char bytes[2 + 4 + 8];
        struct cursor cursor = cursor_make(span_make(bytes, sizeof(bytes)));
        uint16_t two;
        uint32_t four;
        uint64_t eight;
        void *to = big_endian_put(bytes, numbers[i], 2);

        to = big_endian_put(to, numbers[i], 4);
        assert_ptr_equal(big_endian_put(to, numbers[i], 8), bytes + sizeof(bytes));
        assert_true(cursor_u16(&cursor, &two) && cursor_u32(&cursor, &four));
        for (size_t len = 0; len < 8; len++) {
            struct cursor less = {cursor.at, cursor.at + len};
            assert_false(cursor_u64(&less, &eight));
            assert_ptr_equal(less.at, cursor.at);
        }
        assert_true(cursor_u64(&cursor, &eight) && cursor_left(&cursor) == 0);
        assert_int_equal(two, (uint16_t)numbers[i]);
        assert_int_equal(four, (uint32_t)numbers[i]);
        assert_true(eight == numbers[i]);
    }
}

static void test_case_counts_or_not(void **state)
{
    const struct span text = SPAN("Application/GRPC+proto");
    (void)state;

    assert_true(span_istarts_with(text, SPAN_OF("application/grpc")));
    assert_false(span_starts_with(text, SPAN_OF("application/grpc")));
    assert_true(span_starts_with(text, SPAN_OF("Application/GRPC")));
    assert_false(span_istarts_with(text, SPAN_OF("application/json")));
}

/* Each pair of bytes at each place of texts of some lengths, in blocks of exact size. */
static void test_case_of_letters_alone(void **state)
{
    (void)state;
    for (size_t len = 1; len < 20; len += len < 8 ? 3 : 1) {
        char *one = malloc(len);
        char *other = malloc(len);
        assert_true(one != NULL && other != NULL);
        for (size_t at = 0; at < len; at++) {
            memset(one, 'a', len);
            memset(other, 'A', len);
            for (int pair = 0; pair < 65536; pair++) {
                one[at] = (char)(pair & 0xff);
                other[at] = (char)(pair >> 8);
                bool want = ascii_lower(one[at]) == ascii_lower(other[at]);
                assert_true(span_ieq(span_make(one, len), span_make(other, len)) == want);
            }
        }
        free(one);
        free(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes_longer_than_the_text),
        cmocka_unit_test(test_numbers_are_put_as_cursors_read_them),
        cmocka_unit_test(test_case_counts_or_not),
        cmocka_unit_test(test_case_of_letters_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

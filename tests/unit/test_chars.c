/* The end of a field's value, found eight bytes at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/span.h"
#include "http/chars.h"

static size_t byte_by_byte(struct span s)
{
    size_t at = 0;

    while (at < s.len && http_is(s.ptr[at], HTTP_VALUE)) {
        at++;
    }
    return at;
}

static void check(const char *text, size_t len)
{
    assert_int_equal(http_value_end(text, text + len) - text, byte_by_byte(span_make(text, len)));
}

/* Each byte at each place, alone, behind a tab, and in front of other bytes that end a value. */
static void values_end_where_their_first_wrong_byte_is(void **state)
{
    static const char fillers[] = {'a', ' ', '\t', '\x80', '\xff', '\x7e'};

    (void)state;
    for (size_t len = 1; len < 26; len++) {
        char *text = malloc(len);
        assert_non_null(text);
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                memset(text, fillers[(size_t)c % ARRAY_LEN(fillers)], len);
                text[at] = (char)c;
                check(text, len);
                text[len - 1] = '\r';
                check(text, len);
                text[at] = '\t';
                check(text, len);
                text[at / 2] = '\x7f';
                check(text, len);
            }
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_end_where_their_first_wrong_byte_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

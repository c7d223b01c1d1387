/* base/span: prefixes, which bytes of a peer may be shorter than. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
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
        cmocka_unit_test(test_case_counts_or_not),
        cmocka_unit_test(test_case_of_letters_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Numbers as digits in an arena. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void numbers_are_written_in_decimal(void **state)
{
    static const struct {
        uint64_t number;
        const char *text;
    } cases[] = {
        {0, "0"}, {7, "7"}, {10, "10"}, {204, "204"}, {UINT64_MAX, "18446744073709551615"}};
    struct arena arena;

    (void)state;
    arena_init(&arena, 256);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span got = arena_u64(&arena, cases[i].number);
        assert_string_equal(got.ptr, cases[i].text);
        assert_int_equal(got.len, strlen(cases[i].text));
    }
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_in_decimal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

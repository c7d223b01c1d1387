/* gateway/reasons: one table of all that the log can give as a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/reasons.h"

static void every_reason_says_who_what_and_what_to_do(void **state)
{
    const struct reason *reason;
    size_t count = 0;
    (void)state;

    for (; (reason = reasons_at(count)) != NULL; count++) {
        assert_true(strspn(reason->word, "abcdefghijklmnopqrstuvwxyz0123456789_") ==
                    strlen(reason->word));
        assert_true(strlen(reason->word) > 2 && strlen(reason->sentence) > 10);
        assert_true(strlen(reason->mend) > 10);
        assert_in_range(reason->part, 0, REASON_PART_COUNT - 1);
        assert_true(strcmp(reason->who, "gateway") == 0 || strcmp(reason->who, "client") == 0 ||
                    strcmp(reason->who, "backend") == 0 || strcmp(reason->who, "network") == 0);
    }
    assert_true(count > 100);
}

static void each_is_found_by_its_word(void **state)
{
    const struct reason *reason;
    (void)state;

    for (size_t i = 0; (reason = reasons_at(i)) != NULL; i++) {
        const struct reason *found = reasons_find(span_from_cstr(reason->word));
        assert_non_null(found);
        assert_string_equal(found->word, reason->word);
    }
    assert_null(reasons_find(SPAN_OF("")));
    assert_null(reasons_find(SPAN_OF("no_such_word")));
    assert_null(reasons_find(SPAN_OF("body_timeou")));
    assert_null(reasons_find(SPAN_OF("body_timeouts")));
}

static void no_part_has_a_word_twice(void **state)
{
    const struct reason *a;
    const struct reason *b;
    (void)state;

    for (size_t i = 0; (a = reasons_at(i)) != NULL; i++) {
        for (size_t j = i + 1; (b = reasons_at(j)) != NULL; j++) {
            assert_false(a->part == b->part && strcmp(a->word, b->word) == 0);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_says_who_what_and_what_to_do),
        cmocka_unit_test(each_is_found_by_its_word),
        cmocka_unit_test(no_part_has_a_word_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

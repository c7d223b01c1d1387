/* Rules about fields of `defaults` and of a site, as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/field_rules_join.h"

static char *seen(struct arena *arena, const struct field_rules_settings *rules)
{
    char *text = arena_printf(arena, "%s", "");

    for (size_t i = 0; i < rules->remove.count; i++) {
        text = arena_printf(arena, "%s-%s ", text, rules->remove.items[i]);
    }
    for (size_t i = 0; i < rules->set_count; i++) {
        text = arena_printf(arena, "%s%s=%s ", text, rules->set[i].name, rules->set[i].value);
    }
    for (size_t i = 0; i < rules->add_count; i++) {
        text = arena_printf(arena, "%s+%s=%s ", text, rules->add[i].name, rules->add[i].value);
    }
    for (size_t i = 0; i < rules->default_count; i++) {
        text = arena_printf(arena, "%s?%s=%s ", text, rules->defaults[i].name,
                            rules->defaults[i].value);
    }
    return text;
}

static void the_inner_ones_win(void **state)
{
    const char *outer_remove[] = {"Server"};
    struct header_setting outer_set[] = {{"X-A", "1"}, {"X-B", "1"}, {"X-P-C", "1"}, {"X-D", "1"}};
    struct header_setting outer_add[] = {{"X-E", "1"}, {"X-F", "1"}};
    struct header_setting outer_default[] = {{"X-G", "1"}, {"X-H", "1"}};
    struct field_rules_settings outer = {.remove = {outer_remove, 1},
                                         .set = outer_set,
                                         .set_count = 4,
                                         .add = outer_add,
                                         .add_count = 2,
                                         .defaults = outer_default,
                                         .default_count = 2};
    const char *inner_remove[] = {"x-p-*", "X-E"};
    struct header_setting inner_set[] = {{"x-a", "2"}, {"X-H", "2"}};
    struct header_setting inner_add[] = {{"X-D", "2"}, {"X-F", "2"}};
    struct header_setting inner_default[] = {{"X-B", "2"}};
    struct field_rules_settings inner = {.remove = {inner_remove, 2},
                                         .set = inner_set,
                                         .set_count = 2,
                                         .add = inner_add,
                                         .add_count = 2,
                                         .defaults = inner_default,
                                         .default_count = 1,
                                         .place = {.line = 7}};
    struct field_rules_settings *both;
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    assert_ptr_equal(field_rules_join(NULL, &inner, &arena), &inner);
    both = field_rules_join(&outer, &inner, &arena);
    assert_string_equal(seen(&arena, both),
                        "-Server -x-p-* -X-E X-D=1 x-a=2 X-H=2 +X-F=1 +X-D=2 +X-F=2 ?X-G=1 "
                        "?X-B=2 ");
    assert_int_equal(both->place.line, 7);
    assert_int_equal(outer.set_count, 4);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_inner_ones_win)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

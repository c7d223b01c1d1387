/* Which part of a split a key gets: by weight, with as little movement as there can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "edge/split.h"

#define KEYS 40000

static size_t count_of(const struct split_part *parts, size_t count, size_t part)
{
    size_t found = 0;

    for (uint64_t key = 1; key <= KEYS; key++) {
        found += split_choose(parts, count, NULL, hash_mix(key)) == part;
    }
    return found;
}

static void each_part_gets_its_share(void **state)
{
    static const struct split_part parts[] = {
        {SPAN("app"), 900}, {SPAN("canary"), 90}, {SPAN("new"), 10}, {SPAN("off"), 0}};

    (void)state;
    assert_in_range(count_of(parts, 4, 0), KEYS * 89 / 100, KEYS * 91 / 100);
    assert_in_range(count_of(parts, 4, 1), KEYS * 8 / 100, KEYS * 10 / 100);
    assert_in_range(count_of(parts, 4, 2), KEYS * 7 / 1000, KEYS * 13 / 1000);
    assert_int_equal(count_of(parts, 4, 3), 0);
}

/* One canary in a million is one: small shares are not lost in rounding. */
static void the_extremes_are_exact_enough(void **state)
{
    static const struct split_part parts[] = {{SPAN("app"), SPLIT_WEIGHT_MAX}, {SPAN("canary"), 1}};
    static const struct split_part one[] = {{SPAN("app"), 1}};

    (void)state;
    assert_true(count_of(parts, 2, 1) <= 2);
    assert_int_equal(count_of(one, 1, 0), KEYS);
}

/* Another weight moves its difference, towards or from that part alone; the order moves nothing. */
static void another_weight_moves_what_it_must(void **state)
{
    static const struct split_part before[] = {{SPAN("a"), 50}, {SPAN("b"), 45}, {SPAN("c"), 5}};
    static const struct split_part after[] = {{SPAN("c"), 10}, {SPAN("a"), 50}, {SPAN("b"), 45}};
    static const size_t places[] = {1, 2, 0}; /* of `before` in `after` */
    size_t moved = 0;

    (void)state;
    for (uint64_t key = 1; key <= KEYS; key++) {
        size_t was = split_choose(before, 3, NULL, hash_mix(key));
        size_t is = split_choose(after, 3, NULL, hash_mix(key));
        if (places[was] != is) {
            moved++;
            assert_int_equal(is, 0); /* to the one that grew */
        }
    }
    assert_in_range(moved, KEYS * 40 / 1000, KEYS * 50 / 1000); /* 10/105 - 5/100: 4.5 % */
}

static void a_part_without_servers_gives_its_share_to_the_others(void **state)
{
    static const struct split_part parts[] = {
        {SPAN("a"), 8}, {SPAN("b"), 1}, {SPAN("c"), 1}, {SPAN("off"), 0}};
    static const bool but_a[] = {false, true, true, true};
    static const bool nobody[] = {false, false, false, false};
    static const bool but_those[] = {false, false, false, true};
    static const struct split_part none[] = {{SPAN("a"), 0}};

    (void)state;
    for (uint64_t key = 1; key <= 1000; key++) {
        size_t usual = split_choose(parts, 4, NULL, hash_mix(key));
        size_t then = split_choose(parts, 4, but_a, hash_mix(key));
        assert_true(usual == 0 ? then == 1 || then == 2 : then == usual);
        assert_int_equal(split_choose(parts, 4, nobody, hash_mix(key)), usual);
        assert_int_equal(split_choose(parts, 4, but_those, hash_mix(key)), usual);
    }
    assert_true(split_choose(none, 1, NULL, 1) == SPLIT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_gets_its_share),
        cmocka_unit_test(the_extremes_are_exact_enough),
        cmocka_unit_test(another_weight_moves_what_it_must),
        cmocka_unit_test(a_part_without_servers_gives_its_share_to_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which clients wait still, having ended their direction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "edge/leaving.h"

static void check(struct leaving_facts facts, enum leaving expected)
{
    assert_int_equal(leaving_of(&facts), expected);
}

static void without_a_choice_the_kind_of_end_decides(void **state)
{
    (void)state;
    check((struct leaving_facts){.has_request = true}, LEAVING_SHORTLY);
    check((struct leaving_facts){.has_request = true, .sign = LEAVING_GOODBYE}, LEAVING_GONE);
    check((struct leaving_facts){.has_request = true, .is_event_stream = true}, LEAVING_GONE);
    check((struct leaving_facts){.has_request = true, .is_h2 = true}, LEAVING_GONE);
}

static void abort_takes_every_end_for_one_of_both_ways(void **state)
{
    (void)state;
    check((struct leaving_facts){.has_request = true, .choice = CLIENT_CLOSE_ABORT}, LEAVING_GONE);
}

static void finish_awaits_whatever_can_be_heard(void **state)
{
    struct leaving_facts facts = {.has_request = true, .choice = CLIENT_CLOSE_FINISH};

    (void)state;
    check(facts, LEAVING_WAITS);
    facts.sign = LEAVING_GOODBYE;
    facts.is_event_stream = facts.is_h2 = true;
    check(facts, LEAVING_WAITS);
}

static void nobody_waits_for_what_cannot_come(void **state)
{
    (void)state;
    for (int choice = CLIENT_CLOSE_AUTO; choice <= CLIENT_CLOSE_ABORT; choice++) {
        struct leaving_facts facts = {.choice = (enum client_close)choice, .has_request = true};

        facts.sign = LEAVING_RESET;
        check(facts, LEAVING_GONE);
        facts.sign = LEAVING_FIN;
        facts.is_tunnel = true;
        check(facts, LEAVING_GONE);
        facts.is_tunnel = facts.has_request = false;
        check(facts, LEAVING_GONE);
    }
}

static void the_sign_is_looked_for_where_it_decides(void **state)
{
    struct leaving_facts facts = {.has_request = true};

    (void)state;
    assert_true(leaving_goes_by_sign(&facts));
    facts.choice = CLIENT_CLOSE_FINISH;
    assert_false(leaving_goes_by_sign(&facts));
    facts.choice = CLIENT_CLOSE_ABORT;
    assert_false(leaving_goes_by_sign(&facts));
    facts = (struct leaving_facts){.has_request = true, .is_event_stream = true};
    assert_false(leaving_goes_by_sign(&facts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_choice_the_kind_of_end_decides),
        cmocka_unit_test(abort_takes_every_end_for_one_of_both_ways),
        cmocka_unit_test(finish_awaits_whatever_can_be_heard),
        cmocka_unit_test(nobody_waits_for_what_cannot_come),
        cmocka_unit_test(the_sign_is_looked_for_where_it_decides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

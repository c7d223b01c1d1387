/* Whether a request is sent again, as a table; and which authentication is the connection's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "edge/retry.h"
#include "http/connection_auth.h"
#include "upstream/retry_budget.h"

#define IDEMPOTENT 1
#define IN_HAND 2
#define STARTED 4
#define RESTED 8

static void each_case_has_its_answer(void **state)
{
    static const struct retry_policy policy = {.on = RETRY_ON_CONNECT | RETRY_ON_RESET |
                                                     RETRY_ON_REFUSED_STREAM,
                                               .losses_max = 1,
                                               .refusals_max = 3};
    static const struct {
        enum retry_stage stage;
        unsigned flags;
        unsigned losses;
        unsigned refusals;
        enum retry_answer answer;
    } cases[] = {
        /* Not sent: any method, a bounded number of times. */
        {RETRY_NOT_SENT, IN_HAND | RESTED, 0, 0, RETRY_ON_NEW_CONNECTION},
        {RETRY_NOT_SENT, IN_HAND, 0, 0, RETRY_ON_OTHER_SERVER},
        {RETRY_NOT_SENT, IN_HAND | IDEMPOTENT, 1, 2, RETRY_ON_OTHER_SERVER},
        {RETRY_NOT_SENT, IN_HAND | IDEMPOTENT, 0, 3, RETRY_NO},
        {RETRY_NOT_SENT, RESTED, 0, 0, RETRY_NO},
        /* Declined unseen. */
        {RETRY_DECLINED, IN_HAND, 0, 0, RETRY_ANYWHERE},
        {RETRY_DECLINED, IN_HAND | RESTED | IDEMPOTENT, 1, 2, RETRY_ANYWHERE},
        {RETRY_DECLINED, IN_HAND, 0, 3, RETRY_NO},
        {RETRY_DECLINED, IDEMPOTENT, 0, 0, RETRY_NO},
        {RETRY_DECLINED, IN_HAND | STARTED, 0, 0, RETRY_NO},
        /* Sent, and lost: once, where that does no harm; on a first connection elsewhere. */
        {RETRY_SENT, IN_HAND | IDEMPOTENT | RESTED, 0, 0, RETRY_ON_NEW_CONNECTION},
        {RETRY_SENT, IN_HAND | IDEMPOTENT, 0, 0, RETRY_ON_OTHER_SERVER},
        {RETRY_SENT, IN_HAND | IDEMPOTENT, 0, 3, RETRY_ON_OTHER_SERVER},
        {RETRY_SENT, IN_HAND | IDEMPOTENT | RESTED, 1, 0, RETRY_NO},
        {RETRY_SENT, IN_HAND | RESTED, 0, 0, RETRY_NO},
        {RETRY_SENT, IN_HAND, 0, 0, RETRY_NO},
        {RETRY_SENT, IDEMPOTENT | RESTED, 0, 0, RETRY_NO},
        {RETRY_SENT, IN_HAND | IDEMPOTENT | STARTED, 0, 0, RETRY_NO},
        /* Anything of an answer. */
        {RETRY_ANSWERING, IN_HAND | IDEMPOTENT | RESTED, 0, 0, RETRY_NO},
        {RETRY_ANSWERING, IN_HAND | IDEMPOTENT, 0, 0, RETRY_NO},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct retry_state have = {
            .has_started = (cases[i].flags & STARTED) != 0,
            .has_body_in_hand = (cases[i].flags & IN_HAND) != 0,
            .is_idempotent = (cases[i].flags & IDEMPOTENT) != 0,
            .losses = cases[i].losses,
            .refusals = cases[i].refusals,
            .has_budget = true,
        };
        struct retry_facts facts = {.stage = cases[i].stage,
                                    .was_at_rest = (cases[i].flags & RESTED) != 0};
        enum retry_answer answer = retry_decide(&policy, &have, &facts);
        if (answer != cases[i].answer) {
            fail_msg("case %zu: %d instead of %d", i, (int)answer, (int)cases[i].answer);
        }
    }
}

static enum retry_answer decide(const struct retry_policy *policy, enum retry_stage stage,
                                unsigned status, bool is_idempotent, bool has_budget)
{
    const struct retry_facts facts = {.stage = stage, .status = status};
    const struct retry_state have = {
        .has_body_in_hand = true, .is_idempotent = is_idempotent, .has_budget = has_budget};

    return retry_decide(policy, &have, &facts);
}

static void what_may_be_done_twice_is_said_by_the_policy(void **state)
{
    struct retry_policy policy = {.losses_max = 1};

    (void)state;
    assert_int_equal(decide(&policy, RETRY_SENT, 0, true, true), RETRY_NO);
    assert_int_equal(decide(&policy, RETRY_STATUS, 503, true, true), RETRY_NO);
    assert_int_equal(decide(&policy, RETRY_LATE, 0, true, true), RETRY_NO);
    assert_int_equal(decide(&policy, RETRY_DECLINED, 0, true, true), RETRY_NO);
    policy.on = RETRY_ON_503 | RETRY_ON_TIMEOUT | RETRY_ON_RESET;
    assert_int_equal(decide(&policy, RETRY_STATUS, 503, true, true), RETRY_ANYWHERE);
    assert_int_equal(decide(&policy, RETRY_STATUS, 502, true, true), RETRY_NO);
    assert_int_equal(decide(&policy, RETRY_STATUS, 500, true, true), RETRY_NO);
    assert_int_equal(decide(&policy, RETRY_LATE, 0, true, true), RETRY_ANYWHERE);
    assert_int_equal(decide(&policy, RETRY_STATUS, 503, true, false), RETRY_NO); /* no budget */
    assert_int_equal(decide(&policy, RETRY_STATUS, 503, false, true), RETRY_NO);
    policy.is_harmless = true;
    assert_int_equal(decide(&policy, RETRY_STATUS, 503, false, true), RETRY_ANYWHERE);
    assert_int_equal(decide(&policy, RETRY_SENT, 0, false, true), RETRY_ON_OTHER_SERVER);
    policy.losses_max = 0;
    assert_int_equal(decide(&policy, RETRY_STATUS, 503, true, true), RETRY_NO);
}

/* What may come of one try, and the word of `for` that it takes (0: it is sent again whatever `for`
 * says; NEVER: it is not). */
#define NEVER (1U << 31)

static const struct {
    struct retry_facts facts;
    unsigned word;
    enum retry_answer answer;
    bool costs;
} fates[] = {
    {{.stage = RETRY_NOT_SENT}, 0, RETRY_ON_OTHER_SERVER, false},
    {{.stage = RETRY_NOT_SENT, .was_at_rest = true}, 0, RETRY_ON_NEW_CONNECTION, false},
    {{.stage = RETRY_DECLINED}, RETRY_ON_REFUSED_STREAM, RETRY_ANYWHERE, false},
    {{.stage = RETRY_DECLINED, .was_at_rest = true},
     RETRY_ON_REFUSED_STREAM,
     RETRY_ANYWHERE,
     false},
    {{.stage = RETRY_DECLINED, .wants_h1 = true}, RETRY_ON_REFUSED_STREAM, RETRY_OVER_H1, false},
    {{.stage = RETRY_SENT}, RETRY_ON_RESET, RETRY_ON_OTHER_SERVER, true},
    {{.stage = RETRY_SENT, .was_at_rest = true}, 0, RETRY_ON_NEW_CONNECTION, true},
    {{.stage = RETRY_STATUS, .status = 502}, RETRY_ON_502, RETRY_ANYWHERE, true},
    {{.stage = RETRY_STATUS, .status = 503}, RETRY_ON_503, RETRY_ANYWHERE, true},
    {{.stage = RETRY_STATUS, .status = 504}, RETRY_ON_504, RETRY_ANYWHERE, true},
    {{.stage = RETRY_STATUS, .status = 500}, NEVER, RETRY_NO, true},
    {{.stage = RETRY_STATUS, .status = 200}, NEVER, RETRY_NO, true},
    {{.stage = RETRY_LATE}, RETRY_ON_TIMEOUT, RETRY_ANYWHERE, true},
    {{.stage = RETRY_ANSWERING}, NEVER, RETRY_NO, false},
    {{.stage = RETRY_ANSWERING, .was_at_rest = true}, NEVER, RETRY_NO, false},
};

#define WORDS 7

/* Each word of `for` alone lets what it names be sent again, and nothing else. */
static void each_word_stands_for_what_it_names(void **state)
{
    const struct retry_state have = {
        .has_body_in_hand = true, .is_idempotent = true, .has_budget = true};

    (void)state;
    for (unsigned bit = 0; bit <= WORDS; bit++) {
        unsigned on = bit < WORDS ? 1U << bit : 0;
        const struct retry_policy policy = {
            .on = on, .losses_max = 1, .refusals_max = 1, .may_use_h1 = true};
        for (size_t i = 0; i < ARRAY_LEN(fates); i++) {
            bool is_on = fates[i].word == 0 || fates[i].word == on;
            enum retry_answer expected = is_on ? fates[i].answer : RETRY_NO;
            if (retry_decide(&policy, &have, &fates[i].facts) != expected) {
                fail_msg("fate %zu with word %u", i, bit);
            }
        }
    }
}

/* Each of the conditions that hold beside `for`, taken away by itself. */
static void each_fate_has_its_conditions(void **state)
{
    const struct retry_policy all = {
        .on = (1U << WORDS) - 1, .losses_max = 2, .refusals_max = 2, .may_use_h1 = true};
    const struct retry_state have = {
        .has_body_in_hand = true, .is_idempotent = true, .has_budget = true};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fates); i++) {
        const struct retry_facts *facts = &fates[i].facts;
        bool costs = fates[i].costs;
        bool is_stale = facts->stage == RETRY_SENT && facts->was_at_rest;
        enum retry_answer usual = fates[i].answer;
        struct retry_state state_now = have;
        struct retry_policy policy = all;

        assert_int_equal(retry_costs(facts), costs);
        assert_int_equal(retry_decide(&all, &have, facts), usual);

        state_now.has_started = true; /* the client has a head */
        assert_int_equal(retry_decide(&all, &state_now, facts), RETRY_NO);
        state_now = have;
        state_now.has_body_in_hand = false; /* a part of the body is gone */
        assert_int_equal(retry_decide(&all, &state_now, facts), RETRY_NO);

        state_now = have;
        state_now.is_idempotent = false; /* a POST: where a server may have acted, never */
        assert_int_equal(retry_decide(&all, &state_now, facts), costs ? RETRY_NO : usual);
        policy.is_harmless = true; /* unless the route says that it is harmless */
        assert_int_equal(retry_decide(&policy, &state_now, facts), usual);

        state_now = have;
        state_now.has_budget = false; /* an old connection's end is paid by nobody */
        assert_int_equal(retry_decide(&all, &state_now, facts),
                         costs && !is_stale ? RETRY_NO : usual);
        state_now.losses = 1; /* and excused once */
        assert_int_equal(retry_decide(&all, &state_now, facts), costs ? RETRY_NO : usual);

        state_now = have;
        state_now.losses = 1; /* `times` is 2 */
        assert_int_equal(retry_decide(&all, &state_now, facts), usual);
        state_now.losses = 2;
        assert_int_equal(retry_decide(&all, &state_now, facts), costs ? RETRY_NO : usual);

        state_now = have;
        state_now.refusals = 1;
        assert_int_equal(retry_decide(&all, &state_now, facts), usual);
        state_now.refusals = 2;
        assert_int_equal(retry_decide(&all, &state_now, facts), costs ? usual : RETRY_NO);
    }
}

/* What is a second try itself is never sent again. */
static void a_second_try_beside_the_first_is_one_try(void **state)
{
    const struct retry_policy policy = {.on = (1U << WORDS) - 1,
                                        .is_once = true,
                                        .losses_max = 2,
                                        .refusals_max = 2,
                                        .may_use_h1 = true};
    const struct retry_state have = {
        .has_body_in_hand = true, .is_idempotent = true, .has_budget = true};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fates); i++) {
        assert_int_equal(retry_decide(&policy, &have, &fates[i].facts), RETRY_NO);
    }
}

static void each_condition_of_a_second_try_is_one(void **state)
{
    const struct hedge_facts right = {
        .only_reads = true, .has_budget = true, .has_other_server = true, .under_way = 1, .max = 2};
    struct hedge_facts facts = right;

    (void)state;
    assert_true(retry_may_hedge(&facts));
    facts.only_reads = false;
    assert_false(retry_may_hedge(&facts));
    facts = right;
    facts.has_body = true;
    assert_false(retry_may_hedge(&facts));
    facts = right;
    facts.wants_upgrade = true;
    assert_false(retry_may_hedge(&facts));
    facts = right;
    facts.is_bound = true;
    assert_false(retry_may_hedge(&facts));
    facts = right;
    facts.has_interim = true;
    assert_false(retry_may_hedge(&facts));
    facts = right;
    facts.has_budget = false;
    assert_false(retry_may_hedge(&facts));
    facts = right;
    facts.has_other_server = false;
    assert_false(retry_may_hedge(&facts));
    facts = right;
    facts.under_way = 2;
    assert_false(retry_may_hedge(&facts));
}

static void a_pooled_connection_that_ends_of_age_costs_no_budget_at_first(void **state)
{
    const struct retry_policy policy = {.losses_max = 0};
    const struct retry_facts facts = {.stage = RETRY_SENT, .was_at_rest = true};
    struct retry_state have = {.has_body_in_hand = true, .is_idempotent = true};

    (void)state;
    assert_int_equal(retry_decide(&policy, &have, &facts), RETRY_ON_NEW_CONNECTION);
    have.losses = 1;
    assert_int_equal(retry_decide(&policy, &have, &facts), RETRY_NO);
}

/* In an outage a hundred requests bring as many retries as the budget says, and the first few. */
static void retries_do_not_multiply_an_outage(void **state)
{
    struct retry_budget budget = {0};
    unsigned retries = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        retry_budget_earn(&budget, 20);
        if (retry_budget_has(&budget)) {
            retry_budget_spend(&budget);
            retries++;
        }
    }
    assert_in_range(retries, 200, 200 + RETRY_BUDGET_MAX);
}

/* HTTP_1_1_REQUIRED (RFC 9113 section 7): no server has looked at the request, but one that is only
 * spoken to in HTTP/2 never will. */
static void what_is_wanted_over_http_1_goes_there_where_it_may(void **state)
{
    struct retry_policy policy = {
        .on = RETRY_ON_REFUSED_STREAM, .losses_max = 1, .refusals_max = 3, .may_use_h1 = true};
    const struct retry_facts facts = {.stage = RETRY_DECLINED, .wants_h1 = true};
    struct retry_state have = {.has_body_in_hand = true};

    (void)state;
    assert_int_equal(retry_decide(&policy, &have, &facts), RETRY_OVER_H1);
    assert_true(retry_is_unseen(&policy, &facts));
    have.refusals = 3;
    assert_int_equal(retry_decide(&policy, &have, &facts), RETRY_NO);
    have.refusals = 0;
    policy.may_use_h1 = false;
    assert_int_equal(retry_decide(&policy, &have, &facts), RETRY_NO);
    assert_false(retry_is_unseen(&policy, &facts));
}

static void whoever_asked_may_ask_again_what_no_server_has_seen(void **state)
{
    static const struct retry_policy policy = {.losses_max = 1, .refusals_max = 3};

    (void)state;
    assert_true(retry_is_unseen(&policy, &(struct retry_facts){.stage = RETRY_DECLINED}));
    assert_false(retry_is_unseen(&policy, &(struct retry_facts){.stage = RETRY_SENT}));
    assert_false(retry_is_unseen(&policy, &(struct retry_facts){.stage = RETRY_ANSWERING}));
}

static void schemes_of_connections_are_found_in_any_spelling(void **state)
{
    static const struct {
        const char *value;
        bool is_bound;
    } cases[] = {
        {"NTLM", true},
        {"ntlm TlRMTVNTUAAB", true},
        {"Negotiate YII=", true},
        {"nEgOtIaTe", true},
        {"Kerberos", true},
        {"Nego2", true},
        {"Negotiate:Kerberos", true},
        {"Basic realm=\"a\", NTLM", true},
        {"Negotiate, NTLM", true},
        {"Basic realm=\"a\",\tNegotiate", true},
        {"Digest realm=\"a\", nonce=\"b\",Negotiate abc=", true},
        {"Basic realm=\"NTLM, \\\"Negotiate\"", false},
        {"Basic realm=\"open, NTLM", true},
        {"Basic realm=\"x\\", false},
        {"Basic ntlm=\"x\"", false},
        {"Bearer abc", false},
        {"Digest username=\"ntlm\"", false},
        {"NTLMv3", false},
        {"Basic dXNlcjpwYXNz", false},
        {"", false},
        {"\"", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (connection_auth_in(span_from_cstr(cases[i].value)) != cases[i].is_bound) {
            fail_msg("%s", cases[i].value);
        }
    }
}

static void messages_tell_whether_their_connection_is_bound(void **state)
{
    struct arena arena;
    struct http_fields fields = {0};

    (void)state;
    arena_init(&arena, 1024);
    assert_false(connection_auth_is_given(&fields));
    assert_false(connection_auth_is_asked(&fields));
    http_fields_add(&fields, &arena, FIELD_WWW_AUTHENTICATE, SPAN_OF("WWW-Authenticate"),
                    SPAN_OF("Basic"));
    http_fields_add(&fields, &arena, FIELD_AUTHORIZATION, SPAN_OF("Authorization"),
                    SPAN_OF("Basic eA=="));
    assert_false(connection_auth_is_given(&fields));
    assert_false(connection_auth_is_asked(&fields));
    http_fields_add(&fields, &arena, FIELD_WWW_AUTHENTICATE, SPAN_OF("www-authenticate"),
                    SPAN_OF("NTLM"));
    assert_true(connection_auth_is_asked(&fields));
    assert_false(connection_auth_is_given(&fields));
    http_fields_add(&fields, &arena, FIELD_AUTHORIZATION, SPAN_OF("authorization"),
                    SPAN_OF("Negotiate YII="));
    assert_true(connection_auth_is_given(&fields));

    fields = (struct http_fields){0};
    http_fields_add(&fields, &arena, FIELD_PERSISTENT_AUTH, SPAN_OF("Persistent-Auth"),
                    SPAN_OF("false"));
    assert_false(connection_auth_is_asked(&fields));
    fields = (struct http_fields){0};
    http_fields_add(&fields, &arena, FIELD_PERSISTENT_AUTH, SPAN_OF("Persistent-Auth"),
                    SPAN_OF("true"));
    assert_true(connection_auth_is_asked(&fields));
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_has_its_answer),
        cmocka_unit_test(what_may_be_done_twice_is_said_by_the_policy),
        cmocka_unit_test(each_word_stands_for_what_it_names),
        cmocka_unit_test(each_fate_has_its_conditions),
        cmocka_unit_test(a_second_try_beside_the_first_is_one_try),
        cmocka_unit_test(each_condition_of_a_second_try_is_one),
        cmocka_unit_test(a_pooled_connection_that_ends_of_age_costs_no_budget_at_first),
        cmocka_unit_test(retries_do_not_multiply_an_outage),
        cmocka_unit_test(what_is_wanted_over_http_1_goes_there_where_it_may),
        cmocka_unit_test(whoever_asked_may_ask_again_what_no_server_has_seen),
        cmocka_unit_test(schemes_of_connections_are_found_in_any_spelling),
        cmocka_unit_test(messages_tell_whether_their_connection_is_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

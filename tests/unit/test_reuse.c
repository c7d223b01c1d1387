/* Whether a connection goes on after a message, and what is left of a request's body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/reuse.h"

static enum reuse after(bool keeps, bool closes, bool unread, bool refusal, enum reuse_rest rest)
{
    struct reuse_facts facts = {.peer_keeps = keeps,
                                .we_close = closes,
                                .has_unread = unread,
                                .is_refusal = refusal,
                                .rest = rest};

    return reuse_after(&facts);
}

static void client_goes_on_where_both_sides_keep_and_all_has_come(void **state)
{
    (void)state;
    assert_int_equal(after(true, false, false, false, REUSE_REST_NONE), REUSE_GOES_ON);
    assert_int_equal(after(true, false, true, false, REUSE_REST_NONE), REUSE_GOES_ON);
    assert_int_equal(after(true, false, false, true, REUSE_REST_NONE), REUSE_GOES_ON);
}

static void quiet_client_is_closed_at_once_and_others_are_heard(void **state)
{
    (void)state;
    assert_int_equal(after(false, false, false, false, REUSE_REST_NONE), REUSE_ENDS);
    assert_int_equal(after(true, true, false, false, REUSE_REST_NONE), REUSE_ENDS);
    assert_int_equal(after(true, true, true, false, REUSE_REST_NONE), REUSE_LINGERS);
}

static void rest_that_goes_to_the_server_keeps_the_connection(void **state)
{
    (void)state;
    assert_int_equal(after(true, false, true, false, REUSE_REST_CARRIED), REUSE_GOES_ON);
    assert_int_equal(after(false, false, true, false, REUSE_REST_CARRIED), REUSE_LINGERS);
    assert_int_equal(after(true, true, true, false, REUSE_REST_CARRIED), REUSE_LINGERS);
    assert_int_equal(after(true, false, true, true, REUSE_REST_CARRIED), REUSE_LINGERS);
}

static void short_rest_is_dropped_and_a_long_one_ends_the_connection(void **state)
{
    (void)state;
    assert_int_equal(after(true, false, true, true, REUSE_REST_SHORT), REUSE_GOES_ON);
    assert_int_equal(after(true, true, true, false, REUSE_REST_SHORT), REUSE_LINGERS);
    assert_int_equal(after(true, false, false, false, REUSE_REST_LONG), REUSE_LINGERS);
    assert_int_equal(after(true, false, true, false, REUSE_REST_LONG), REUSE_LINGERS);
}

static void server_that_sent_more_than_was_asked_is_never_used_again(void **state)
{
    struct reuse_facts facts = {.is_server = true, .peer_keeps = true};

    (void)state;
    assert_int_equal(reuse_after(&facts), REUSE_GOES_ON);
    facts.has_unread = true;
    assert_int_equal(reuse_after(&facts), REUSE_ENDS);
    facts.has_unread = false;
    facts.we_close = true;
    assert_int_equal(reuse_after(&facts), REUSE_ENDS);
    facts.we_close = false;
    facts.rest = REUSE_REST_LONG;
    assert_int_not_equal(reuse_after(&facts), REUSE_GOES_ON);
}

static void what_a_rest_is(void **state)
{
    (void)state;
    assert_int_equal(reuse_rest_of(true, false, true, UINT64_MAX), REUSE_REST_NONE);
    assert_int_equal(reuse_rest_of(false, true, false, UINT64_MAX), REUSE_REST_CARRIED);
    assert_int_equal(reuse_rest_of(false, true, true, 5), REUSE_REST_LONG);
    assert_int_equal(reuse_rest_of(false, false, true, 5), REUSE_REST_LONG);
    assert_int_equal(reuse_rest_of(false, false, false, REUSE_SHORT_REST), REUSE_REST_SHORT);
    assert_int_equal(reuse_rest_of(false, false, false, REUSE_SHORT_REST + 1), REUSE_REST_LONG);
    assert_int_equal(reuse_rest_of(false, false, false, UINT64_MAX), REUSE_REST_LONG);
}

static void a_connection_rests_less_long_than_its_server_says(void **state)
{
    static const struct {
        const char *value;
        uint64_t ms;
    } cases[] = {{"timeout=5", 4000},
                 {"timeout=5, max=100", 4000},
                 {"max=3, Timeout=3", 2000},
                 {"timeout=\"5\"", 4000},
                 {"timeout=1", 500},
                 {"timeout=0", 0},
                 {"timeout=600", 60000},
                 {"timeout=x", 60000},
                 {"max=5", 60000},
                 {"", 60000},
                 {"timeout=99999999999999999999", 60000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_fields fields = {0};
        struct arena arena;
        arena_init(&arena, 1024);
        assert_int_equal(reuse_rest_ms(&fields, 60000), 60000);
        http_fields_add(&fields, &arena, FIELD_KEEP_ALIVE, SPAN_OF("Keep-Alive"),
                        span_from_cstr(cases[i].value));
        assert_int_equal(reuse_rest_ms(&fields, 60000), cases[i].ms);
        arena_destroy(&arena);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_rests_less_long_than_its_server_says),
        cmocka_unit_test(client_goes_on_where_both_sides_keep_and_all_has_come),
        cmocka_unit_test(quiet_client_is_closed_at_once_and_others_are_heard),
        cmocka_unit_test(rest_that_goes_to_the_server_keeps_the_connection),
        cmocka_unit_test(short_rest_is_dropped_and_a_long_one_ends_the_connection),
        cmocka_unit_test(server_that_sent_more_than_was_asked_is_never_used_again),
        cmocka_unit_test(what_a_rest_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which limit on silence holds, and what it is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "edge/idle.h"

static const struct idle_settings settings = {
    .response_ms = 60, .stream_idle_ms = 50, .body_ms = 30, .tunnel_idle_ms = 600};

static void expect(struct idle_limit limit, uint64_t ms, unsigned status, const char *reason)
{
    assert_int_equal(limit.ms, ms);
    assert_int_equal(limit.status, status);
    assert_string_equal(limit.reason, reason);
    assert_non_null(limit.detail);
    assert_non_null(limit.mend);
}

static void expect_of_server(const struct idle_settings *all, const struct idle_facts *facts,
                             uint64_t ms, const char *reason)
{
    expect(idle_limit_of_server(all, facts), ms, 504, reason);
    assert_int_equal(idle_ms_of_server(all, facts), ms);
}

static void server_has_one_limit_before_its_head_and_another_behind_it(void **state)
{
    struct idle_facts facts = {0};

    (void)state;
    expect_of_server(&settings, &facts, 60, "response_timeout");
    facts.has_started = true;
    expect_of_server(&settings, &facts, 50, "stream_idle_timeout");
    facts.is_event_stream = true;
    expect_of_server(&settings, &facts, 0, "stream_idle_timeout");
    facts.is_over = true;
    expect_of_server(&settings, &facts, 60, "server_stopped_reading");
}

static void grpc_may_be_silent_from_the_beginning(void **state)
{
    struct idle_facts facts = {.is_grpc = true};

    (void)state;
    expect_of_server(&settings, &facts, 600, "tunnel_idle_timeout");
    expect(idle_limit_of_client(&settings, &facts), 600, 504, "tunnel_idle_timeout");
    facts.has_started = true;
    expect_of_server(&settings, &facts, 600, "tunnel_idle_timeout");
    expect(idle_limit_of_client(&settings, &facts), 600, 504, "tunnel_idle_timeout");
}

static void longer_limit_of_a_backend_holds_for_grpc_too(void **state)
{
    struct idle_settings patient = settings;
    struct idle_facts facts = {.is_grpc = true};

    (void)state;
    patient.response_ms = 1000;
    expect_of_server(&patient, &facts, 1000, "response_timeout");
    patient.body_ms = 1000;
    expect(idle_limit_of_client(&patient, &facts), 1000, 408, "body_timeout");
}

static void bodies_and_tunnels(void **state)
{
    struct idle_facts facts = {0};

    (void)state;
    expect(idle_limit_of_client(&settings, &facts), 30, 408, "body_timeout");
    facts.is_tunnel = true;
    expect_of_server(&settings, &facts, 600, "tunnel_idle_timeout");
}

static void a_tunnel_has_its_time_as_a_whole(void **state)
{
    struct idle_facts facts = {.is_tunnel = true, .age_ms = 300};
    struct idle_settings all = settings;

    (void)state;
    all.tunnel_total_ms = 1000;
    expect_of_server(&all, &facts, 600, "tunnel_idle_timeout");
    facts.age_ms = 900; /* looked at again when that is over */
    expect_of_server(&all, &facts, 100, "tunnel_idle_timeout");
    facts.age_ms = 1000;
    expect_of_server(&all, &facts, 0, "tunnel_total_timeout");
    facts.is_tunnel = false;
    expect_of_server(&all, &facts, 60, "response_timeout");
}

static void byte_now_and_then_is_no_progress(void **state)
{
    (void)state;
    assert_false(idle_is_fast_enough(0, 30000, 0));
    assert_true(idle_is_fast_enough(1, 30000, 0));
    assert_false(idle_is_fast_enough(1, 30000, 100));
    assert_false(idle_is_fast_enough(2999, 30000, 100));
    assert_true(idle_is_fast_enough(3000, 30000, 100));
    assert_true(idle_is_fast_enough(1, 1, 100));
}

static void a_request_has_a_time_as_a_whole(void **state)
{
    struct idle_settings all = settings;
    struct idle_facts facts = {.age_ms = 999, .has_started = true, .is_event_stream = true};

    (void)state;
    assert_int_equal(idle_ms_of_server(&all, &facts), 0);
    all.request_ms = 1000;
    assert_int_equal(idle_ms_of_server(&all, &facts), 1);
    facts.is_event_stream = false;
    facts.age_ms = 0;
    assert_int_equal(idle_ms_of_server(&all, &facts),
                     all.stream_idle_ms < 1000 ? all.stream_idle_ms : 1000);
    facts.age_ms = 1000;
    assert_string_equal(idle_limit_of_server(&all, &facts).reason, "request_timeout");
    assert_int_not_equal(idle_ms_of_server(&all, &facts), 0); /* it strikes */
    facts.is_tunnel = true;
    assert_string_not_equal(idle_limit_of_server(&all, &facts).reason, "request_timeout");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_a_time_as_a_whole),
        cmocka_unit_test(server_has_one_limit_before_its_head_and_another_behind_it),
        cmocka_unit_test(grpc_may_be_silent_from_the_beginning),
        cmocka_unit_test(longer_limit_of_a_backend_holds_for_grpc_too),
        cmocka_unit_test(bodies_and_tunnels),
        cmocka_unit_test(a_tunnel_has_its_time_as_a_whole),
        cmocka_unit_test(byte_now_and_then_is_no_progress),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A route's phases: their order, those that wait, and answers of other threads that come late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/phase.h"
#include "policy/phase_delay.h"

struct world {
    struct core core;
    struct arena arena;
    struct http_request request;
    struct phases phases;
    char trace[64];
    bool went_on;
    unsigned refused;
    unsigned returned; /* tickets */
    struct timer stop;
};

static struct world *world_of(const struct phases *phases)
{
    return CONTAINER_OF(phases, struct world, phases);
}

static void on_refuse(struct phases *phases, unsigned status, const char *reason,
                      const char *detail, const char *mend)
{
    (void)reason;
    (void)detail;
    (void)mend;
    world_of(phases)->refused = status;
}

static void on_go_on(struct phases *phases)
{
    world_of(phases)->went_on = true;
    loop_stop(world_of(phases)->core.loop);
}

static const struct phases_owner owner = {.refuse = on_refuse, .go_on = on_go_on};

static void note(const struct phase *phase, struct phases *phases)
{
    strncat(world_of(phases)->trace, phase->settings, 1);
}

static enum phase_verdict pass(const struct phase *phase, struct phases *phases)
{
    note(phase, phases);
    return PHASE_NEXT;
}

static enum phase_verdict refuse(const struct phase *phase, struct phases *phases)
{
    note(phase, phases);
    return phases_refuse(phases, 403, "no", "no", NULL);
}

static enum phase_verdict wait_for_ever(const struct phase *phase, struct phases *phases)
{
    note(phase, phases);
    return PHASE_WAIT;
}

static void cancelled(const struct phase *phase, struct phases *phases)
{
    (void)phase;
    strcat(world_of(phases)->trace, "!");
}

static enum phase_verdict too_late(const struct phase *phase, struct phases *phases)
{
    (void)phase;
    return phases_refuse(phases, 504, "late", "late", NULL);
}

static enum phase_verdict wait_a_little(const struct phase *phase, struct phases *phases)
{
    note(phase, phases);
    return phases_wait(phases, 1);
}

static const struct phase_type passes = {.name = "passes", .run = pass};
static const struct phase_type refuses = {.name = "refuses", .run = refuse};
static const struct phase_type waits = {.name = "waits", .run = wait_for_ever, .cancel = cancelled};
static const struct phase_type times_out = {
    .name = "times_out", .run = wait_a_little, .on_time = too_late};

/* ---- another thread ---- */

static void *answer(void *ticket)
{
    phase_ticket_return(ticket, NULL, NULL, NULL);
    return NULL;
}

static void on_done(void *arg)
{
    struct world *world = arg;

    world->returned++;
    loop_stop(world->core.loop);
}

static enum phase_verdict act_refuse(struct phases *phases, void *arg)
{
    (void)arg;
    return phases_refuse(phases, 401, "who", "who", NULL);
}

static enum phase_verdict ask_thread(const struct phase *phase, struct phases *phases)
{
    pthread_t thread;

    note(phase, phases);
    assert_int_equal(pthread_create(&thread, NULL, answer, phases_take_ticket(phases)), 0);
    assert_int_equal(pthread_detach(thread), 0);
    return PHASE_WAIT;
}

static struct phase_ticket *kept;

static enum phase_verdict keep_ticket(const struct phase *phase, struct phases *phases)
{
    note(phase, phases);
    kept = phases_take_ticket(phases);
    return PHASE_WAIT;
}

static const struct phase_type asks = {.name = "asks", .run = ask_thread};
static const struct phase_type keeps = {.name = "keeps", .run = keep_ticket, .cancel = cancelled};

/* ---- the world ---- */

static void on_stop(struct timer *timer)
{
    loop_stop(CONTAINER_OF(timer, struct world, stop)->core.loop);
}

static int set_up(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));

    assert_true(core_init(&world->core, 0));
    arena_init(&world->arena, 1024);
    timer_init(&world->stop, on_stop);
    timer_set_ms(world->core.loop, &world->stop, 10000); /* should all else fail */
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    timer_destroy(world->core.loop, &world->stop);
    core_destroy(&world->core);
    arena_destroy(&world->arena);
    free(world);
    return 0;
}

static enum phase_verdict start(struct world *world, const struct phase *items, size_t count)
{
    struct phase_list *list = arena_alloc(&world->arena, sizeof(*list));

    *list = (struct phase_list){items, count};
    return phases_start(&world->phases, list, &owner, world, &world->core, &world->request,
                        &world->arena);
}

static void phases_run_in_order(void **state)
{
    struct world *world = *state;
    const struct phase items[] = {{&passes, "a"}, {&passes, "b"}, {&passes, "c"}};

    assert_int_equal(start(world, items, 3), PHASE_NEXT);
    assert_string_equal(world->trace, "abc");
    assert_false(world->went_on); /* who starts them knows already */
}

static void refusal_ends_them(void **state)
{
    struct world *world = *state;
    const struct phase items[] = {{&passes, "a"}, {&refuses, "b"}, {&passes, "c"}};

    assert_int_equal(start(world, items, 3), PHASE_ANSWERED);
    assert_string_equal(world->trace, "ab");
    assert_int_equal(world->refused, 403);
}

static void delay_goes_on_when_its_time_has_come(void **state)
{
    struct world *world = *state;
    const uint64_t ms = 5;
    const struct phase items[] = {{&passes, "a"}, {&phase_delay, &ms}, {&passes, "b"}};
    uint64_t began = clock_us();

    assert_int_equal(start(world, items, 3), PHASE_WAIT);
    assert_string_equal(world->trace, "a");
    loop_run(world->core.loop);
    assert_true(world->went_on);
    assert_string_equal(world->trace, "ab");
    assert_true(clock_us() - began >= 5000);
}

static void phase_that_waited_too_long_may_refuse(void **state)
{
    struct world *world = *state;
    const struct phase items[] = {{&times_out, "a"}, {&passes, "b"}};

    assert_int_equal(start(world, items, 2), PHASE_WAIT);
    timer_set_ms(world->core.loop, &world->stop, 20);
    loop_run(world->core.loop);
    assert_int_equal(world->refused, 504);
    assert_false(world->went_on);
    assert_string_equal(world->trace, "a");
}

static void request_that_ends_tells_the_phase_that_waits(void **state)
{
    struct world *world = *state;
    const struct phase items[] = {{&passes, "a"}, {&waits, "b"}, {&passes, "c"}};

    assert_int_equal(start(world, items, 3), PHASE_WAIT);
    phases_cancel(&world->phases);
    phases_cancel(&world->phases);
    assert_string_equal(world->trace, "ab!");
}

static void another_thread_resumes(void **state)
{
    struct world *world = *state;
    const struct phase items[] = {{&asks, "a"}, {&asks, "b"}, {&passes, "c"}};

    assert_int_equal(start(world, items, 3), PHASE_WAIT);
    loop_run(world->core.loop);
    assert_true(world->went_on);
    assert_string_equal(world->trace, "abc");
}

static enum phase_verdict act_again(struct phases *phases, void *arg)
{
    (void)arg;
    kept = phases_take_ticket(phases);
    return PHASE_WAIT;
}

/* What it waited for has made it wait for something else. */
static void phase_may_wait_twice(void **state)
{
    struct world *world = *state;
    const struct phase items[] = {{&keeps, "a"}, {&passes, "b"}};

    assert_int_equal(start(world, items, 2), PHASE_WAIT);
    phase_ticket_return(kept, act_again, NULL, NULL);
    (void)loop_turn(world->core.loop);
    assert_int_equal(world->phases.state, PHASES_WAITING);
    assert_false(world->went_on);
    phase_ticket_return(kept, NULL, on_done, world);
    loop_run(world->core.loop);
    assert_true(world->went_on);
    assert_int_equal(world->returned, 1);
    assert_string_equal(world->trace, "ab");
}

static void another_thread_refuses(void **state)
{
    struct world *world = *state;
    const struct phase items[] = {{&keeps, "a"}, {&passes, "b"}};

    assert_int_equal(start(world, items, 2), PHASE_WAIT);
    phase_ticket_return(kept, act_refuse, on_done, world);
    loop_run(world->core.loop);
    assert_int_equal(world->refused, 401);
    assert_int_equal(world->returned, 1);
    assert_string_equal(world->trace, "a");
}

/* The memory of the request may be gone by then. */
static void answer_after_the_requests_end_finds_nobody(void **state)
{
    struct world *world = *state;
    const struct phase items[] = {{&keeps, "a"}, {&passes, "b"}};

    assert_int_equal(start(world, items, 2), PHASE_WAIT);
    assert_int_equal(world->core.holds, 1);
    phases_cancel(&world->phases);
    memset(&world->phases, 0xff, sizeof(world->phases));
    phase_ticket_return(kept, act_refuse, on_done, world);
    loop_run(world->core.loop);
    assert_int_equal(world->returned, 1);
    assert_int_equal(world->refused, 0);
    assert_int_equal(world->core.holds, 0);
    assert_string_equal(world->trace, "a!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(phases_run_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusal_ends_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(delay_goes_on_when_its_time_has_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(phase_that_waited_too_long_may_refuse, set_up, tear_down),
        cmocka_unit_test_setup_teardown(request_that_ends_tells_the_phase_that_waits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(another_thread_resumes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(phase_may_wait_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_thread_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answer_after_the_requests_end_finds_nobody, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

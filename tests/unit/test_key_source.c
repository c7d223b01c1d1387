/* Keys of issuers that are fetched: when, how often, and who waits. The clock is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/key_source.h"
#include "base/clock.h"
#include "jose_test.h"

#define START_US UINT64_C(1000000000)
#define S UINT64_C(1000000)

static struct arena arena;
static struct core core;
static unsigned poked;
static bool can_fetch;
static struct span one_key;
static struct span other_key;

static bool on_poke(void *arg)
{
    (void)arg;
    poked++;
    return can_fetch;
}

static struct span key_text(const char *kind, const char *id)
{
    return span_from_cstr(arena_printf(&arena, "{\"keys\":[{\"kid\":\"%s\",%s}]}", id,
                                       jose_jwk(jose_key_of(kind, 0), &arena)));
}

static struct fetched *open_source(void)
{
    return key_source_open(&(struct fetched_settings){.url = "https://id.example.com/jwks",
                                                      .timeout_ms = 5000,
                                                      .every_ms = 3600000,
                                                      .pause_ms = 10000});
}

static int set_up(void **state)
{
    assert_true(core_init(&core, 0));
    arena_init(&arena, 4096);
    one_key = key_text("P-256", "one");
    other_key = key_text("P-384", "two");
    poked = 0;
    can_fetch = true;
    clock_set_for_tests(START_US);
    fetched_watch(on_poke, NULL);
    *state = open_source();
    return 0;
}

static int tear_down(void **state)
{
    fetched_watch(NULL, NULL);
    fetched_close(*state);
    clock_set_for_tests(0);
    (void)loop_turn(core.loop);
    core_destroy(&core);
    arena_destroy(&arena);
    return 0;
}

static void fetch(struct fetched *source, struct span text, const char *problem, int64_t age_s)
{
    struct fetched_job what;
    uint64_t wait_us;

    assert_true(fetched_next(&what, &wait_us));
    assert_ptr_equal(what.source, source);
    assert_string_equal(what.url.host, "id.example.com");
    assert_false(fetched_next(&what, &wait_us)); /* one at a time */
    fetched_done(source, text, problem, age_s);
}

static uint64_t wait_of(void)
{
    struct fetched_job what;
    uint64_t wait_us;

    assert_false(fetched_next(&what, &wait_us));
    return wait_us;
}

static uint64_t number_of(struct fetched *source)
{
    struct jwk_set *keys = key_source_keys(source);
    uint64_t number = keys != NULL ? jwk_set_number(keys) : 0;

    jwk_set_release(keys);
    return number;
}

static void keys_are_fetched_as_often_as_both_sides_say(void **state)
{
    static const struct {
        int64_t age_s;
        uint64_t wait_us;
    } ages[] = {{-1, 3600 * S}, {600, 600 * S}, {0, 60 * S}, {59, 60 * S}, {INT32_MAX, 3600 * S}};
    uint64_t now_us = START_US;

    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        fetch(*state, one_key, NULL, ages[i].age_s);
        assert_int_equal(wait_of(), ages[i].wait_us);
        now_us += ages[i].wait_us;
        clock_set_for_tests(now_us);
    }
}

static void failures_are_tried_again_ever_later_and_lose_no_keys(void **state)
{
    static const uint64_t waits[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    uint64_t now_us = START_US;
    struct error problem;
    uint64_t number;

    fetch(*state, one_key, NULL, -1);
    number = number_of(*state);
    now_us += 3600 * S;
    clock_set_for_tests(now_us);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        fetch(*state, i % 2 == 0 ? span_make(NULL, 0) : SPAN_OF("<html>"), "it is down", -1);
        assert_int_equal(wait_of(), waits[i] * S);
        assert_int_equal(number_of(*state), number);
        assert_true(fetched_problem(*state, &problem));
        now_us += waits[i] * S;
        clock_set_for_tests(now_us);
    }
    fetch(*state, one_key, NULL, -1);
    assert_false(fetched_problem(*state, &problem));
    assert_int_equal(number_of(*state), number); /* the same document: what is verified stays so */
    now_us += 3600 * S;
    clock_set_for_tests(now_us);
    fetch(*state, other_key, NULL, -1);
    assert_int_not_equal(number_of(*state), number);
}

static void a_reload_finds_the_keys_of_before(void **state)
{
    struct fetched *again;

    fetch(*state, one_key, NULL, -1);
    again = open_source();
    assert_ptr_equal(again, *state);
    fetched_close(*state);
    assert_int_not_equal(number_of(again), 0);
}

static void end_of_the_last_user_waits_for_the_fetch(void **state)
{
    struct fetched_job what;
    uint64_t wait_us;

    assert_true(fetched_next(&what, &wait_us));
    fetched_close(*state);
    fetched_done(what.source, one_key, NULL, -1);
    assert_int_equal(wait_of(), UINT64_MAX); /* there is none any more */
    *state = open_source();
}

/* ---- requests that wait ---- */

struct asker {
    struct phases phases;
    struct arena arena;
    struct http_request request;
    unsigned went_on;
};

static void on_go_on(struct phases *phases)
{
    CONTAINER_OF(phases, struct asker, phases)->went_on++;
}

static enum fetched_ask asked;
static struct fetched *asked_source;

static enum phase_verdict ask_source(const struct phase *phase, struct phases *phases)
{
    (void)phase;
    asked = fetched_ask(asked_source, number_of(asked_source), phases, NULL);
    return asked == FETCHED_ASKED ? PHASE_WAIT : PHASE_NEXT;
}

static const struct phase_type asks = {.name = "asks", .run = ask_source};

static struct asker *asker_create(void)
{
    struct asker *asker = xcalloc(1, sizeof(*asker));

    arena_init(&asker->arena, 64);
    return asker;
}

static enum fetched_ask ask(struct asker *asker, struct fetched *source)
{
    static const struct phases_owner owner = {.go_on = on_go_on};
    static const struct phase phase = {&asks, NULL};
    static const struct phase_list list = {&phase, 1};

    enum phase_verdict verdict;

    asked_source = source;
    verdict =
        phases_start(&asker->phases, &list, &owner, asker, &core, &asker->request, &asker->arena);
    assert_int_equal(verdict, asked == FETCHED_ASKED ? PHASE_WAIT : PHASE_NEXT);
    return asked;
}

static void asker_end(struct asker *asker)
{
    phases_cancel(&asker->phases);
    arena_destroy(&asker->arena);
    free(asker);
}

static void turn(void)
{
    (void)loop_turn(core.loop);
}

static void request_waits_for_the_first_keys(void **state)
{
    struct asker *asker = asker_create();

    assert_int_equal(ask(asker, *state), FETCHED_ASKED);
    assert_true(poked != 0);
    fetch(*state, one_key, NULL, -1);
    turn();
    assert_int_equal(asker->went_on, 1);
    asker_end(asker);
}

static void unknown_keys_are_fetched_once_in_a_pause(void **state)
{
    struct asker *asker = asker_create();

    fetch(*state, one_key, NULL, -1);
    clock_set_for_tests(START_US + 10 * S - 1);
    assert_int_equal(ask(asker, *state), FETCHED_NO_USE);
    clock_set_for_tests(START_US + 10 * S);
    assert_int_equal(ask(asker, *state), FETCHED_ASKED);
    fetch(*state, one_key, NULL, -1);
    turn();
    assert_int_equal(ask(asker, *state), FETCHED_NO_USE);
    clock_set_for_tests(START_US + 20 * S - 1);
    assert_int_equal(ask(asker, *state), FETCHED_NO_USE);
    asker_end(asker);
}

static void requests_that_wait_are_bounded(void **state)
{
    struct asker *askers[FETCHED_WAITERS_MAX + 1];

    for (size_t i = 0; i <= FETCHED_WAITERS_MAX; i++) {
        askers[i] = asker_create();
        assert_int_equal(ask(askers[i], *state),
                         i < FETCHED_WAITERS_MAX ? FETCHED_ASKED : FETCHED_TOO_MANY);
    }
    phases_cancel(&askers[1]->phases); /* its ticket comes back to nobody */
    fetch(*state, span_make(NULL, 0), "it is down", -1);
    turn();
    for (size_t i = 0; i <= FETCHED_WAITERS_MAX; i++) {
        assert_int_equal(askers[i]->went_on, i != 1 && i < FETCHED_WAITERS_MAX);
        asker_end(askers[i]);
    }
}

static void nobody_waits_where_nobody_fetches(void **state)
{
    struct asker *asker = asker_create();

    can_fetch = false;
    assert_int_equal(ask(asker, *state), FETCHED_ASKED);
    turn();
    assert_int_equal(asker->went_on, 1);
    can_fetch = true;
    assert_int_equal(ask(asker, *state), FETCHED_ASKED);
    fetched_watch(NULL, NULL);
    turn();
    assert_int_equal(asker->went_on, 2);
    assert_int_equal(ask(asker, *state), FETCHED_NO_USE);
    asker_end(asker);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_are_fetched_as_often_as_both_sides_say),
        TEST(failures_are_tried_again_ever_later_and_lose_no_keys),
        TEST(a_reload_finds_the_keys_of_before),
        TEST(end_of_the_last_user_waits_for_the_fetch),
        TEST(request_waits_for_the_first_keys),
        TEST(unknown_keys_are_fetched_once_in_a_pause),
        TEST(requests_that_wait_are_bounded),
        TEST(nobody_waits_where_nobody_fetches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

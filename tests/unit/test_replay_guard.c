/* What refuses copies of early data: how long it remembers, how much, and by which clock
 * (tests/system/test_early_data.py sends real copies). */
#include "tls/replay_guard.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/span.h"

#define NOW INT64_C(1800000000)

struct random {
    unsigned char bytes[REPLAY_RANDOM_BYTES];
};

/* They differ in their last bytes alone. */
static struct random number(uint32_t n)
{
    struct random random = {{0}};

    memcpy(random.bytes + REPLAY_RANDOM_BYTES - sizeof(n), &n, sizeof(n));
    return random;
}

static bool is_first(struct replay_guard *guard, uint32_t n, int64_t now)
{
    struct random random = number(n);

    return replay_guard_is_first(guard, random.bytes, now);
}

static struct replay_guard *make(void)
{
    struct replay_guard *guard = replay_guard_create();

    assert_non_null(guard);
    return guard;
}

static void each_is_taken_once(void **state)
{
    struct replay_guard *guard = make();

    (void)state;
    for (uint32_t i = 0; i < 5000; i++) {
        assert_true(is_first(guard, i, NOW));
    }
    for (uint32_t i = 0; i < 5000; i++) {
        assert_false(is_first(guard, i, NOW + i % 3));
    }
    assert_int_equal(replay_guard_count(guard), 5000);
    replay_guard_destroy(guard);
}

/* At whatever moment of a window it came, and whatever comes between. */
static void it_is_remembered_for_a_window(void **state)
{
    (void)state;
    for (int64_t came = 0; came <= 3 * (int64_t)REPLAY_WINDOW_S; came++) {
        for (int64_t step = 1; step <= REPLAY_WINDOW_S; step++) {
            struct replay_guard *guard = make();
            uint32_t other = 2;
            assert_true(is_first(guard, 0, NOW)); /* the window begins */
            assert_true(is_first(guard, 1, NOW + came));
            for (int64_t at = came + step; at < came + REPLAY_WINDOW_S; at += step) {
                assert_true(is_first(guard, other++, NOW + at));
                assert_false(is_first(guard, 1, NOW + at));
            }
            assert_false(is_first(guard, 1, NOW + came + REPLAY_WINDOW_S - 1));
            replay_guard_destroy(guard);
        }
    }
}

static void it_is_forgotten_later(void **state)
{
    struct replay_guard *guard = make();

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(is_first(guard, i, NOW));
    }
    assert_true(is_first(guard, 1000, NOW + REPLAY_WINDOW_S));
    assert_int_equal(replay_guard_count(guard), 1001);
    assert_true(is_first(guard, 1001, NOW + 2 * REPLAY_WINDOW_S));
    assert_int_equal(replay_guard_count(guard), 2);
    assert_true(is_first(guard, 0, NOW + 100 * REPLAY_WINDOW_S));
    assert_int_equal(replay_guard_count(guard), 1);
    replay_guard_destroy(guard);
}

/* A ticket's age is measured by this clock: were it put back, what is forgotten would be fresh. */
static void nothing_is_taken_while_the_clock_is_behind(void **state)
{
    struct replay_guard *guard = make();

    (void)state;
    assert_true(is_first(guard, 1, NOW));
    assert_true(is_first(guard, 2, NOW + 1000));
    assert_false(is_first(guard, 3, NOW));
    assert_false(is_first(guard, 3, NOW + 998));
    assert_true(is_first(guard, 3, NOW + 999)); /* a thread that read the clock before another */
    assert_false(is_first(guard, 3, NOW + 1001));
    assert_true(is_first(guard, 4, NOW + 1001));
    replay_guard_destroy(guard);
}

static void a_full_table_takes_nothing_more(void **state)
{
    struct replay_guard *guard = make();

    (void)state;
    for (uint32_t i = 0; i < REPLAY_ENTRIES_MAX; i++) {
        assert_true(is_first(guard, i, NOW));
    }
    assert_false(is_first(guard, REPLAY_ENTRIES_MAX, NOW));
    assert_int_equal(replay_guard_count(guard), REPLAY_ENTRIES_MAX);
    assert_false(is_first(guard, 7, NOW + REPLAY_WINDOW_S));
    assert_true(is_first(guard, REPLAY_ENTRIES_MAX, NOW + REPLAY_WINDOW_S));
    replay_guard_destroy(guard);
}

/* A process that follows another one (RFC 8446 section 8.2). */
static void a_closed_guard_takes_nothing_until_its_time(void **state)
{
    struct replay_guard *guard = make();

    (void)state;
    replay_guard_close_until(guard, NOW + REPLAY_WINDOW_S);
    for (int64_t at = 0; at < REPLAY_WINDOW_S; at++) {
        assert_false(is_first(guard, (uint32_t)at, NOW + at));
    }
    assert_int_equal(replay_guard_count(guard), 0);
    assert_true(is_first(guard, 1, NOW + REPLAY_WINDOW_S));
    assert_false(is_first(guard, 1, NOW + REPLAY_WINDOW_S));
    replay_guard_destroy(guard);
}

/* ---- threads ---- */

#define THREADS 4
#define NUMBERS 2000

struct race {
    struct replay_guard *guard;
    atomic_uint taken;
};

static void *run(void *arg)
{
    struct race *race = arg;

    for (uint32_t i = 0; i < NUMBERS; i++) {
        if (is_first(race->guard, i, NOW)) {
            (void)atomic_fetch_add(&race->taken, 1);
        }
    }
    return NULL;
}

static void threads_agree_who_was_first(void **state)
{
    struct race race = {.guard = make()};
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, &race), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&race.taken), NUMBERS);
    replay_guard_destroy(race.guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_taken_once),
        cmocka_unit_test(it_is_remembered_for_a_window),
        cmocka_unit_test(it_is_forgotten_later),
        cmocka_unit_test(nothing_is_taken_while_the_clock_is_behind),
        cmocka_unit_test(a_full_table_takes_nothing_more),
        cmocka_unit_test(a_closed_guard_takes_nothing_until_its_time),
        cmocka_unit_test(threads_agree_who_was_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

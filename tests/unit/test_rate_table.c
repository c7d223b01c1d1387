/* Rates: what a bucket and a window let through, to the request; and that those who ask much are
 * not forgotten in a flood of keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "access/hold_table.h"
#include "access/rate_table.h"
#include "base/check.h"

#define SECOND UINT64_C(1000000)
#define START (1000 * SECOND)

static struct rate_verdict take(struct rate_table *table, const char *key,
                                const struct rate_terms *terms, uint64_t at_us)
{
    return rate_table_take(table, span_from_cstr(key), terms, START + at_us);
}

/* 10 in a second, 3 at once. */
static void bucket(void **state)
{
    const struct rate_terms terms = {RATE_BUCKET, 10, SECOND, 3, 0};
    struct rate_table *table = rate_table_get("bucket", 64);
    struct rate_verdict v;

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        v = take(table, "a", &terms, 0);
        assert_true(v.passes);
        assert_int_equal(v.left, 2 - i);
        assert_int_equal(v.wait_us, 0);
        assert_int_equal(v.reset_us, (i + 1) * SECOND / 10);
    }
    v = take(table, "a", &terms, 0);
    assert_false(v.passes);
    assert_int_equal(v.wait_us, SECOND / 10);
    assert_int_equal(v.left, 0);
    assert_false(take(table, "a", &terms, SECOND / 10 - 1).passes);
    assert_true(take(table, "a", &terms, SECOND / 10).passes); /* to the microsecond */
    assert_false(take(table, "a", &terms, SECOND / 10).passes);
    assert_true(take(table, "b", &terms, SECOND / 10).passes); /* another key */
    v = take(table, "a", &terms, 10 * SECOND);                 /* all of it is back, and no more */
    assert_true(v.passes);
    assert_int_equal(v.left, 2);
    rate_table_forget(table, SPAN_OF("a"));
    assert_int_equal(take(table, "a", &terms, 10 * SECOND).left, 2);
    rate_table_release(table);
}

/* Whatever the pace, in a long time as many pass as came back, and what was there at once. */
static void bucket_in_the_long_run(void **state)
{
    static const uint64_t paces[] = {1, 999, 1000, 33333, 142857, 400000};
    const struct rate_terms terms = {RATE_BUCKET, 7, SECOND, 7, 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paces); i++) {
        struct rate_table *table = rate_table_get("long", 64);
        uint64_t passed = 0;
        uint64_t end = paces[i] == 1 ? SECOND / 2 : 60 * SECOND;
        uint64_t asked = 0;
        for (uint64_t at = 0; at < end; at += paces[i], asked++) {
            passed += take(table, "a", &terms, at).passes;
        }
        uint64_t most = 7 + 7 * end / SECOND;
        assert_in_range(passed, asked < most ? asked : most - 1, most);
        rate_table_release(table);
    }
}

static void bucket_that_lets_wait(void **state)
{
    const struct rate_terms terms = {RATE_BUCKET, 10, SECOND, 1, SECOND / 4};
    struct rate_table *table = rate_table_get("waits", 64);

    (void)state;
    assert_int_equal(take(table, "a", &terms, 0).wait_us, 0);
    assert_int_equal(take(table, "a", &terms, 0).wait_us, SECOND / 10); /* in line */
    assert_int_equal(take(table, "a", &terms, 0).wait_us, SECOND / 5);
    assert_false(take(table, "a", &terms, 0).passes);
    assert_true(take(table, "a", &terms, SECOND / 20).passes);
    rate_table_release(table);
}

/* Other terms for the same table: nobody waits longer than these say. */
static void terms_that_change(void **state)
{
    const struct rate_terms slow = {RATE_BUCKET, 1, 3600 * SECOND, 10, 0};
    const struct rate_terms quick = {RATE_BUCKET, 10, SECOND, 10, 0};
    struct rate_table *table = rate_table_get("change", 64);

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_true(take(table, "a", &slow, 0).passes);
    }
    assert_false(take(table, "a", &slow, 0).passes);
    assert_in_range(take(table, "a", &quick, 0).wait_us, 1, 2 * SECOND);
    rate_table_release(table);
}

static void window(void **state)
{
    const struct rate_terms terms = {RATE_WINDOW, 10, SECOND, 10, 0};
    struct rate_table *table = rate_table_get("window", 64);
    struct rate_verdict v = {0};

    (void)state;
    for (uint64_t i = 0; i < 10; i++) {
        v = take(table, "a", &terms, SECOND / 2);
        assert_true(v.passes);
        assert_int_equal(v.left, 9 - i);
    }
    v = take(table, "a", &terms, SECOND / 2);
    assert_false(v.passes);
    assert_int_equal(v.wait_us, SECOND / 2 + SECOND / 10);
    /* In the next window the ones before fade away evenly: so many have by then. */
    assert_false(take(table, "a", &terms, SECOND + 1).passes);
    assert_true(take(table, "a", &terms, SECOND / 2 + v.wait_us).passes);
    assert_false(take(table, "a", &terms, SECOND / 2 + v.wait_us).passes);
    for (uint64_t i = 0; i < 10; i++) { /* nothing is left of it two windows later */
        assert_true(take(table, "a", &terms, 3 * SECOND).passes);
    }
    assert_false(take(table, "a", &terms, 3 * SECOND).passes);
    rate_table_release(table);
}

/* In no span of a window's length do more come through than twice as many as are said, however they
 * are timed; and evenly, no more than that. */
static void window_in_the_long_run(void **state)
{
    const struct rate_terms terms = {RATE_WINDOW, 50, SECOND, 50, 0};
    struct rate_table *table = rate_table_get("window", 64);
    uint64_t passed = 0;

    (void)state;
    for (uint64_t at = 0; at < 60 * SECOND; at += 1000) {
        passed += take(table, "a", &terms, at).passes;
    }
    assert_in_range(passed, 50 * 58, 50 * 61);
    rate_table_release(table);
}

/* What was counted outlives whoever had the table, as long as another one has it. */
static void tables_by_name(void **state)
{
    const struct rate_terms terms = {RATE_BUCKET, 1, SECOND, 1, 0};
    struct rate_table *first = rate_table_get("name", 64);
    struct rate_table *second = rate_table_get("name", 64);
    struct rate_table *other = rate_table_get("name", 128);

    (void)state;
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, other);
    assert_true(take(first, "a", &terms, 0).passes);
    rate_table_release(first);
    assert_false(take(second, "a", &terms, 0).passes);
    rate_table_release(second);
    rate_table_release(other);
    first = rate_table_get("name", 64);
    assert_true(take(first, "a", &terms, 0).passes);
    rate_table_release(first);
}

/* Sanitizers take ten times as long. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FLOOD 1000000U
#else
#define FLOOD 10000000U
#endif
#define HEAVY 100

/* Windows are kept in the same sets. */
static uint32_t flood_of(enum rate_kind kind)
{
    /* Enough for each of the heavy ones to ask more often than it may. */
    return kind == RATE_BUCKET ? FLOOD : FLOOD / 4;
}

/* Ten million keys that ask once, and a hundred that go on asking, in room for 65,536. */
static void flood_of_keys(void **state)
{
    static const enum rate_kind kinds[] = {RATE_BUCKET, RATE_WINDOW};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        const struct rate_terms terms = {kinds[k], 100, 60 * SECOND, 100, 0};
        struct rate_table *table = rate_table_get("flood", 65536);
        uint64_t passed[HEAVY] = {0};
        uint64_t refused = 0;
        uint32_t stride = flood_of(kinds[k]) / 50000;

        for (uint32_t i = 0; i < flood_of(kinds[k]); i++) {
            uint64_t at = START + (uint64_t)i * 10 * SECOND / flood_of(kinds[k]);
            uint32_t key[2] = {i, 1};
            refused += !rate_table_take(table, span_make(key, sizeof(key)), &terms, at).passes;
            if (i % stride == 0) { /* hundreds of each, in any flood */
                uint32_t heavy[2] = {i / stride % HEAVY, 2};
                passed[heavy[0]] +=
                    rate_table_take(table, span_make(heavy, sizeof(heavy)), &terms, at).passes;
            }
        }
        /* The heavy ones have had what they may, and what came back in ten seconds. */
        for (size_t i = 0; i < HEAVY; i++) {
            assert_in_range(passed[i], 100, 100 + 100 / 6 + 2);
        }
        assert_int_equal(refused, 0); /* nobody else has suffered */
        rate_table_release(table);
    }
}

/* ---- at once ---- */

struct waiter {
    struct hold_waiter waiter;
    bool has_turn;
};

static void on_turn(struct hold_waiter *waiter)
{
    CONTAINER_OF(waiter, struct waiter, waiter)->has_turn = true;
}

static void places(void **state)
{
    struct hold_table *table = hold_table_get("places");
    uint64_t a = hold_hash(table, SPAN_OF("a"));
    uint64_t b = hold_hash(table, SPAN_OF("b"));
    struct waiter waiters[3] = {{.waiter = {.on_turn = on_turn}},
                                {.waiter = {.on_turn = on_turn}},
                                {.waiter = {.on_turn = on_turn}}};

    (void)state;
    assert_int_equal(hold_take(table, a, 2, 0, NULL), HOLD_TAKEN);
    assert_int_equal(hold_take(table, a, 2, 0, NULL), HOLD_TAKEN);
    assert_int_equal(hold_take(table, a, 2, 0, NULL), HOLD_FULL);
    assert_int_equal(hold_take(table, b, 2, 0, NULL), HOLD_TAKEN);
    assert_int_equal(hold_take(table, a, 2, 2, &waiters[0].waiter), HOLD_WAITS);
    assert_int_equal(hold_take(table, a, 2, 2, &waiters[1].waiter), HOLD_WAITS);
    assert_int_equal(hold_take(table, a, 2, 2, &waiters[2].waiter), HOLD_FULL);
    hold_give(table, b);
    assert_false(waiters[0].has_turn);
    hold_give(table, a); /* in the order of coming */
    assert_true(waiters[0].has_turn && !waiters[1].has_turn);
    assert_false(hold_leave(table, &waiters[0].waiter));
    assert_true(hold_leave(table, &waiters[1].waiter));
    assert_false(hold_leave(table, &waiters[1].waiter));
    hold_give(table, a);
    assert_int_equal(hold_take(table, a, 2, 0, NULL), HOLD_TAKEN);
    hold_give(table, a);
    hold_give(table, a);
    hold_table_release(table);
}

/* A reload has changed how many there are, while some wait. */
static void places_that_change(void **state)
{
    struct hold_table *table = hold_table_get("changing places");
    uint64_t a = hold_hash(table, SPAN_OF("a"));
    struct waiter waiters[4] = {{.waiter = {.on_turn = on_turn}},
                                {.waiter = {.on_turn = on_turn}},
                                {.waiter = {.on_turn = on_turn}},
                                {.waiter = {.on_turn = on_turn}}};

    (void)state;
    assert_int_equal(hold_take(table, a, 1, 0, NULL), HOLD_TAKEN);
    assert_int_equal(hold_take(table, a, 1, 4, &waiters[0].waiter), HOLD_WAITS);
    assert_int_equal(hold_take(table, a, 1, 4, &waiters[1].waiter), HOLD_WAITS);
    /* More: who waits goes first, and at once. */
    assert_int_equal(hold_take(table, a, 3, 4, &waiters[2].waiter), HOLD_WAITS);
    assert_true(waiters[0].has_turn && waiters[1].has_turn && !waiters[2].has_turn);
    assert_int_equal(hold_take(table, a, 3, 4, &waiters[3].waiter), HOLD_WAITS);
    /* Fewer: nobody comes in until so many are left. */
    assert_int_equal(hold_take(table, a, 1, 0, NULL), HOLD_FULL);
    hold_give(table, a);
    hold_give(table, a);
    assert_false(waiters[2].has_turn);
    hold_give(table, a);
    assert_true(waiters[2].has_turn && !waiters[3].has_turn);
    hold_give(table, a);
    assert_true(waiters[3].has_turn);
    hold_give(table, a);
    assert_int_equal(hold_take(table, a, 1, 0, NULL), HOLD_TAKEN);
    hold_give(table, a);
    hold_table_release(table);
}

#define THREADS 4
#define ROUNDS 20000

struct crowd {
    struct hold_table *holds;
    struct rate_table *rates;
    uint64_t most; /* in hand at once, of this thread's counting */
    uint64_t passed;
};

static atomic_uint_fast64_t in_hand;

static void *run(void *arg)
{
    const struct rate_terms terms = {RATE_BUCKET, 1, 3600 * SECOND, 1000, 0};
    struct crowd *crowd = arg;
    uint64_t hash = hold_hash(crowd->holds, SPAN_OF("a"));

    for (int i = 0; i < ROUNDS; i++) {
        if (hold_take(crowd->holds, hash, 2, 0, NULL) == HOLD_TAKEN) {
            uint64_t now = atomic_fetch_add(&in_hand, 1) + 1;
            crowd->most = now > crowd->most ? now : crowd->most;
            (void)atomic_fetch_sub(&in_hand, 1);
            hold_give(crowd->holds, hash);
        }
        crowd->passed += rate_table_take(crowd->rates, SPAN_OF("a"), &terms, START).passes;
    }
    return NULL;
}

/* Workers share what is counted: to the request. */
static void several_threads(void **state)
{
    struct hold_table *holds = hold_table_get("crowd");
    struct rate_table *rates = rate_table_get("crowd", 64);
    struct crowd crowds[THREADS];
    pthread_t threads[THREADS];
    uint64_t passed = 0;

    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        crowds[i] = (struct crowd){holds, rates, 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &crowds[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_in_range(crowds[i].most, 1, 2);
        passed += crowds[i].passed;
    }
    assert_int_equal(passed, 1000);
    hold_table_release(holds);
    rate_table_release(rates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket),
        cmocka_unit_test(bucket_in_the_long_run),
        cmocka_unit_test(bucket_that_lets_wait),
        cmocka_unit_test(terms_that_change),
        cmocka_unit_test(window),
        cmocka_unit_test(window_in_the_long_run),
        cmocka_unit_test(tables_by_name),
        cmocka_unit_test(flood_of_keys),
        cmocka_unit_test(places),
        cmocka_unit_test(places_that_change),
        cmocka_unit_test(several_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

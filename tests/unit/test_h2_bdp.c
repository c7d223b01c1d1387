/* Windows that grow with what a pipe holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/h2_bdp.h"
#include "http/h2_reset.h"

#define KIB 1024U
#define MIB (1024U * 1024)

static void a_short_answer_asks_nothing(void **state)
{
    struct h2_bdp bdp;

    (void)state;
    h2_bdp_init(&bdp, 128 * KIB, 32 * MIB);
    assert_false(h2_bdp_data(&bdp, 63 * KIB));
    h2_bdp_answer(&bdp); /* nobody asked */
    assert_int_equal(bdp.window, 128 * KIB);
    assert_true(h2_bdp_data(&bdp, KIB));
    assert_false(h2_bdp_data(&bdp, 100 * KIB));
}

/* A sender that always fills the window: each round trip doubles it, up to the bound. */
static void a_long_pipe_is_filled_up_to_the_bound(void **state)
{
    struct h2_bdp bdp;
    unsigned rounds = 0;

    (void)state;
    h2_bdp_init(&bdp, 128 * KIB, 5 * MIB);
    while (bdp.window < 5 * MIB && rounds < 20) {
        uint32_t before = bdp.window;
        while (!h2_bdp_data(&bdp, 16 * KIB)) {
        }
        assert_false(h2_bdp_data(&bdp, before));
        h2_bdp_answer(&bdp);
        assert_true(bdp.window > before);
        rounds++;
    }
    assert_int_equal(bdp.window, 5 * MIB);
    assert_true(rounds <= 6);
    assert_false(h2_bdp_data(&bdp, 100 * MIB)); /* there is nothing to be gained any more */
}

/* What comes within a round trip is far below the window: it stays, and is asked ever more rarely.
 */
static void a_short_pipe_keeps_its_window(void **state)
{
    struct h2_bdp bdp;
    unsigned asked = 0;

    (void)state;
    h2_bdp_init(&bdp, 128 * KIB, 32 * MIB);
    for (unsigned i = 0; i < 64 * KIB; i++) { /* 1 GiB in frames of 16 KiB */
        if (h2_bdp_data(&bdp, 16 * KIB)) {
            asked++;
            assert_false(h2_bdp_data(&bdp, 16 * KIB));
            h2_bdp_answer(&bdp);
        }
    }
    assert_int_equal(bdp.window, 128 * KIB);
    assert_true(asked >= 10 && asked <= 60);
}

static uint32_t growth(uint32_t size, uint64_t taken, uint64_t waiting, uint32_t pipe,
                       uint64_t left)
{
    struct h2_window window = {.size = size, .soon = 128 * KIB, .taken = taken, .waiting = waiting};

    return h2_window_growth(&window, pipe, left);
}

static void a_window_grows_for_a_reader_that_takes_all(void **state)
{
    (void)state;
    /* The first step is a quick one. */
    assert_int_equal(growth(32 * KIB, 8 * KIB - 1, 0, MIB, MIB), 0);
    assert_int_equal(growth(32 * KIB, 8 * KIB, 0, MIB, MIB), 96 * KIB);
    assert_int_equal(growth(32 * KIB, 8 * KIB, 8 * KIB + 1, MIB, MIB), 0);
    /* Then each doubles it, up to what the pipe holds. */
    assert_int_equal(growth(128 * KIB, 128 * KIB - 1, 0, MIB, MIB), 0);
    assert_int_equal(growth(128 * KIB, 128 * KIB, 0, MIB, MIB), 128 * KIB);
    assert_int_equal(growth(128 * KIB, MIB, 32 * KIB + 1, MIB, MIB), 0);
    assert_int_equal(growth(MIB - 1, 10 * MIB, 0, MIB, MIB), 1);
    assert_int_equal(growth(MIB, 10 * MIB, 0, MIB, MIB), 0);
    assert_int_equal(growth(2 * MIB, 10 * MIB, 0, MIB, MIB), 0);
    /* No more than is left. */
    assert_int_equal(growth(128 * KIB, MIB, 0, MIB, 5), 5);
    assert_int_equal(growth(32 * KIB, MIB, 0, MIB, 0), 0);
}

static void codes_of_servers_are_passed_on_unless_untrue(void **state)
{
    static const uint32_t same[] = {1, 2, 3, 5, 6, 8, 9, 11, 12, 99, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        assert_int_equal(h2_reset_code(same[i]), same[i]);
    }
    assert_int_equal(h2_reset_code(H2_CODE_NO_ERROR), H2_CODE_INTERNAL_ERROR);
    assert_int_equal(h2_reset_code(H2_CODE_REFUSED_STREAM), H2_CODE_INTERNAL_ERROR);
    assert_int_equal(h2_reset_code(H2_CODE_HTTP_1_1_REQUIRED), H2_CODE_INTERNAL_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_answer_asks_nothing),
        cmocka_unit_test(a_long_pipe_is_filled_up_to_the_bound),
        cmocka_unit_test(a_short_pipe_keeps_its_window),
        cmocka_unit_test(a_window_grows_for_a_reader_that_takes_all),
        cmocka_unit_test(codes_of_servers_are_passed_on_unless_untrue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

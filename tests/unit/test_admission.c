/* How many connections are let in, of all clients together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/harness.h"

#define CONFIG                                                                                     \
    "listeners: [ { bind: \"unix:$DIR/door\" } ]\n"                                                \
    "sites: [ { hosts: [\"*\"], plain_http: serve, respond: { body: hi } } ]\n"                    \
    "limits: { accepts_per_second: 2 }\n"                                                          \
    "timeouts: { drain: 1s }\n"

static unsigned answered(struct actor **clients, unsigned count)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < count; i++) {
        sum += clients[i]->got.len != 0;
    }
    return sum;
}

static void a_crowd_is_let_in_by_and_by(void **state)
{
    struct world *world = world_open();
    struct harness *h;
    struct actor *clients[5];

    (void)state;
    world_load(world, CONFIG);
    h = harness_start(world);
    for (unsigned i = 0; i < 5; i++) {
        clients[i] = harness_connect(h);
        actor_say(clients[i], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    harness_settle(h);
    assert_int_equal(answered(clients, 5), 2);
    harness_advance_ms(h, 600);
    assert_int_equal(answered(clients, 5), 3);
    harness_advance_ms(h, 600);
    assert_int_equal(answered(clients, 5), 4);
    harness_advance_ms(h, 600);
    assert_int_equal(answered(clients, 5), 5);
    harness_stop(h);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_is_let_in_by_and_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How long a server is said to take: what a client needs to bring its body is not the server's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/harness.h"
#include "upstream/server_set.h"

#define CONFIG                                                                                     \
    "listeners: [ { bind: \"unix:$DIR/door\" } ]\n"                                                \
    "sites: [ { hosts: [\"*\"], plain_http: serve, backend: app } ]\n"                             \
    "timeouts: { drain: 1s }\n"                                                                    \
    "backends: [ { name: app, servers: [ \"unix:$DIR/one\" ] } ]\n"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static struct world *world;
static struct harness *h;

static int begin(void **state)
{
    (void)state;
    world = world_open();
    world_serve(world, "one");
    world_load(world, CONFIG);
    h = harness_start(world);
    return 0;
}

static int end(void **state)
{
    (void)state;
    harness_stop(h);
    world_close(world);
    return 0;
}

/* The middle of all times so far, in milliseconds; 0: there is none. */
static uint64_t middle_ms(void)
{
    struct server_set *set = backend_servers(world->snapshot->backends[0]);
    struct latency_sum sum = {0};

    endpoint_latency(set->servers[0].endpoint, &sum);
    server_set_release(set);
    return latency_quantile_us(&sum, 500) / 1000;
}

static void a_slow_upload_is_not_a_slow_server(void **state)
{
    struct actor *client = harness_connect(h);
    struct actor *server;

    (void)state;
    actor_say(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    harness_settle(h);
    server = harness_accept(h, "one");
    harness_advance_ms(h, 4000);
    actor_say(client, "def");
    harness_settle(h);
    harness_advance_ms(h, 40);
    actor_say(server, ANSWER);
    harness_settle(h);
    assert_in_range(middle_ms(), 36, 44);
}

static void nor_is_one_that_goes_on_behind_the_answer(void **state)
{
    struct actor *client = harness_connect(h);
    struct actor *server;

    (void)state;
    actor_say(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n");
    harness_settle(h);
    server = harness_accept(h, "one");
    harness_advance_ms(h, 3000);
    actor_say(client, "abc");
    harness_settle(h);
    harness_advance_ms(h, 20);
    actor_say(server, ANSWER);
    harness_settle(h);
    harness_advance_ms(h, 1000);
    actor_say(client, "def");
    harness_settle(h);
    assert_in_range(middle_ms(), 18, 22);
}

static void without_a_body_it_is_the_whole_wait(void **state)
{
    struct actor *client = harness_connect(h);
    struct actor *server;

    (void)state;
    actor_say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_settle(h);
    server = harness_accept(h, "one");
    harness_advance_ms(h, 400);
    actor_say(server, ANSWER);
    harness_settle(h);
    assert_in_range(middle_ms(), 380, 420);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_slow_upload_is_not_a_slow_server, begin, end),
        cmocka_unit_test_setup_teardown(nor_is_one_that_goes_on_behind_the_answer, begin, end),
        cmocka_unit_test_setup_teardown(without_a_body_it_is_the_whole_wait, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

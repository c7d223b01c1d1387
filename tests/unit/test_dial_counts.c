/* A connection that fails is one failure of its server, however many requests waited for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/harness.h"

#define REQUESTS 3

static const char config[] =
    "listeners: [ { bind: \"unix:$DIR/door\" } ]\n"
    "sites: [ { hosts: [\"*\"], backend: one } ]\n"
    "backends: [ { name: one, protocol: h2c, servers: [\"127.0.0.1:$PORT(one)\"] } ]\n"
    "log: { access: /dev/null }\n";

static uint64_t failures(const struct harness *h)
{
    struct server_set *set = backend_servers(h->world->snapshot->backends[0]);
    uint64_t failed = endpoint_tally(set->servers[0].endpoint).failed;

    server_set_release(set);
    return failed;
}

static void ask_many(struct harness *h, struct actor *clients[REQUESTS])
{
    for (int i = 0; i < REQUESTS; i++) {
        clients[i] = harness_connect(h);
        actor_say(clients[i], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        (void)actor_turn(clients[i]);
    }
    HARNESS_UNTIL(h, clients[REQUESTS - 1]->got.len != 0);
}

static void a_refused_connection(void **state)
{
    struct world *world = world_open();
    struct actor *clients[REQUESTS];
    struct harness *h;

    (void)state;
    world_serve_tcp(world, "one");
    world_load(world, config);
    world_stop_serving(world, "one");
    h = harness_start(world);
    ask_many(h, clients);
    for (int i = 0; i < REQUESTS; i++) {
        assert_memory_equal(actor_take(clients[i]), "HTTP/1.1 502", 12);
    }
    assert_int_equal(failures(h), 1);
    harness_stop(h);
    world_close(world);
}

static void a_connection_that_ends_before_it_is_one(void **state)
{
    static const struct act_step leaves[] = {{ACT_CLOSE, {NULL, 0}, 0}, {ACT_END, {NULL, 0}, 0}};
    struct world *world = world_open();
    struct actor *clients[REQUESTS];
    struct harness *h;

    (void)state;
    world_serve_tcp(world, "one");
    world_load(world, config);
    h = harness_start(world);
    harness_play(h, "one", leaves);
    ask_many(h, clients);
    assert_int_equal(failures(h), 1);
    harness_stop(h);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_connection),
        cmocka_unit_test(a_connection_that_ends_before_it_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

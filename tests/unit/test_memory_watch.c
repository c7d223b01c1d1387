/* The marks of the process's memory: which level follows, and what requests meet at each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/memory_watch.h"
#include "gateway/worker.h"
#include "harness/harness.h"

static const struct memory_settings marks = {.soft = 1600, .hard = 3200};

static void levels_come_at_once_and_go_a_sixteenth_below(void **state)
{
    static const struct {
        enum memory_level level;
        uint64_t bytes;
        enum memory_level next;
    } cases[] = {
        {MEMORY_ENOUGH, 1599, MEMORY_ENOUGH}, {MEMORY_ENOUGH, 1600, MEMORY_SHORT},
        {MEMORY_ENOUGH, 3200, MEMORY_OUT},    {MEMORY_SHORT, 1500, MEMORY_SHORT},
        {MEMORY_SHORT, 1499, MEMORY_ENOUGH},  {MEMORY_SHORT, 3199, MEMORY_SHORT},
        {MEMORY_SHORT, 3200, MEMORY_OUT},     {MEMORY_OUT, 3000, MEMORY_OUT},
        {MEMORY_OUT, 2999, MEMORY_SHORT},     {MEMORY_OUT, 1500, MEMORY_SHORT},
        {MEMORY_OUT, 1499, MEMORY_ENOUGH},
    };
    static const struct memory_settings none = {SETTINGS_UNLIMITED, SETTINGS_UNLIMITED, {0}};
    static const struct memory_settings hard = {SETTINGS_UNLIMITED, 3200, {0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(memory_level_next(cases[i].level, cases[i].bytes, &marks), cases[i].next);
    }
    assert_int_equal(memory_level_next(MEMORY_OUT, UINT64_C(1) << 60, &none), MEMORY_ENOUGH);
    assert_int_equal(memory_level_next(MEMORY_OUT, 2000, &hard), MEMORY_ENOUGH);
    assert_int_equal(memory_level_next(MEMORY_ENOUGH, 3100, &hard), MEMORY_ENOUGH);
    assert_true(memory_is_watched(&hard) && !memory_is_watched(&none));
}

#define CONFIG                                                                                     \
    "listeners: [ { bind: \"unix:$DIR/door\" } ]\n"                                                \
    "sites: [ { hosts: [\"*\"], plain_http: serve, backend: app } ]\n"                             \
    "timeouts: { drain: 1s, body: 10s }\n"                                                         \
    "backends: [ { name: app, servers: [ \"unix:$DIR/one\" ] } ]\n"

#define RESPONSE_MS 60000

static void become(struct harness *h, uint64_t bytes, bool has_changed)
{
    assert_int_equal(memory_watch_take(bytes, &marks), has_changed);
    worker_post_memory(h->worker);
    harness_settle(h);
}

static bool has_got(const struct actor *actor, const char *text)
{
    return actor->got.len != 0 && strstr(actor->got.ptr, text) != NULL;
}

static struct harness *begin(struct world **world)
{
    *world = world_open();
    world_serve(*world, "one");
    world_load(*world, CONFIG);
    return harness_start(*world);
}

static void end(struct world *world, struct harness *h)
{
    become(h, 0, memory_level() != MEMORY_ENOUGH);
    harness_stop(h);
    world_close(world);
}

/* An upload of 40,000 bytes, all of them sent; returned is the server that it goes to. */
static struct actor *upload(struct harness *h, struct actor *client)
{
    struct actor *server;
    char piece[10001];

    memset(piece, 'b', sizeof(piece) - 1);
    piece[sizeof(piece) - 1] = '\0';
    actor_say(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n");
    harness_settle(h);
    server = harness_accept(h, "one");
    for (unsigned i = 0; i < 4; i++) {
        actor_say(client, piece);
        harness_settle(h);
    }
    return server;
}

static void long_bodies_wait_above_the_soft_mark_and_go_on_below(void **state)
{
    struct world *world;
    struct harness *h = begin(&world);
    struct actor *client = harness_connect(h);
    struct actor *server;
    size_t before;

    (void)state;
    become(h, 2000, true);
    server = upload(h, client);
    before = server->got.len;
    assert_in_range(before, MEMORY_BODY_BYTES, 30000);
    harness_advance_ms(h, RESPONSE_MS - 1000); /* the client is not late, it may not send */
    assert_int_equal(server->got.len, before);
    assert_int_equal(client->got.len, 0);
    become(h, 1550, false); /* not far enough below */
    assert_int_equal(server->got.len, before);
    become(h, 100, true);
    assert_true(server->got.len > 40000);
    actor_say(server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    harness_settle(h);
    assert_true(has_got(client, "200 OK"));
    end(world, h);
}

static void bodies_that_wait_too_long_get_503(void **state)
{
    struct world *world;
    struct harness *h = begin(&world);
    struct actor *client = harness_connect(h);

    (void)state;
    become(h, 2000, true);
    (void)upload(h, client);
    harness_advance_ms(h, RESPONSE_MS + 1000);
    assert_true(has_got(client, "HTTP/1.1 503 "));
    end(world, h);
}

static void idle_clients_go_above_the_soft_mark(void **state)
{
    struct world *world;
    struct harness *h = begin(&world);
    struct actor *client = harness_connect(h);
    struct actor *server;

    (void)state;
    actor_say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_settle(h);
    server = harness_accept(h, "one");
    harness_settle(h);
    actor_say(server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    harness_settle(h);
    assert_true(has_got(client, "200 OK") && !actor_is_left(client));
    become(h, 2000, true);
    assert_true(actor_is_left(client));
    end(world, h);
}

static void requests_are_503_above_the_hard_mark_and_connections_wait(void **state)
{
    struct world *world;
    struct harness *h = begin(&world);
    struct actor *early = harness_connect(h);
    struct actor *late;

    (void)state;
    harness_settle(h); /* it is accepted */
    become(h, 4000, true);
    late = harness_connect(h);
    actor_say(early, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    actor_say(late, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_settle(h);
    assert_true(has_got(early, "503 ") && has_got(early, "Retry-After: "));
    assert_true(has_got(early, "Connection: close"));
    assert_int_equal(late->got.len, 0);
    become(h, 2000, true);
    harness_advance_ms(h, 200);
    assert_non_null(harness_accept(h, "one"));
    end(world, h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_come_at_once_and_go_a_sixteenth_below),
        cmocka_unit_test(long_bodies_wait_above_the_soft_mark_and_go_on_below),
        cmocka_unit_test(bodies_that_wait_too_long_get_503),
        cmocka_unit_test(idle_clients_go_above_the_soft_mark),
        cmocka_unit_test(requests_are_503_above_the_hard_mark_and_connections_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

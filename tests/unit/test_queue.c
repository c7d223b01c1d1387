/* The line in front of servers that are full: who waits, for how long, and who is next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness/harness.h"
#include "upstream/server_queue.h"

#define CONFIG                                                                                     \
    "listeners: [ { bind: \"unix:$DIR/door\" } ]\n"                                                \
    "sites: [ { hosts: [\"*\"], plain_http: serve, backend: app } ]\n"                             \
    "timeouts: { drain: 1s }\n"                                                                    \
    "backends:\n"                                                                                  \
    "  - name: app\n"                                                                              \
    "    servers: [ { address: \"unix:$DIR/one\", max_requests: 1 } ]\n"                           \
    "    queue: { size: 3, timeout: 1s }\n"

struct play {
    struct world *world;
    struct harness *h;
    struct actor *clients[5];
    struct actor *server;
};

/* The first client's request is with the server; so many others are in line. */
static struct play begin(unsigned waiting)
{
    struct play play = {.world = world_open()};

    world_serve(play.world, "one");
    world_load(play.world, CONFIG);
    play.h = harness_start(play.world);
    for (unsigned i = 0; i <= waiting; i++) {
        char text[60];
        play.clients[i] = harness_connect(play.h);
        (void)snprintf(text, sizeof(text), "GET /%u HTTP/1.1\r\nHost: a\r\n\r\n", i);
        actor_say(play.clients[i], text);
        harness_settle(play.h);
    }
    play.server = harness_accept(play.h, "one");
    assert_non_null(play.server);
    harness_settle(play.h);
    return play;
}

static void end(struct play *play)
{
    harness_stop(play->h);
    world_close(play->world);
}

static bool has_got(const struct actor *actor, const char *text)
{
    return actor->got.len != 0 && strstr(actor->got.ptr, text) != NULL;
}

static void answer(struct play *play)
{
    actor_say(play->server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    harness_settle(play->h);
}

static void a_request_waits_until_the_server_has_a_place(void **state)
{
    struct play play = begin(1);

    (void)state;
    assert_true(has_got(play.server, "GET /0 "));
    assert_null(harness_accept(play.h, "one"));
    assert_int_equal(play.clients[1]->got.len, 0);
    answer(&play);
    assert_true(has_got(play.clients[0], "200 OK"));
    assert_true(has_got(play.server, "GET /1 "));
    answer(&play);
    assert_true(has_got(play.clients[1], "200 OK"));
    end(&play);
}

static void who_came_first_is_next_and_who_comes_now_is_behind(void **state)
{
    struct play play = begin(2);

    (void)state;
    /* Its own connection is at hand, and still the line is before it. */
    actor_say(play.server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    actor_say(play.clients[0], "GET /again HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_settle(play.h);
    assert_true(has_got(play.server, "GET /1 "));
    assert_false(has_got(play.server, "GET /2 "));
    answer(&play);
    assert_true(has_got(play.server, "GET /2 "));
    assert_false(has_got(play.server, "GET /again "));
    answer(&play);
    assert_true(has_got(play.server, "GET /again "));
    end(&play);
}

static void a_full_line_is_503_at_once(void **state)
{
    struct play play = begin(4);

    (void)state;
    assert_true(has_got(play.clients[4], "503 "));
    assert_true(has_got(play.clients[4], "Retry-After: "));
    assert_int_equal(play.clients[3]->got.len, 0);
    end(&play);
}

static void who_waits_too_long_gets_503(void **state)
{
    struct play play = begin(1);

    (void)state;
    harness_advance_ms(play.h, 900);
    assert_int_equal(play.clients[1]->got.len, 0);
    harness_advance_ms(play.h, 200);
    assert_true(has_got(play.clients[1], "503 "));
    assert_true(has_got(play.clients[1], "Retry-After: "));
    answer(&play);
    assert_true(has_got(play.clients[0], "200 OK"));
    end(&play);
}

static void who_leaves_gives_its_place_to_the_next_at_once(void **state)
{
    struct play play = begin(2);

    (void)state;
    actor_reset(play.clients[1]);
    harness_settle(play.h);
    play.clients[3] = harness_connect(play.h); /* there is room for it now */
    actor_say(play.clients[3], "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_settle(play.h);
    assert_int_equal(play.clients[3]->got.len, 0);
    answer(&play);
    assert_false(has_got(play.server, "GET /1 "));
    assert_true(has_got(play.server, "GET /2 "));
    answer(&play);
    assert_true(has_got(play.server, "GET /3 "));
    end(&play);
}

static void nobody_is_forgotten_when_the_gateway_ends(void **state)
{
    struct play play = begin(2);

    (void)state;
    end(&play); /* which checks that nothing is left */
}

/* ---- the line itself ---- */

struct waiter {
    struct server_wait *wait;
    unsigned turns;
    bool is_out;
};

static void on_turn(void *owner, bool is_pushed_out)
{
    struct waiter *waiter = owner;

    waiter->turns += !is_pushed_out;
    waiter->is_out |= is_pushed_out;
}

static void who_leaves_while_called_passes_its_turn_on(void **state)
{
    struct loop *loop = loop_create();
    struct server_queue *queue = server_queue_create(3);
    struct waiter waiters[3] = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        waiters[i].wait = server_queue_join(queue, PRIORITY_NORMAL, loop, &waiters[i], on_turn);
        assert_non_null(waiters[i].wait);
    }
    assert_null(server_queue_join(queue, PRIORITY_NORMAL, loop, NULL, on_turn));
    assert_int_equal(server_queue_refused(queue), 1);
    (void)loop_turn(loop); /* the first one looks whether there is a place after all */
    assert_int_equal(waiters[0].turns, 1);
    server_queue_stay(waiters[0].wait);
    server_queue_call(queue);
    server_queue_leave(waiters[0].wait, false);
    (void)loop_turn(loop);
    (void)loop_turn(loop);
    assert_int_equal(waiters[0].turns, 1);
    assert_int_equal(waiters[1].turns, 1);
    server_queue_leave(waiters[1].wait, true);
    (void)loop_turn(loop);
    assert_int_equal(waiters[2].turns, 0);
    server_queue_call(queue);
    (void)loop_turn(loop);
    assert_int_equal(waiters[2].turns, 1);
    /* Called while it tries: it tries again. */
    server_queue_call(queue);
    server_queue_stay(waiters[2].wait);
    (void)loop_turn(loop);
    assert_int_equal(waiters[2].turns, 2);
    server_queue_leave(waiters[2].wait, true);
    assert_int_equal(server_queue_count(queue), 0);
    server_queue_release(queue);
    loop_destroy(loop);
}

static void join(struct server_queue *queue, struct loop *loop, struct waiter *waiter,
                 enum priority priority)
{
    *waiter = (struct waiter){0};
    waiter->wait = server_queue_join(queue, priority, loop, waiter, on_turn);
}

static void the_higher_priority_is_called_first(void **state)
{
    struct loop *loop = loop_create();
    struct server_queue *queue = server_queue_create(9);
    static const enum priority priorities[] = {PRIORITY_LOW, PRIORITY_LOW, PRIORITY_NORMAL,
                                               PRIORITY_NORMAL, PRIORITY_HIGH};
    static const unsigned order[] = {4, 2, 3, 0, 1};
    struct waiter waiters[5];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        join(queue, loop, &waiters[i], priorities[i]);
        (void)loop_turn(loop); /* the first of each priority looks, and finds nothing */
        assert_int_equal(waiters[i].turns, i != 1 && i != 3);
        if (waiters[i].turns != 0) {
            server_queue_stay(waiters[i].wait);
        }
    }
    assert_int_equal(server_queue_before(queue, PRIORITY_HIGH), 1);
    assert_int_equal(server_queue_before(queue, PRIORITY_NORMAL), 3);
    assert_int_equal(server_queue_count(queue), 5);
    for (unsigned i = 0; i < 5; i++) {
        struct waiter *next = &waiters[order[i]];
        unsigned before = next->turns;
        server_queue_call(queue);
        (void)loop_turn(loop);
        assert_int_equal(next->turns, before + 1);
        server_queue_leave(next->wait, true);
    }
    server_queue_release(queue);
    loop_destroy(loop);
}

static void a_full_line_has_the_last_of_the_lowest_leave_for_a_higher_one(void **state)
{
    struct loop *loop = loop_create();
    struct server_queue *queue = server_queue_create(3);
    struct waiter waiters[3];
    struct waiter high[4];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        join(queue, loop, &waiters[i], i == 2 ? PRIORITY_LOW : PRIORITY_NORMAL);
        assert_non_null(waiters[i].wait);
    }
    (void)loop_turn(loop); /* the first one looks */
    server_queue_stay(waiters[0].wait);
    join(queue, loop, &high[0], PRIORITY_LOW);
    assert_null(high[0].wait);
    join(queue, loop, &high[0], PRIORITY_NORMAL);
    (void)loop_turn(loop);
    assert_true(waiters[2].is_out);
    server_queue_leave(waiters[2].wait, false);
    join(queue, loop, &high[1], PRIORITY_HIGH);
    (void)loop_turn(loop);
    assert_true(high[0].is_out && !waiters[1].is_out);
    server_queue_leave(high[0].wait, false);
    /* One that leaves by itself before it is told. */
    join(queue, loop, &high[2], PRIORITY_HIGH);
    server_queue_leave(waiters[1].wait, false);
    (void)loop_turn(loop);
    assert_false(waiters[1].is_out);
    join(queue, loop, &high[3], PRIORITY_HIGH);
    (void)loop_turn(loop);
    assert_int_equal(server_queue_count(queue), 3);
    assert_int_equal(server_queue_refused(queue), 5);
    assert_true(waiters[0].is_out && high[3].wait != NULL);
    server_queue_leave(waiters[0].wait, false);
    for (unsigned i = 1; i < 4; i++) {
        server_queue_leave(high[i].wait, false);
    }
    (void)loop_turn(loop);
    server_queue_release(queue);
    loop_destroy(loop);
}

static void who_was_called_in_vain_keeps_its_place(void **state)
{
    struct loop *loop = loop_create();
    struct server_queue *queue = server_queue_create(3);
    struct waiter waiters[3] = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        waiters[i].wait = server_queue_join(queue, PRIORITY_NORMAL, loop, &waiters[i], on_turn);
    }
    (void)loop_turn(loop);
    server_queue_stay(waiters[0].wait);
    for (unsigned i = 0; i < 3; i++) { /* each is the first at that moment */
        server_queue_nudge(waiters[i].wait);
    }
    (void)loop_turn(loop);
    for (unsigned i = 0; i < 3; i++) {
        server_queue_stay(waiters[i].wait);
    }
    for (unsigned i = 0; i < 3; i++) {
        unsigned before = waiters[i].turns;
        server_queue_call(queue);
        (void)loop_turn(loop);
        assert_int_equal(waiters[i].turns, before + 1);
        server_queue_leave(waiters[i].wait, true);
    }
    server_queue_release(queue);
    loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_waits_until_the_server_has_a_place),
        cmocka_unit_test(who_came_first_is_next_and_who_comes_now_is_behind),
        cmocka_unit_test(a_full_line_is_503_at_once),
        cmocka_unit_test(who_waits_too_long_gets_503),
        cmocka_unit_test(who_leaves_gives_its_place_to_the_next_at_once),
        cmocka_unit_test(nobody_is_forgotten_when_the_gateway_ends),
        cmocka_unit_test(the_higher_priority_is_called_first),
        cmocka_unit_test(a_full_line_has_the_last_of_the_lowest_leave_for_a_higher_one),
        cmocka_unit_test(who_was_called_in_vain_keeps_its_place),
        cmocka_unit_test(who_leaves_while_called_passes_its_turn_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

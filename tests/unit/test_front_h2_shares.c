/* Equal streams of a client that is slower than its servers have equal shares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/h2_talk.h"
#include "harness/harness.h"

#define STREAMS 4
#define MUCH 30000000
#define PIECE 100000

static struct world *world;

static const char config[] = "listeners: [ { bind: \"127.0.0.1:0\" } ]\n"
                             "sites: [ { hosts: [\"*\"], backend: one } ]\n"
                             "backends: [ { name: one, servers: [\"127.0.0.1:$PORT(one)\"] } ]\n"
                             "log: { access: /dev/null }\n";

static int set_up(void **state)
{
    (void)state;
    world = world_open();
    world_serve_tcp(world, "one");
    world_load(world, config);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(world);
    return 0;
}

/* What each has got; a DATA line is "DATA 1 16384". */
static void count(struct h2_talk *client, size_t got[STREAMS])
{
    unsigned stream;
    size_t bytes;

    for (const char *at = h2_take_frames(client); at != NULL && *at != '\0';) {
        if (sscanf(at, "DATA %u %zu", &stream, &bytes) == 2) {
            got[(stream - 1) / 2] += bytes;
        }
        at = strchr(at, '\n');
        at += at != NULL;
    }
    (void)h2_take_body(client);
}

static size_t least(const size_t got[STREAMS])
{
    size_t found = got[0];

    for (int i = 1; i < STREAMS; i++) {
        found = got[i] < found ? got[i] : found;
    }
    return found;
}

static size_t most(const size_t got[STREAMS])
{
    size_t found = got[0];

    for (int i = 1; i < STREAMS; i++) {
        found = got[i] > found ? got[i] : found;
    }
    return found;
}

static void start_streams(struct harness *h, struct h2_talk *client, struct actor *servers[STREAMS],
                          const char *head)
{
    const struct h2_setting wide[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, INT32_MAX}};

    h2_talk_as_client(client, harness_connect(h));
    h2_send_settings(client, wide, 1);
    h2_send_window(client, 0, INT32_MAX - 65535);
    for (int i = 0; i < STREAMS; i++) {
        h2_send_head(client, (uint32_t)(2 * i + 1), true,
                     ":method: GET\n:scheme: http\n:authority: a\n:path: /1\n");
        HARNESS_UNTIL(h, (servers[i] = harness_accept(h, "one")) != NULL);
        assert_non_null(servers[i]);
        actor_say(servers[i], head);
    }
    harness_settle(h);
}

/* `pace`: pieces that each server has ready at once. */
static void check_shares(const char *head, const char *piece_head, const int pace[STREAMS])
{
    static char piece[PIECE];
    struct harness *h = harness_start(world);
    struct h2_talk client;
    struct actor *servers[STREAMS];
    size_t got[STREAMS] = {0};
    unsigned turns = 0;

    start_streams(h, &client, servers, head);
    while (most(got) < MUCH) {
        for (int i = 0; i < STREAMS; i++) {
            for (int n = 0; servers[i]->unsent.len == 0 && n < pace[i]; n++) {
                actor_say(servers[i], piece_head);
                actor_send(servers[i], span_make(piece, sizeof(piece)));
                actor_say(servers[i], *piece_head != '\0' ? "\r\n" : "");
            }
        }
        actor_stall(client.actor, ++turns % 4 != 0);
        (void)harness_turn(h);
        count(&client, got);
    }
    if (most(got) >= least(got) * 13 / 10) {
        fail_msg("%zu %zu %zu %zu", got[0], got[1], got[2], got[3]);
    }
    h2_talk_free(&client);
    harness_stop(h);
}

static void servers_that_are_always_ready(void **state)
{
    static const int pace[STREAMS] = {20, 20, 20, 20};

    (void)state;
    check_shares("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", "", pace);
    check_shares("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "186a0\r\n", pace);
}

static void servers_of_which_some_run_empty_now_and_then(void **state)
{
    static const int pace[STREAMS] = {1, 20, 1, 20};

    (void)state;
    check_shares("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", "", pace);
    check_shares("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "186a0\r\n", pace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_that_are_always_ready),
        cmocka_unit_test(servers_of_which_some_run_empty_now_and_then),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

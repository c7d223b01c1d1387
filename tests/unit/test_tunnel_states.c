/* Tunnels, over every pair of versions: open, and with either direction ended, met by each event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "states_test.h"

enum pair { H1_H1, H1_H2, H2_H1, H2_H2, PAIRS };
enum state { OPEN, CLIENT_ENDED, SERVER_ENDED, STATES };

static const char *const pair_names[] = {"h1 to h1", "h1 to h2", "h2 to h1", "h2 to h2"};
static const char *const state_names[] = {"open", "client ended", "server ended"};

/* One side, of either version. */
struct side {
    struct actor *actor;
    struct h2_talk talk;
    bool is_h2;
};

struct play {
    struct harness *h;
    struct side client;
    struct side server;
    enum pair pair;
    enum state state;
};

static void say(struct side *side, const char *text)
{
    if (side->is_h2) {
        h2_send_data(&side->talk, 1, false, text);
    } else {
        actor_say(side->actor, text);
    }
}

/* Its direction. */
static void finish(struct side *side)
{
    if (side->is_h2) {
        h2_send_data(&side->talk, 1, true, "");
    } else {
        actor_finish(side->actor);
    }
}

static const char *heard(struct side *side)
{
    static char texts[4][256];
    static unsigned next;
    char *text = texts[next++ % 4];

    if (!side->is_h2) {
        return states_heard(side->actor);
    }
    const char *frames = h2_take_frames(&side->talk);
    (void)snprintf(text, sizeof(texts[0]), "%s%s%s", h2_take_body(&side->talk),
                   strstr(frames, "DATA 1 end") != NULL ? " end" : "",
                   strstr(frames, "RST_STREAM 1") != NULL ? " reset" : "");
    return text;
}

/* What the two hear, and what the log says. */
static const char *told(struct play *play)
{
    static char text[1024];

    (void)snprintf(text, sizeof(text), "%s | %s | %s", heard(&play->client), heard(&play->server),
                   states_logged(play->h));
    return text;
}

static void check(struct play *play, const char *event, const char *expected)
{
    const char *is = told(play);

    if (strcmp(is, expected) != 0) {
        fail_msg("%s, %s, %s:\n  %s\nand not\n  %s", pair_names[play->pair],
                 state_names[play->state], event, is, expected);
    }
}

#define SOCKET                                                                                     \
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void ask(struct play *play, bool is_to_h2)
{
    struct side *client = &play->client;

    client->actor = harness_connect(play->h);
    if (!client->is_h2) {
        actor_say(client->actor, is_to_h2 ? "GET /2 HTTP/1.1\r\nHost: a\r\n" SOCKET "\r\n"
                                          : "GET /1 HTTP/1.1\r\nHost: a\r\n" SOCKET "\r\n");
        return;
    }
    h2_talk_as_client(&client->talk, client->actor);
    h2_send_head(&client->talk, 1, false,
                 is_to_h2 ? ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:authority: a\n"
                            ":path: /2\nsec-websocket-version: 13\n"
                            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\n"
                          : ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:authority: a\n"
                            ":path: /1\nsec-websocket-version: 13\n"
                            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\n");
}

static void answer(struct play *play)
{
    static const struct h2_setting takes_connect = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
    struct side *server = &play->server;

    harness_settle(play->h);
    server->actor = harness_accept(play->h, server->is_h2 ? "two" : "one");
    assert_non_null(server->actor);
    if (server->is_h2) {
        h2_talk_as_server(&server->talk, server->actor, &takes_connect, 1);
        harness_settle(play->h);
        h2_send_head(&server->talk, 1, false, ":status: 200\n");
    } else {
        harness_settle(play->h);
        actor_say(
            server->actor,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    }
    harness_settle(play->h);
}

static void begin(struct play *play, enum pair pair, enum state state)
{
    *play = (struct play){.h = states_start(), .pair = pair, .state = state};
    play->client.is_h2 = pair == H2_H1 || pair == H2_H2;
    play->server.is_h2 = pair == H1_H2 || pair == H2_H2;
    ask(play, play->server.is_h2);
    answer(play);
    if (state != OPEN) {
        finish(state == CLIENT_ENDED ? &play->client : &play->server);
        harness_settle(play->h);
    }
    (void)told(play);
}

static void end(struct play *play)
{
    harness_stop(play->h);
    h2_talk_free(&play->client.talk);
    h2_talk_free(&play->server.talk);
}

/* Each pair in each state. */
static void check_all(void (*event)(struct play *), const char *name,
                      const char *const expected[PAIRS][STATES])
{
    for (enum pair pair = H1_H1; pair < PAIRS; pair++) {
        for (enum state state = OPEN; state < STATES; state++) {
            struct play play;
            begin(&play, pair, state);
            event(&play);
            check(&play, name, expected[pair][state]);
            end(&play);
        }
    }
}

static void speak(struct play *play)
{
    if (play->state != CLIENT_ENDED) {
        say(&play->client, "ping");
    }
    if (play->state != SERVER_ENDED) {
        say(&play->server, "pong");
    }
    harness_settle(play->h);
}

static void each_direction_goes_on_until_its_own_end(void **state)
{
    static const char *const expected[PAIRS][STATES] = {
        {"pong | ping | ", "pong | left | ", "left | ping | "},
        {"pong | ping | ", "pong |  | ", "left | ping | "},
        {"pong | ping | ", "pong | left | ", " | ping | "},
        {"pong | ping | ", "pong |  | ", " | ping | "}};

    (void)state;
    check_all(speak, "bytes", expected);
}

static void finish_both(struct play *play)
{
    if (play->state != CLIENT_ENDED) {
        finish(&play->client);
    }
    if (play->state != SERVER_ENDED) {
        finish(&play->server);
    }
    harness_settle(play->h);
}

static void it_is_over_when_both_have_ended(void **state)
{
    static const char *const expected[PAIRS][STATES] = {
        {"left | left | 101 -", "left | left | 101 -", "left | left | 101 -"},
        {"left |  end | 101 -", "left |  | 101 -", "left |  end | 101 -"},
        {" end | left | 200 -", " end | left | 200 -", " | left | 200 -"},
        {" end |  end | 200 -", " end |  | 200 -", " |  end | 200 -"}};

    (void)state;
    check_all(finish_both, "both ends", expected);
}

static void close_client(struct play *play)
{
    actor_close(play->client.actor);
    harness_settle(play->h);
}

static void a_client_that_is_gone_ends_it_for_the_server(void **state)
{
    static const char *const expected[PAIRS][STATES] = {
        {" | left | ", " | left | ", "left | left | 101 -"},
        {" |  reset | 101 client_reset", " |  reset | 101 client_reset", "left |  end | 101 -"},
        {" | left | 200 client_closed", " | left | 200 client_closed",
         " | left | 200 client_closed"},
        {" |  reset | 200 client_closed", " |  reset | 200 client_closed",
         " |  reset | 200 client_closed"}};

    (void)state;
    check_all(close_client, "the client is gone", expected);
}

static void close_server(struct play *play)
{
    actor_close(play->server.actor);
    harness_settle(play->h);
}

static void a_server_that_is_gone_ends_it_for_the_client(void **state)
{
    static const char *const expected[PAIRS][STATES] = {
        {"left |  | ", "left | left | 101 -", "left |  | "},
        {"left |  | 101 server_closed", "left |  | 101 server_closed",
         "left |  | 101 server_reset"},
        {" end |  | ", " end | left | 200 -", " reset |  | 200 server_reset"},
        {" reset |  | 200 server_closed", " reset |  | 200 server_closed",
         " reset |  | 200 server_reset"}};

    (void)state;
    check_all(close_server, "the server is gone", expected);
}

/* ---- time ---- */

/* A server of HTTP/2 says that it is there whenever it is asked. */
static void let_pass(struct play *play, uint64_t ms)
{
    for (uint64_t step = 1000; ms != 0; ms -= step) {
        step = ms < step ? ms : step;
        harness_advance_ms(play->h, step);
        if (play->server.is_h2 && !actor_is_left(play->server.actor)) {
            h2_send_pong(&play->server.talk);
        }
    }
}

static void wait_until_before_the_limit(struct play *play)
{
    let_pass(play, TUNNEL_IDLE_MS - 1);
}

static void wait_for_the_limit(struct play *play)
{
    let_pass(play, TUNNEL_IDLE_MS - 1);
    (void)told(play);
    harness_advance_ms(play->h, 1);
}

static void silence_ends_it_at_its_limit_and_not_before(void **state)
{
    static const char *const before[PAIRS][STATES] = {{" |  | ", " | left | ", "left |  | "},
                                                      {" |  | ", " |  | ", "left |  | "},
                                                      {" |  | ", " | left | ", " |  | "},
                                                      {" |  | ", " |  | ", " |  | "}};
    static const char *const at[PAIRS][STATES] = {
        {"left | left | 101 tunnel_idle_timeout", "left | left | 101 tunnel_idle_timeout",
         "left | left | 101 tunnel_idle_timeout"},
        {"left |  reset | 101 tunnel_idle_timeout", "left |  reset | 101 tunnel_idle_timeout",
         "left |  reset | 101 tunnel_idle_timeout"},
        {" reset | left | 200 tunnel_idle_timeout", " reset | left | 200 tunnel_idle_timeout",
         " reset | left | 200 tunnel_idle_timeout"},
        {" reset |  reset | 200 tunnel_idle_timeout", " reset |  reset | 200 tunnel_idle_timeout",
         " reset |  reset | 200 tunnel_idle_timeout"}};

    (void)state;
    check_all(wait_until_before_the_limit, "before its limit", before);
    check_all(wait_for_the_limit, "at its limit", at);
}

static void a_byte_now_and_then_keeps_it(void **state)
{
    (void)state;
    for (enum pair pair = H1_H1; pair < PAIRS; pair++) {
        struct play play;
        begin(&play, pair, OPEN);
        for (int i = 0; i < 4; i++) {
            let_pass(&play, TUNNEL_IDLE_MS - 1000);
            say(i % 2 == 0 ? &play.client : &play.server, "x");
            harness_settle(play.h);
            check(&play, "a byte", i % 2 == 0 ? " | x | " : "x |  | ");
        }
        end(&play);
    }
}

/* However busy, and whoever carries the bytes. */
static void its_time_as_a_whole_ends_it(void **state)
{
    static const char *const at[PAIRS] = {
        "left | left | 101 tunnel_total_timeout", "left |  reset | 101 tunnel_total_timeout",
        " reset | left | 200 tunnel_total_timeout", " reset |  reset | 200 tunnel_total_timeout"};

    (void)state;
    for (enum pair pair = H1_H1; pair < PAIRS; pair++) {
        struct play play;
        begin(&play, pair, OPEN);
        for (int s = 1; s < TUNNEL_TOTAL_MS / 1000; s++) {
            let_pass(&play, 1000);
            say(s % 2 == 0 ? &play.client : &play.server, "x");
            harness_settle(play.h);
        }
        let_pass(&play, 999);
        (void)told(&play);
        assert_int_equal(play.h->worker->session_count, 1);
        harness_advance_ms(play.h, 1);
        check(&play, "at its time", at[pair]);
        end(&play);
    }
}

/* ---- the end of the process ---- */

static void drain(struct play *play)
{
    harness_drain(play->h);
    harness_advance_ms(play->h, 2000);
    (void)heard(&play->client);
    speak(play);
}

static void a_drain_leaves_it_alone(void **state)
{
    static const char *const expected[PAIRS][STATES] = {
        {"pong | ping | ", "pong | left | ", "left | ping | "},
        {"pong | ping | ", "pong |  | ", "left | ping | "},
        {"pong | ping | ", "pong | left | ", " | ping | "},
        {"pong | ping | ", "pong |  | ", " | ping | "}};

    (void)state;
    check_all(drain, "drain", expected);
}

static void the_end_of_a_drain_cuts_it_off(void **state)
{
    (void)state;
    for (enum pair pair = H1_H1; pair < PAIRS; pair++) {
        struct play play;
        begin(&play, pair, OPEN);
        harness_drain(play.h);
        for (int s = 0; s < 59; s++) {
            let_pass(&play, 1000);
            say(&play.client, "x");
            harness_settle(play.h);
        }
        assert_int_equal(play.h->worker->session_count, 1);
        harness_advance_ms(play.h, 1000);
        assert_int_equal(play.h->worker->session_count, 0);
        assert_true(actor_is_left(play.client.actor));
        end(&play);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_direction_goes_on_until_its_own_end),
        cmocka_unit_test(it_is_over_when_both_have_ended),
        cmocka_unit_test(a_client_that_is_gone_ends_it_for_the_server),
        cmocka_unit_test(a_server_that_is_gone_ends_it_for_the_client),
        cmocka_unit_test(silence_ends_it_at_its_limit_and_not_before),
        cmocka_unit_test(a_byte_now_and_then_keeps_it),
        cmocka_unit_test(its_time_as_a_whole_ends_it),
        cmocka_unit_test(a_drain_leaves_it_alone),
        cmocka_unit_test(the_end_of_a_drain_cuts_it_off),
    };

    return cmocka_run_group_tests(tests, states_set_up, states_tear_down);
}

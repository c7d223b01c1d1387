/* The HTTP/1.1 front in each of its states, met by each event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include "states_test.h"

enum state {
    FRESH,  /* connected, and nothing was sent */
    IDLE,   /* behind an answered request */
    HEAD,   /* a part of a head has come */
    BODY,   /* of ten bytes of a body four have come, and are with the server */
    WAIT,   /* the request is with the server */
    REPLY,  /* of ten bytes of the response's body four have gone to the client */
    SKIP,   /* answered here, and a part of the request's body has not come */
    TUNNEL, /* after 101 */
    STATES
};

static const char *const names[] = {"FRESH", "IDLE",  "HEAD", "BODY",
                                    "WAIT",  "REPLY", "SKIP", "TUNNEL"};

struct play {
    struct harness *h;
    struct actor *client;
    struct actor *server; /* NULL: none */
};

#define UPGRADE                                                                                    \
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void settle_and_meet(struct play *play)
{
    harness_settle(play->h);
    play->server = harness_accept(play->h, "one");
    assert_non_null(play->server);
    harness_settle(play->h);
}

static void enter(struct play *play, enum state state)
{
    struct actor *client = play->client;

    switch (state) {
    case FRESH:
        break;
    case IDLE:
        actor_say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        break;
    case HEAD:
        actor_say(client, "GET /1 HTTP/1.1\r\nHo");
        break;
    case BODY:
        actor_say(client, "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1234");
        settle_and_meet(play);
        break;
    case WAIT:
        actor_say(client, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
        settle_and_meet(play);
        break;
    case REPLY:
        enter(play, WAIT);
        actor_say(play->server, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234");
        break;
    case SKIP:
        actor_say(client, "POST /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1234");
        harness_advance_ms(play->h, 100);
        break;
    case TUNNEL:
        actor_say(client, "GET /1 HTTP/1.1\r\nHost: a\r\n" UPGRADE "\r\n");
        settle_and_meet(play);
        actor_say(
            play->server,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
        break;
    case STATES:
        fail();
    }
    harness_settle(play->h);
}

static struct play begin(enum state state)
{
    struct play play = {.h = states_start()};

    play.client = harness_connect(play.h);
    harness_settle(play.h);
    enter(&play, state);
    (void)states_told(play.h, play.client, play.server);
    return play;
}

/* Whatever it was: what the server says now is what a state of waiting waits for. */
static void let_server_answer(struct play *play, enum state state)
{
    if (state == WAIT || state == BODY) {
        actor_say(play->server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    } else if (state == REPLY) {
        actor_say(play->server, "567890");
    } else if (state == TUNNEL) {
        actor_say(play->server, "pong");
    }
    harness_settle(play->h);
}

static void check(struct play *play, enum state state, const char *event, const char *expected)
{
    const char *told = states_told(play->h, play->client, play->server);

    if (strcmp(told, expected) != 0) {
        fail_msg("%s, %s:\n  %s\nand not\n  %s", names[state], event, told, expected);
    }
}

struct expectation {
    enum state state;
    const char *at_once;
    const char *then; /* once the server has answered, where one is waited for */
};

static void check_at_once(struct play *play, const struct expectation *e, const char *event)
{
    harness_settle(play->h);
    check(play, e->state, event, e->at_once);
    let_server_answer(play, e->state);
    check(play, e->state, event, e->then);
    harness_stop(play->h);
}

/* ---- bytes ---- */

static void more_bytes_do_what_the_state_is_for(void **state)
{
    static const char *const bytes[] = {
        [FRESH] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        [IDLE] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        [HEAD] = "st: a\r\n\r\n",
        [BODY] = "567890",
        [WAIT] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        [REPLY] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        [SKIP] = "567890GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        [TUNNEL] = "ping",
    };
    static const struct expectation table[] = {
        {FRESH, "client: 200 hello | log: 200 -", ""},
        {IDLE, "client: 200 hello | log: 200 -", ""},
        {HEAD, "", ""},
        {BODY, "server: 567890", "client: 200 hi | log: 200 -"},
        {WAIT, "", "client: 200 hi 200 hello | log: 200 -, 200 -"},
        {REPLY, "", "client: 567890 200 hello | log: 200 -, 200 -"},
        {SKIP, "client: 200 hello | log: 200 -", ""},
        {TUNNEL, "server: ping", "client: pong"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play = begin(table[i].state);
        actor_say(play.client, bytes[table[i].state]);
        check_at_once(&play, &table[i], "bytes");
    }
}

/* ---- the client's end ---- */

static void a_client_that_ends_its_direction_gets_what_it_asked_for(void **state)
{
    static const struct expectation table[] = {
        {FRESH, "client: left", "client: left"},
        {IDLE, "client: left", "client: left"},
        {HEAD, "client: left | log: - client_closed_in_head", "client: left"},
        {BODY, "client: left | server: left | log: - client_closed_in_body",
         "client: left | server: left"},
        {WAIT, "", "client: 200 hi left | log: 200 -"},
        {REPLY, "", "client: 567890 left | log: 200 -"},
        {SKIP, "client: left", "client: left"},
        {TUNNEL, "server: left", "client: pong | server: left"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play = begin(table[i].state);
        actor_finish(play.client);
        check_at_once(&play, &table[i], "end");
    }
}

static void a_client_that_is_gone_is_noticed_at_once(void **state)
{
    static const char *const told[] = {
        [FRESH] = "",
        [IDLE] = "",
        [HEAD] = "log: - client_closed_in_head",
        [BODY] = "server: left | log: - client_closed_in_body",
        [WAIT] = "server: left | log: - client_reset",
        [REPLY] = "server: left | log: 200 client_reset",
        [SKIP] = "",
        [TUNNEL] = "server: left",
    };

    (void)state;
    for (enum state in = FRESH; in < STATES; in++) {
        struct play play = begin(in);
        actor_close(play.client);
        harness_settle(play.h);
        check(&play, in, "gone", told[in]);
        if (in == TUNNEL) { /* the server has an end of its own to say */
            actor_close(play.server);
            harness_settle(play.h);
        }
        assert_int_equal(play.h->worker->session_count, 0);
        harness_stop(play.h);
    }
}

/* ---- time ---- */

static void each_state_has_its_limit_and_no_other(void **state)
{
    static const struct {
        enum state state;
        uint64_t limit_ms;
        const char *told;
    } table[] = {
        {FRESH, FIRST_BYTE_MS, "client: left | log: - idle_without_request"},
        {IDLE, KEEP_ALIVE_MS, "client: left"},
        {HEAD, HEAD_MS, "client: 408 left | log: 408 head_timeout"},
        {BODY, BODY_MS, "client: 408 left | server: left | log: 408 body_timeout"},
        {WAIT, RESPONSE_MS, "client: 504 | server: left | log: 504 response_timeout"},
        {REPLY, STREAM_IDLE_MS, "client: left | server: left | log: 200 stream_idle_timeout"},
        {SKIP, BODY_MS, "client: left"},
        {TUNNEL, TUNNEL_IDLE_MS, "client: left | server: left | log: 101 tunnel_idle_timeout"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play = begin(table[i].state);
        harness_advance_ms(play.h, table[i].limit_ms - 1);
        check(&play, table[i].state, "before its limit", "");
        harness_advance_ms(play.h, 1);
        check(&play, table[i].state, "at its limit", table[i].told);
        harness_stop(play.h);
    }
}

static void a_client_that_has_ended_its_direction_is_waited_for_until_half_closed(void **state)
{
    struct play play = begin(WAIT);

    (void)state;
    actor_finish(play.client);
    harness_advance_ms(play.h, HALF_CLOSED_MS - 1);
    check(&play, WAIT, "before half_closed", "");
    harness_advance_ms(play.h, 1);
    check(&play, WAIT, "half_closed", "client: left | server: left | log: - client_closed");
    harness_stop(play.h);
}

/* The end of a body in chunks may lie in what is not read yet. */
static void a_client_that_ended_behind_a_body_that_nobody_takes_is_waited_for_so_long(void **state)
{
    struct play play = begin(FRESH);
    int unread;

    (void)state;
    actor_say(play.client, "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    settle_and_meet(&play);
    actor_stall(play.server, true);
    actor_squeeze(play.server);
    actor_say(play.client, "100000\r\n");
    do {
        static const char piece[16384];
        actor_send(play.client, span_make(piece, sizeof(piece)));
        harness_settle(play.h);
    } while (ioctl(play.client->fd, TIOCOUTQ, &unread) == 0 && unread == 0);
    actor_finish(play.client);
    harness_advance_ms(play.h, HALF_CLOSED_MS - 1);
    assert_string_equal(states_logged(play.h), "");
    harness_advance_ms(play.h, 1);
    assert_string_equal(states_logged(play.h), "- client_closed_in_body");
    harness_stop(play.h);
}

static void a_client_that_takes_nothing_is_cut_off(void **state)
{
    struct play play = begin(WAIT);

    (void)state;
    actor_stall(play.client, true);
    actor_squeeze(play.client);
    actor_say(play.server, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        static const char piece[100000];
        actor_send(play.server, span_make(piece, sizeof(piece)));
    }
    harness_advance_ms(play.h, SEND_MS - 1);
    assert_string_equal(states_logged(play.h), "");
    harness_advance_ms(play.h, 1);
    assert_string_equal(states_logged(play.h), "200 client_stalled");
    harness_stop(play.h);
}

/* ---- the end of the process ---- */

static void a_drain_lets_what_is_under_way_come_to_its_end(void **state)
{
    static const struct expectation table[] = {
        {FRESH, "", ""},
        {IDLE, "client: left", "client: left"},
        {HEAD, "", ""},
        {BODY, "", "client: 200 hi left"},
        {WAIT, "", "client: 200 hi left | server: left | log: 200 -"},
        {REPLY, "", "client: 567890 left | server: left | log: 200 -"},
        {SKIP, "", ""},
        {TUNNEL, "", "client: pong"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play = begin(table[i].state);
        harness_drain(play.h);
        check_at_once(&play, &table[i], "drain");
    }
}

static void a_drain_waits_a_moment_for_a_first_request(void **state)
{
    struct play play = begin(FRESH);

    (void)state;
    harness_drain(play.h);
    harness_advance_ms(play.h, 499);
    check(&play, FRESH, "drain", "");
    harness_advance_ms(play.h, 1);
    check(&play, FRESH, "drain, later", "client: left | log: - idle_without_request");
    harness_stop(play.h);
}

static void a_request_behind_a_drain_is_the_last(void **state)
{
    static const struct expectation table[] = {
        {FRESH, "client: 200 hello left | log: 200 -", "client: left"},
        {WAIT, "server: GET /1", "client: 200 hi left | server: left | log: 200 -"}};
    struct play play = begin(FRESH);

    (void)state;
    harness_drain(play.h);
    harness_settle(play.h);
    actor_say(play.client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    check_at_once(&play, &table[0], "drain and a request");
    play = begin(HEAD);
    harness_drain(play.h);
    harness_settle(play.h);
    actor_say(play.client, "st: a\r\n\r\n");
    harness_settle(play.h);
    play.server = harness_accept(play.h, "one");
    check_at_once(&play, &table[1], "drain and the rest of a head");
}

/* Whoever has not heard that it ends may ask once more, and hears it then: also where the end of a
 * response, or of a body that nobody wants, comes behind the change. */
static void handing_over_ends_no_connection_unsaid(void **state)
{
    static const struct expectation table[] = {
        {IDLE, "", ""},
        {HEAD, "", ""},
        {WAIT, "", "client: 200 hi left | server: left | log: 200 -"},
        {REPLY, "", "client: 567890 | server: left | log: 200 -"},
        {SKIP, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct expectation *e = &table[i];
        struct play play = begin(e->state);
        harness_hand_over(play.h);
        harness_settle(play.h);
        check(&play, e->state, "handing over", e->at_once);
        let_server_answer(&play, e->state);
        check(&play, e->state, "handing over", e->then);
        if (e->state != WAIT) {
            actor_say(play.client, e->state == HEAD   ? "st: a\r\n\r\n"
                                   : e->state == SKIP ? "567890GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                                                      : "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            harness_settle(play.h);
            if (e->state == HEAD) {
                play.server = harness_accept(play.h, "one");
                let_server_answer(&play, WAIT);
            }
            check(&play, e->state, "the next request",
                  e->state == HEAD    ? "client: 200 hi left | server: GET /1 left | log: 200 -"
                  : e->state == REPLY ? "client: 200 hello left | server: left | log: 200 -"
                                      : "client: 200 hello left | log: 200 -");
        }
        harness_stop(play.h);
    }
}

/* The same where its site is gone: that one more request is refused. */
static void a_site_that_is_gone_ends_no_connection_unsaid(void **state)
{
    static const struct expectation table[] = {
        {IDLE, "", ""},
        {WAIT, "", "client: 200 hi left | log: 200 -"},
        {REPLY, "", "client: 567890 | log: 200 -"},
        {SKIP, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct expectation *e = &table[i];
        struct play play = begin(e->state);
        harness_lose_sites(play.h);
        harness_settle(play.h);
        check(&play, e->state, "its site is gone", e->at_once);
        let_server_answer(&play, e->state);
        check(&play, e->state, "its site is gone", e->then);
        if (e->state != WAIT) {
            actor_say(play.client, e->state == SKIP ? "567890GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                                                    : "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            harness_settle(play.h);
            check(&play, e->state, "the next request",
                  "client: 421 left | log: 421 site_has_changed");
        }
        harness_stop(play.h);
    }
}

/* The rest of its own time, or half of that of a drain where that is shorter. */
static void whose_site_is_gone_is_left_in_time(void **state)
{
    struct play play = begin(IDLE);

    (void)state;
    harness_lose_sites(play.h);
    harness_settle(play.h);
    harness_advance_ms(play.h, KEEP_ALIVE_MS - 1);
    check(&play, IDLE, "its site is gone", "");
    harness_advance_ms(play.h, 1);
    check(&play, IDLE, "its time is up", "client: left");
    harness_stop(play.h);
}

/* Half of the time of the drain, as one that was idle before. */
static void one_that_asks_nothing_more_is_left_in_time(void **state)
{
    struct play play = begin(REPLY);

    (void)state;
    harness_hand_over(play.h);
    harness_settle(play.h);
    let_server_answer(&play, REPLY);
    check(&play, REPLY, "handing over", "client: 567890 | server: left | log: 200 -");
    harness_advance_ms(play.h, 29999);
    check(&play, REPLY, "handing over", "server: left");
    harness_advance_ms(play.h, 1);
    check(&play, REPLY, "half of the drain's time", "client: left | server: left");
    harness_stop(play.h);
}

static void only_an_idle_connection_makes_room_for_another(void **state)
{
    (void)state;
    for (enum state in = FRESH; in < STATES; in++) {
        struct play play = begin(in);
        for (int i = 0; i < 16; i++) {
            (void)harness_connect(play.h);
        }
        harness_settle(play.h);
        check(&play, in, "eviction", in == IDLE ? "client: left" : "");
        harness_stop(play.h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_bytes_do_what_the_state_is_for),
        cmocka_unit_test(a_client_that_ends_its_direction_gets_what_it_asked_for),
        cmocka_unit_test(a_client_that_is_gone_is_noticed_at_once),
        cmocka_unit_test(each_state_has_its_limit_and_no_other),
        cmocka_unit_test(a_client_that_has_ended_its_direction_is_waited_for_until_half_closed),
        cmocka_unit_test(a_client_that_ended_behind_a_body_that_nobody_takes_is_waited_for_so_long),
        cmocka_unit_test(a_client_that_takes_nothing_is_cut_off),
        cmocka_unit_test(a_drain_lets_what_is_under_way_come_to_its_end),
        cmocka_unit_test(a_drain_waits_a_moment_for_a_first_request),
        cmocka_unit_test(a_request_behind_a_drain_is_the_last),
        cmocka_unit_test(handing_over_ends_no_connection_unsaid),
        cmocka_unit_test(one_that_asks_nothing_more_is_left_in_time),
        cmocka_unit_test(a_site_that_is_gone_ends_no_connection_unsaid),
        cmocka_unit_test(whose_site_is_gone_is_left_in_time),
        cmocka_unit_test(only_an_idle_connection_makes_room_for_another),
    };

    return cmocka_run_group_tests(tests, states_set_up, states_tear_down);
}

/* The HTTP/1.1 back in each of its states, met by each event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "states_test.h"

enum state {
    IDLE,    /* pooled, behind an answered request */
    SENDING, /* of ten bytes of the request's body four have come */
    WAIT,    /* the request is with the server, whole */
    HEAD,    /* a part of the response's head has come */
    INTERIM, /* a 103 has come, and been passed on */
    LENGTH,  /* of ten bytes of a body four have come */
    CHUNKED, /* the same, in chunks */
    CLOSE,   /* the same, up to the connection's end */
    EARLY,   /* the response is whole, and six bytes of the request's body have not come */
    STATES
};

static const char *const names[] = {"IDLE",   "SENDING", "WAIT",  "HEAD", "INTERIM",
                                    "LENGTH", "CHUNKED", "CLOSE", "EARLY"};

struct play {
    struct harness *h;
    struct actor *client;
    struct actor *server;
};

static void meet(struct play *play, const char *request, const char *answer)
{
    actor_say(play->client, request);
    harness_settle(play->h);
    play->server = harness_accept(play->h, "one");
    assert_non_null(play->server);
    harness_settle(play->h);
    actor_say(play->server, answer);
    harness_settle(play->h);
}

#define GET "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK_AND "HTTP/1.1 200 OK\r\n"

static struct play begin(enum state state)
{
    static const char post[] = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1234";
    static const char *const answers[] = {
        [IDLE] = OK_AND "Content-Length: 2\r\n\r\nhi",
        [SENDING] = "",
        [WAIT] = "",
        [HEAD] = OK_AND "Content-Le",
        [INTERIM] = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        [LENGTH] = OK_AND "Content-Length: 10\r\n\r\n1234",
        [CHUNKED] = OK_AND "Transfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n",
        [CLOSE] = OK_AND "\r\n1234",
        [EARLY] = OK_AND "Content-Length: 2\r\n\r\nhi",
    };
    struct play play = {.h = states_start()};

    play.client = harness_connect(play.h);
    meet(&play, state == SENDING || state == EARLY ? post : GET, answers[state]);
    (void)states_told(play.h, play.client, play.server);
    return play;
}

static void check(struct play *play, enum state state, const char *event, const char *expected)
{
    const char *told = states_told(play->h, play->client, play->server);

    if (strcmp(told, expected) != 0) {
        fail_msg("%s, %s:\n  %s\nand not\n  %s", names[state], event, told, expected);
    }
}

/* Whether the connection is used again for the next request. */
static bool is_used_again(struct play *play)
{
    actor_say(play->client, "GET /1/next HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_settle(play->h);
    return strcmp(states_heard(play->server), "GET /1/next") == 0;
}

/* ---- bytes ---- */

static void the_rest_of_a_response_is_passed_on(void **state)
{
    static const struct {
        enum state state;
        const char *bytes;
        const char *told;
        bool is_used_again;
    } table[] = {
        {WAIT, OK_AND "Content-Length: 2\r\n\r\nhi", "client: 200 hi | log: 200 -", true},
        {WAIT, "HTTP/1.1 204 No Content\r\n\r\n", "client: 204 | log: 204 -", true},
        {WAIT, OK_AND "Connection: close\r\nContent-Length: 2\r\n\r\nhi",
         "client: 200 hi | server: left | log: 200 -", false},
        {WAIT, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
         "client: 200 hi | server: left | log: 200 -", false},
        {WAIT, OK_AND "Content-Length: 2\r\n\r\nhi!", "client: 200 hi | server: left | log: 200 -",
         false},
        {HEAD, "ngth: 2\r\n\r\nhi", "client: 200 hi | log: 200 -", true},
        {INTERIM, OK_AND "Content-Length: 2\r\n\r\nhi", "client: 200 hi | log: 200 -", true},
        {LENGTH, "567890", "client: 567890 | log: 200 -", true},
        {LENGTH, "567890HTTP/1.1 200 OK\r\n", "client: 567890 | server: left | log: 200 -", false},
        {CHUNKED, "2\r\n56\r\n0\r\n\r\n", "client: 2\\/56\\/0\\/\\/ | log: 200 -", true},
        {CHUNKED, "2\r\n56\r\n0\r\nX-Sum: 1\r\n\r\n",
         "client: 2\\/56\\/0\\/X-Sum: 1\\/\\/ | log: 200 -", true},
        {CLOSE, "567890", "client: 6\\/567890\\/", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play = begin(table[i].state);
        actor_say(play.server, table[i].bytes);
        harness_settle(play.h);
        check(&play, table[i].state, table[i].bytes, table[i].told);
        assert_int_equal(is_used_again(&play), table[i].is_used_again);
        harness_stop(play.h);
    }
}

static void bytes_that_are_no_http_end_it(void **state)
{
    static const char *const told[] = {
        [IDLE] = "server: left",
        [SENDING] = "client: 502 | server: left | log: 502 status_line",
        [WAIT] = "client: 502 | server: left | log: 502 status_line",
        [HEAD] = "client: 502 | server: left | log: 502 field_name",
        [INTERIM] = "client: 502 | server: left | log: 502 status_line",
        [LENGTH] = "client: !? non | server: left | log: 200 -",
        [CHUNKED] = "client: left | server: left | log: 200 chunk_size",
        [CLOSE] = "client: f\\/!? nonsense\\/\\/\\/",
        [EARLY] = "",
    };

    (void)state;
    for (enum state in = IDLE; in < STATES; in++) {
        struct play play = begin(in);
        actor_say(play.server, "!? nonsense\r\n\r\n");
        harness_advance_ms(play.h, 100);
        check(&play, in, "nonsense", told[in]);
        harness_stop(play.h);
    }
}

/* ---- the server's end ---- */

static void check_ends(const char *const told[], void (*end)(struct actor *), const char *event)
{
    for (enum state in = IDLE; in < STATES; in++) {
        struct play play = begin(in);
        end(play.server);
        harness_advance_ms(play.h, 100);
        check(&play, in, event, told[in]);
        harness_stop(play.h);
    }
}

static void a_server_that_ends_its_direction_has_ended_its_response(void **state)
{
    static const char *const told[] = {
        [IDLE] = "server: left",
        [SENDING] = "client: 502 | server: left | log: 502 server_closed",
        [WAIT] = "server: left",
        [HEAD] = "client: 502 | server: left | log: 502 server_closed",
        [INTERIM] = "client: 502 | server: left | log: 502 server_closed",
        [LENGTH] = "client: left | server: left | log: 200 response_cut_short",
        [CHUNKED] = "client: left | server: left | log: 200 response_cut_short",
        [CLOSE] = "client: 0\\/\\/ | server: left | log: 200 -",
        [EARLY] = "server: left | log: 200 server_closed_in_body",
    };

    (void)state;
    check_ends(told, actor_finish, "end");
}

static void a_server_that_is_gone_is_noticed_at_once(void **state)
{
    static const char *const told[] = {
        [IDLE] = "",
        [SENDING] = "client: 502 | log: 502 server_closed",
        [WAIT] = "",
        [HEAD] = "client: 502 | log: 502 server_closed",
        [INTERIM] = "client: 502 | log: 502 server_closed",
        [LENGTH] = "client: left | log: 200 response_cut_short",
        [CHUNKED] = "client: left | log: 200 response_cut_short",
        [CLOSE] = "client: 0\\/\\/ | log: 200 -",
        [EARLY] = "log: 200 server_closed_in_body",
    };

    (void)state;
    check_ends(told, actor_close, "gone");
}

static void what_was_lost_without_an_answer_is_sent_again_once(void **state)
{
    struct play play = begin(WAIT);

    (void)state;
    for (int i = 0; i < 2; i++) {
        actor_close(play.server);
        harness_settle(play.h);
        play.server = harness_accept(play.h, "one");
        harness_settle(play.h);
        check(&play, WAIT, "the server closes",
              i == 0 ? "server: GET /1" : "client: 502 | log: 502 server_closed");
    }
    harness_stop(play.h);
}

/* ---- the client's end ---- */

static void a_client_that_is_gone_ends_the_connection_to_its_server(void **state)
{
    static const char *const told[] = {
        [IDLE] = "",
        [SENDING] = "server: left | log: - client_closed_in_body",
        [WAIT] = "server: left | log: - client_reset",
        [HEAD] = "server: left | log: - client_reset",
        [INTERIM] = "server: left | log: - client_reset",
        [LENGTH] = "server: left | log: 200 client_reset",
        [CHUNKED] = "server: left | log: 200 client_reset",
        [CLOSE] = "server: left | log: 200 client_reset",
        [EARLY] = "server: left | log: 200 -",
    };

    (void)state;
    for (enum state in = IDLE; in < STATES; in++) {
        struct play play = begin(in);
        actor_close(play.client);
        harness_settle(play.h);
        check(&play, in, "the client is gone", told[in]);
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
        {WAIT, RESPONSE_MS, "client: 504 | server: left | log: 504 response_timeout"},
        {HEAD, RESPONSE_MS, "client: 504 | server: left | log: 504 response_timeout"},
        {INTERIM, RESPONSE_MS, "client: 504 | server: left | log: 504 response_timeout"},
        {LENGTH, STREAM_IDLE_MS, "client: left | server: left | log: 200 stream_idle_timeout"},
        {CHUNKED, STREAM_IDLE_MS, "client: left | server: left | log: 200 stream_idle_timeout"},
        {CLOSE, STREAM_IDLE_MS, "client: left | server: left | log: 200 stream_idle_timeout"},
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

static void a_pooled_connection_rests_for_as_long_as_it_may(void **state)
{
    struct play play = begin(IDLE);

    (void)state;
    harness_advance_ms(play.h, POOL_IDLE_MS - 1);
    assert_false(actor_is_left(play.server));
    harness_advance_ms(play.h, 1);
    assert_true(actor_is_left(play.server));
    harness_stop(play.h);
}

static void a_pooled_connection_rests_less_long_than_its_server_says(void **state)
{
    struct play play = {.h = states_start()};

    (void)state;
    play.client = harness_connect(play.h);
    meet(&play, GET, OK_AND "Content-Length: 2\r\nKeep-Alive: timeout=5\r\n\r\nhi");
    harness_advance_ms(play.h, 3999);
    assert_false(actor_is_left(play.server));
    harness_advance_ms(play.h, 1);
    assert_true(actor_is_left(play.server));
    (void)states_told(play.h, play.client, play.server);
    harness_stop(play.h);
}

static void a_byte_now_and_then_keeps_a_response_going(void **state)
{
    struct play play = begin(LENGTH);

    (void)state;
    for (int i = 0; i < 6; i++) {
        harness_advance_ms(play.h, STREAM_IDLE_MS - 1);
        check(&play, LENGTH, "silence", "");
        actor_say(play.server, "5");
        harness_settle(play.h);
        check(&play, LENGTH, "a byte", i < 5 ? "client: 5" : "client: 5 | log: 200 -");
    }
    harness_stop(play.h);
}

static void a_server_that_does_not_take_the_body_holds_the_client_up(void **state)
{
    struct play play = {.h = states_start()};
    static const char piece[100000];

    (void)state;
    play.client = harness_connect(play.h);
    actor_say(play.client, "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    harness_settle(play.h);
    play.server = harness_accept(play.h, "one");
    actor_stall(play.server, true);
    for (int i = 0; i < 30; i++) {
        actor_send(play.client, span_make(piece, sizeof(piece)));
    }
    harness_settle(play.h);
    assert_true(play.client->unsent.len > 1000000);
    harness_advance_ms(play.h, RESPONSE_MS - 1);
    assert_string_equal(states_logged(play.h), "");
    harness_advance_ms(play.h, 1);
    assert_string_equal(states_logged(play.h), "504 response_timeout");
    harness_stop(play.h);
}

/* ---- the end of the process ---- */

static void a_drain_closes_what_rests(void **state)
{
    struct play play = begin(IDLE);

    (void)state;
    harness_drain(play.h);
    harness_settle(play.h);
    check(&play, IDLE, "drain", "client: left | server: left");
    harness_stop(play.h);
    play = begin(LENGTH);
    harness_drain(play.h);
    harness_settle(play.h);
    check(&play, LENGTH, "drain", "");
    actor_say(play.server, "567890");
    harness_settle(play.h);
    check(&play, LENGTH, "drain, and the response's end",
          "client: 567890 left | server: left | log: 200 -");
    harness_stop(play.h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rest_of_a_response_is_passed_on),
        cmocka_unit_test(bytes_that_are_no_http_end_it),
        cmocka_unit_test(a_server_that_ends_its_direction_has_ended_its_response),
        cmocka_unit_test(a_server_that_is_gone_is_noticed_at_once),
        cmocka_unit_test(what_was_lost_without_an_answer_is_sent_again_once),
        cmocka_unit_test(a_client_that_is_gone_ends_the_connection_to_its_server),
        cmocka_unit_test(each_state_has_its_limit_and_no_other),
        cmocka_unit_test(a_pooled_connection_rests_for_as_long_as_it_may),
        cmocka_unit_test(a_pooled_connection_rests_less_long_than_its_server_says),
        cmocka_unit_test(a_byte_now_and_then_keeps_a_response_going),
        cmocka_unit_test(a_server_that_does_not_take_the_body_holds_the_client_up),
        cmocka_unit_test(a_drain_closes_what_rests),
    };

    return cmocka_run_group_tests(tests, states_set_up, states_tear_down);
}

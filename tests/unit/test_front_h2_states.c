/* The HTTP/2 front: its connection on the way to its end, and both halves of a stream, met by each
 * event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "states_test.h"

enum state {
    PREFACE, /* a part of the preface has come */
    IDLE,    /* greeted, and no stream */
    HEAD,    /* HEADERS without END_HEADERS */
    BODY,    /* of ten bytes of a body four have come, and are with the server */
    WAIT,    /* the request is with the server, whole */
    REPLY,   /* of ten bytes of the response's body four have gone to the client */
    EARLY,   /* the response is whole, and six bytes of the request's body have not come */
    TUNNEL,  /* extended CONNECT, answered with 101 */
    STATES
};

static const char *const names[] = {"PREFACE", "IDLE",  "HEAD",  "BODY",
                                    "WAIT",    "REPLY", "EARLY", "TUNNEL"};

struct play {
    struct harness *h;
    struct h2_talk client;
    struct actor *server; /* NULL: none */
};

#define FIELDS(method, path) ":method: " method "\n:scheme: http\n:authority: a\n:path: " path "\n"
#define GET_1 FIELDS("GET", "/1")
#define POST_1 FIELDS("POST", "/1") "content-length: 10\n"
#define CONNECT_1                                                                                  \
    FIELDS("CONNECT", "/1")                                                                        \
    ":protocol: websocket\nsec-websocket-version: 13\n"                                            \
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\n"

static void settle_and_meet(struct play *play)
{
    harness_settle(play->h);
    play->server = harness_accept(play->h, "one");
    assert_non_null(play->server);
    harness_settle(play->h);
}

static void send_half_a_head(struct h2_talk *client)
{
    struct strbuf block;

    strbuf_init(&block);
    h2_put_fields(&block, GET_1);
    h2_send(client, NGHTTP2_HEADERS, H2_END_STREAM, 1, strbuf_span(&block));
    strbuf_free(&block);
}

/* Where a stream is. */
static void enter(struct play *play, enum state state)
{
    struct h2_talk *client = &play->client;

    switch (state) {
    case PREFACE:
    case IDLE:
        break;
    case HEAD:
        send_half_a_head(client);
        break;
    case BODY:
        h2_send_head(client, 1, false, POST_1);
        h2_send_data(client, 1, false, "1234");
        settle_and_meet(play);
        break;
    case WAIT:
        h2_send_head(client, 1, true, GET_1);
        settle_and_meet(play);
        break;
    case REPLY:
        enter(play, WAIT);
        actor_say(play->server, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234");
        break;
    case EARLY:
        enter(play, BODY);
        actor_say(play->server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        break;
    case TUNNEL:
        h2_send_head(client, 1, false, CONNECT_1);
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

static void begin(struct play *play, enum state state)
{
    *play = (struct play){.h = states_start()};
    struct actor *actor = harness_connect(play->h);
    if (state == PREFACE) {
        h2_talk_start(&play->client, actor);
        actor_say(actor, "PRI * HTTP/2.0\r\n\r\n");
    } else {
        h2_talk_as_client(&play->client, actor);
    }
    harness_settle(play->h);
    enter(play, state);
    (void)states_told_h2(play->h, &play->client, play->server);
}

static void end(struct play *play)
{
    harness_stop(play->h);
    h2_talk_free(&play->client);
}

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
    const char *told = states_told_h2(play->h, &play->client, play->server);

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
    end(play);
}

/* ---- the request's half ---- */

static void more_of_a_request_goes_on_to_the_server(void **state)
{
    static const struct expectation table[] = {
        {BODY, "server: 567890", "client: HEADERS 1 200, DATA 1 end 2 | log: 200 -"},
        {EARLY, "server: 567890 | log: 200 -", ""},
        {TUNNEL, "server: 567890 left", "client: DATA 1 4 | server: left"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play;
        begin(&play, table[i].state);
        h2_send_data(&play.client, 1, true, "567890");
        check_at_once(&play, &table[i], "DATA with END_STREAM");
    }
}

static void the_rest_of_a_head_makes_it_a_request(void **state)
{
    struct play play;

    (void)state;
    begin(&play, HEAD);
    h2_send(&play.client, NGHTTP2_CONTINUATION, H2_END_HEADERS, 1, SPAN_OF(""));
    settle_and_meet(&play);
    check(&play, HEAD, "CONTINUATION", "server: GET /1");
    end(&play);
}

static void a_half_that_has_ended_takes_no_more(void **state)
{
    static const struct expectation table[] = {
        {WAIT,
         "client: GOAWAY 1 STREAM_CLOSED left | server: left | log: - h2_protocol_error, - "
         "h2_protocol_error",
         "client: left | server: left"},
        {REPLY,
         "client: GOAWAY 1 STREAM_CLOSED left | server: left | log: - h2_protocol_error, 200 "
         "h2_protocol_error",
         "client: left | server: left"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play;
        begin(&play, table[i].state);
        h2_send_data(&play.client, 1, true, "more");
        harness_settle(play.h);
        check(&play, table[i].state, "DATA behind END_STREAM", table[i].at_once);
        harness_settle(play.h);
        check(&play, table[i].state, "DATA behind END_STREAM, later", table[i].then);
        end(&play);
    }
}

static void a_body_that_is_not_as_long_as_announced_is_reset(void **state)
{
    struct play play;

    (void)state;
    begin(&play, BODY);
    h2_send_data(&play.client, 1, true, "56789");
    harness_settle(play.h);
    check(&play, BODY, "a short body",
          "client: RST_STREAM 1 PROTOCOL_ERROR | server: 56789 left | log: - length_mismatch");
    end(&play);
    begin(&play, BODY);
    h2_send_data(&play.client, 1, false, "567890more");
    harness_settle(play.h);
    check(&play, BODY, "a long body",
          "client: RST_STREAM 1 PROTOCOL_ERROR | server: left | log: - length_mismatch");
    end(&play);
}

/* ---- the client's reset, goodbye and end ---- */

static void a_reset_ends_its_stream_on_both_sides(void **state)
{
    static const struct expectation table[] = {
        {HEAD,
         "client: GOAWAY 1 PROTOCOL_ERROR left | log: - h2_protocol_error, - h2_protocol_error",
         "client: left"},
        {BODY, "server: left | log: - client_reset", "server: left"},
        {WAIT, "server: left | log: - client_reset", "server: left"},
        {REPLY, "server: left | log: 200 client_reset", "server: left"},
        {EARLY, "server: left | log: 200 -", "server: left"},
        {TUNNEL, "server: left | log: 200 client_reset", "server: left"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play;
        begin(&play, table[i].state);
        h2_send_reset(&play.client, 1, NGHTTP2_CANCEL);
        check_at_once(&play, &table[i], "RST_STREAM");
    }
}

static void a_client_that_says_goaway_gets_what_it_asked_for(void **state)
{
    static const struct expectation table[] = {
        {IDLE, "client: left", "client: left"},
        {BODY, "", "client: HEADERS 1 200, DATA 1 end 2"},
        {WAIT, "", "client: HEADERS 1 200, DATA 1 end 2 left | log: 200 -"},
        {REPLY, "", "client: DATA 1 end 6 left | log: 200 -"},
        {EARLY, "", ""},
        {TUNNEL, "", "client: DATA 1 4"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play;
        begin(&play, table[i].state);
        h2_send_goaway(&play.client, 0, NGHTTP2_NO_ERROR);
        check_at_once(&play, &table[i], "GOAWAY");
    }
}

static void a_client_that_ends_its_direction_has_left(void **state)
{
    static const struct expectation table[] = {
        {PREFACE, "client: left | log: - closed_before_request", "client: left"},
        {IDLE, "client: left", "client: left"},
        {HEAD, "client: left | log: - client_closed", "client: left"},
        {BODY, "client: left | server: left | log: - client_closed", "client: left | server: left"},
        {WAIT, "client: left | server: left | log: - client_closed", "client: left | server: left"},
        {REPLY, "client: left | server: left | log: 200 client_closed",
         "client: left | server: left"},
        {EARLY, "client: left | server: left | log: 200 -", "client: left | server: left"},
        {TUNNEL, "client: left | server: left | log: 200 client_closed",
         "client: left | server: left"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play;
        begin(&play, table[i].state);
        actor_finish(play.client.actor);
        check_at_once(&play, &table[i], "end");
    }
}

static void a_client_that_is_gone_is_noticed_at_once(void **state)
{
    static const char *const told[] = {
        [PREFACE] = "log: - closed_before_request",
        [IDLE] = "",
        [HEAD] = "log: - client_closed",
        [BODY] = "server: left | log: - client_closed",
        [WAIT] = "server: left | log: - client_closed",
        [REPLY] = "server: left | log: 200 client_closed",
        [EARLY] = "server: left | log: 200 -",
        [TUNNEL] = "server: left | log: 200 client_closed",
    };

    (void)state;
    for (enum state in = PREFACE; in < STATES; in++) {
        struct play play;
        begin(&play, in);
        actor_close(play.client.actor);
        harness_settle(play.h);
        check(&play, in, "gone", told[in]);
        assert_int_equal(play.h->worker->session_count, 0);
        end(&play);
    }
}

/* ---- the server ---- */

/* What is sent again (WAIT) waits for its next server. */
static void a_server_that_closes_ends_the_stream_alone(void **state)
{
    static const char *const told[] = {
        [BODY] = "client: HEADERS 1 502, DATA 1 end 58 | log: 502 server_closed",
        [WAIT] = "",
        [REPLY] = "client: RST_STREAM 1 INTERNAL_ERROR | log: 200 response_cut_short",
        [EARLY] = "client: RST_STREAM 1 NO_ERROR | log: 200 server_closed_in_body",
        [TUNNEL] = "client: DATA 1 end 0",
    };

    (void)state;
    for (enum state in = BODY; in < STATES; in++) {
        struct play play;
        begin(&play, in);
        actor_close(play.server);
        play.server = NULL;
        /* An answer of our own waits a moment for a short body, and a reset behind an end. */
        harness_advance_ms(play.h, 300);
        check(&play, in, "the server closes", told[in]);
        h2_send_head(&play.client, 3, true, FIELDS("GET", "/"));
        harness_settle(play.h);
        check(&play, in, "the next", "client: HEADERS 3 200, DATA 3 end 5 | log: 200 -");
        end(&play);
    }
}

/* ---- time ---- */

static void each_state_has_its_limit_and_no_other(void **state)
{
    static const struct {
        enum state state;
        uint64_t limit_ms;
        uint64_t tick_ms;
        const char *told;
    } table[] = {
        {PREFACE, FIRST_BYTE_MS, 0, "client: left | log: - first_bytes_timeout"},
        {IDLE, KEEP_ALIVE_MS, 0, "client: GOAWAY 0 NO_ERROR left"},
        {HEAD, HEAD_MS, TICK_MS,
         "client: GOAWAY 1 PROTOCOL_ERROR left | log: - head_timeout, - h2_protocol_error"},
        {BODY, BODY_MS, TICK_MS,
         "client: HEADERS 1 408, DATA 1 end 62, RST_STREAM 1 NO_ERROR | server: left | log: 408 "
         "body_timeout"},
        {WAIT, RESPONSE_MS, 0,
         "client: HEADERS 1 504, DATA 1 end 62 | server: left | log: 504 response_timeout"},
        {REPLY, STREAM_IDLE_MS, 0,
         "client: RST_STREAM 1 INTERNAL_ERROR | server: left | log: 200 stream_idle_timeout"},
        {EARLY, BODY_MS, TICK_MS,
         "client: RST_STREAM 1 NO_ERROR | server: left | log: 200 body_timeout"},
        {TUNNEL, TUNNEL_IDLE_MS, 0,
         "client: RST_STREAM 1 INTERNAL_ERROR | server: left | log: 200 tunnel_idle_timeout"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play;
        begin(&play, table[i].state);
        harness_advance_ms(play.h, table[i].limit_ms - 1);
        check(&play, table[i].state, "before its limit", "");
        harness_advance_ms(play.h, 1 + table[i].tick_ms);
        check(&play, table[i].state, "at its limit", table[i].told);
        end(&play);
    }
}

static void a_stream_whose_window_stays_shut_is_given_up(void **state)
{
    static const struct h2_setting no_window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 2};
    struct play play;

    (void)state;
    begin(&play, IDLE);
    h2_send_settings(&play.client, &no_window, 1);
    enter(&play, REPLY);
    check(&play, REPLY, "a window of 2", "client: HEADERS 1 200, DATA 1 2 | server: GET /1");
    harness_advance_ms(play.h, SEND_MS - 1);
    check(&play, REPLY, "before timeouts.send", "");
    harness_advance_ms(play.h, 1 + TICK_MS);
    check(&play, REPLY, "timeouts.send",
          "client: RST_STREAM 1 CANCEL | server: left | log: 200 client_stalled");
    end(&play);
}

static void a_client_that_takes_nothing_is_cut_off(void **state)
{
    struct play play;

    (void)state;
    begin(&play, WAIT);
    h2_send_window(&play.client, 0, 1 << 24);
    h2_send_window(&play.client, 1, 1 << 24);
    harness_settle(play.h);
    actor_stall(play.client.actor, true);
    actor_squeeze(play.client.actor);
    actor_say(play.server, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        static const char piece[100000];
        actor_send(play.server, span_make(piece, sizeof(piece)));
    }
    harness_advance_ms(play.h, SEND_MS - 1);
    assert_string_equal(states_logged(play.h), "");
    harness_advance_ms(play.h, 1 + 2 * TICK_MS);
    assert_string_equal(states_logged(play.h), "200 client_stalled");
    assert_int_equal(play.h->worker->session_count, 0);
    end(&play);
}

/* ---- shutting down: announced, last, terminated ---- */

static void a_drain_is_announced_and_then_names_the_last_stream(void **state)
{
    struct play play;

    (void)state;
    begin(&play, IDLE);
    harness_drain(play.h);
    harness_settle(play.h);
    check(&play, IDLE, "drain", "client: GOAWAY 2147483647 NO_ERROR");
    harness_advance_ms(play.h, 999);
    check(&play, IDLE, "within a round trip", "");
    harness_advance_ms(play.h, 1);
    check(&play, IDLE, "the last", "client: GOAWAY 0 NO_ERROR left");
    end(&play);
}

static void a_client_that_answers_the_ping_hears_of_the_last_stream_at_once(void **state)
{
    struct play play;

    (void)state;
    begin(&play, IDLE);
    harness_drain(play.h);
    harness_settle(play.h);
    check(&play, IDLE, "drain", "client: GOAWAY 2147483647 NO_ERROR");
    h2_send_pong(&play.client);
    harness_settle(play.h);
    check(&play, IDLE, "PING answered", "client: GOAWAY 0 NO_ERROR left");
    end(&play);
}

static void what_comes_between_the_two_is_served(void **state)
{
    struct play play;

    (void)state;
    begin(&play, IDLE);
    harness_drain(play.h);
    harness_settle(play.h);
    (void)states_told_h2(play.h, &play.client, NULL);
    h2_send_head(&play.client, 1, true, FIELDS("GET", "/"));
    harness_settle(play.h);
    check(&play, IDLE, "a request", "client: HEADERS 1 200, DATA 1 end 5 | log: 200 -");
    h2_send_pong(&play.client);
    harness_settle(play.h);
    check(&play, IDLE, "the last", "client: GOAWAY 1 NO_ERROR left");
    end(&play);
}

static void what_is_under_way_comes_to_its_end_in_a_drain(void **state)
{
    static const struct expectation table[] = {
        {BODY, "client: GOAWAY 2147483647 NO_ERROR, GOAWAY 1 NO_ERROR",
         "client: HEADERS 1 200, DATA 1 end 2"},
        {WAIT, "client: GOAWAY 2147483647 NO_ERROR, GOAWAY 1 NO_ERROR",
         "client: HEADERS 1 200, DATA 1 end 2 left | server: left | log: 200 -"},
        {REPLY, "client: GOAWAY 2147483647 NO_ERROR, GOAWAY 1 NO_ERROR",
         "client: DATA 1 end 6 left | server: left | log: 200 -"},
        {EARLY, "client: GOAWAY 2147483647 NO_ERROR, GOAWAY 1 NO_ERROR", ""},
        {TUNNEL, "client: GOAWAY 2147483647 NO_ERROR, GOAWAY 1 NO_ERROR", "client: DATA 1 4"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play;
        begin(&play, table[i].state);
        harness_drain(play.h);
        harness_settle(play.h);
        h2_send_pong(&play.client);
        check_at_once(&play, &table[i], "drain");
    }
}

static void what_comes_behind_the_last_is_not_served(void **state)
{
    struct play play;

    (void)state;
    begin(&play, WAIT);
    harness_drain(play.h);
    harness_advance_ms(play.h, 1000);
    check(&play, WAIT, "drain", "client: GOAWAY 2147483647 NO_ERROR, GOAWAY 1 NO_ERROR");
    h2_send_head(&play.client, 3, true, FIELDS("GET", "/"));
    harness_settle(play.h);
    check(&play, WAIT, "a request behind the last", "");
    let_server_answer(&play, WAIT);
    check(&play, WAIT, "the answer",
          "client: HEADERS 1 200, DATA 1 end 2 left | server: left | log: 200 -");
    end(&play);
}

static void a_broken_rule_terminates_all(void **state)
{
    static const char *const told[] = {
        [IDLE] = "client: GOAWAY 0 PROTOCOL_ERROR left | log: - h2_protocol_error",
        [HEAD] =
            "client: GOAWAY 1 PROTOCOL_ERROR left | log: - h2_protocol_error, - h2_protocol_error",
        [BODY] = "client: GOAWAY 1 PROTOCOL_ERROR left | server: left | log: - h2_protocol_error, "
                 "- h2_protocol_error",
        [WAIT] = "client: GOAWAY 1 PROTOCOL_ERROR left | server: left | log: - h2_protocol_error, "
                 "- h2_protocol_error",
        [REPLY] = "client: GOAWAY 1 PROTOCOL_ERROR left | server: left | log: - h2_protocol_error, "
                  "200 h2_protocol_error",
        [EARLY] =
            "client: GOAWAY 1 PROTOCOL_ERROR left | server: left | log: - h2_protocol_error, 200 -",
        [TUNNEL] = "client: GOAWAY 1 PROTOCOL_ERROR left | server: left | log: - "
                   "h2_protocol_error, 200 h2_protocol_error",
    };

    (void)state;
    for (enum state in = IDLE; in < STATES; in++) {
        struct play play;
        begin(&play, in);
        h2_send(&play.client, NGHTTP2_DATA, 0, 0, SPAN_OF("x"));
        harness_settle(play.h);
        check(&play, in, "DATA on stream 0", told[in]);
        end(&play);
    }
}

static void a_termination_lets_nothing_pass_in_a_drain_either(void **state)
{
    struct play play;

    (void)state;
    begin(&play, WAIT);
    harness_drain(play.h);
    harness_settle(play.h);
    h2_send(&play.client, NGHTTP2_DATA, 0, 0, SPAN_OF("x"));
    harness_settle(play.h);
    check(&play, WAIT, "drain, then DATA on stream 0",
          "client: GOAWAY 2147483647 NO_ERROR, GOAWAY 1 PROTOCOL_ERROR left | server: left | log: "
          "- h2_protocol_error, - h2_protocol_error");
    end(&play);
}

static void only_an_idle_connection_makes_room_for_another(void **state)
{
    (void)state;
    for (enum state in = PREFACE; in < STATES; in++) {
        struct play play;
        begin(&play, in);
        if (in == IDLE) { /* one that was of use */
            h2_send_head(&play.client, 1, true, FIELDS("GET", "/"));
            harness_settle(play.h);
            (void)states_told_h2(play.h, &play.client, NULL);
        }
        for (int i = 0; i < 16; i++) {
            (void)harness_connect(play.h);
        }
        harness_settle(play.h);
        check(&play, in, "eviction", in == IDLE ? "client: GOAWAY 1 NO_ERROR left" : "");
        end(&play);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_of_a_request_goes_on_to_the_server),
        cmocka_unit_test(the_rest_of_a_head_makes_it_a_request),
        cmocka_unit_test(a_half_that_has_ended_takes_no_more),
        cmocka_unit_test(a_body_that_is_not_as_long_as_announced_is_reset),
        cmocka_unit_test(a_reset_ends_its_stream_on_both_sides),
        cmocka_unit_test(a_client_that_says_goaway_gets_what_it_asked_for),
        cmocka_unit_test(a_client_that_ends_its_direction_has_left),
        cmocka_unit_test(a_client_that_is_gone_is_noticed_at_once),
        cmocka_unit_test(a_server_that_closes_ends_the_stream_alone),
        cmocka_unit_test(each_state_has_its_limit_and_no_other),
        cmocka_unit_test(a_stream_whose_window_stays_shut_is_given_up),
        cmocka_unit_test(a_client_that_takes_nothing_is_cut_off),
        cmocka_unit_test(a_drain_is_announced_and_then_names_the_last_stream),
        cmocka_unit_test(a_client_that_answers_the_ping_hears_of_the_last_stream_at_once),
        cmocka_unit_test(what_comes_between_the_two_is_served),
        cmocka_unit_test(what_is_under_way_comes_to_its_end_in_a_drain),
        cmocka_unit_test(what_comes_behind_the_last_is_not_served),
        cmocka_unit_test(a_broken_rule_terminates_all),
        cmocka_unit_test(a_termination_lets_nothing_pass_in_a_drain_either),
        cmocka_unit_test(only_an_idle_connection_makes_room_for_another),
    };

    return cmocka_run_group_tests(tests, states_set_up, states_tear_down);
}

/* The HTTP/2 back: its connection from the dial to its end, and both halves of a stream, met by
 * each event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "states_test.h"

enum state {
    SILENT,  /* connected; the server has not said its SETTINGS, and a request waits */
    IDLE,    /* behind an answered request */
    SENDING, /* of ten bytes of the request's body four have come */
    WAIT,    /* the request is with the server, whole */
    INTERIM, /* a 103 has come, and been passed on */
    REPLY,   /* the head and four bytes of a response have come */
    EARLY,   /* the response is whole, and six bytes of the request's body have not come */
    STATES
};

static const char *const names[] = {"SILENT",  "IDLE",  "SENDING", "WAIT",
                                    "INTERIM", "REPLY", "EARLY"};

struct play {
    struct harness *h;
    struct actor *client;
    struct h2_talk server;
};

static struct actor *meet(struct play *play)
{
    harness_settle(play->h);
    struct actor *actor = harness_accept(play->h, "two");
    assert_non_null(actor);
    return actor;
}

static void begin(struct play *play, enum state state)
{
    bool has_body = state == SENDING || state == EARLY;

    *play = (struct play){.h = states_start()};
    play->client = harness_connect(play->h);
    actor_say(play->client, has_body
                                ? "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1234"
                                : "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    struct actor *actor = meet(play);
    if (state == SILENT) {
        h2_talk_start(&play->server, actor);
        play->server.preface_left = strlen("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    } else {
        h2_talk_as_server(&play->server, actor, NULL, 0);
    }
    harness_settle(play->h);
    if (state == IDLE || state == EARLY) {
        h2_send_head(&play->server, 1, false, ":status: 200\n");
        h2_send_data(&play->server, 1, true, "hi");
    } else if (state == INTERIM) {
        h2_send_head(&play->server, 1, false, ":status: 103\nlink: </a>\n");
    } else if (state == REPLY) {
        h2_send_head(&play->server, 1, false, ":status: 200\n");
        h2_send_data(&play->server, 1, false, "1234");
    }
    harness_settle(play->h);
    (void)states_told_h2_server(play->h, play->client, &play->server);
}

static void end(struct play *play)
{
    harness_stop(play->h);
    h2_talk_free(&play->server);
}

static void check(struct play *play, enum state state, const char *event, const char *expected)
{
    const char *told = states_told_h2_server(play->h, play->client, &play->server);

    if (strcmp(told, expected) != 0) {
        fail_msg("%s, %s:\n  %s\nand not\n  %s", names[state], event, told, expected);
    }
}

/* On which connection the next request goes. */
static void check_next(struct play *play, enum state state, bool is_same)
{
    struct actor *client = harness_connect(play->h);

    actor_say(client, "GET /2/next HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_settle(play->h);
    bool has_come = strstr(states_frames(&play->server), "HEADERS 3 end GET /2/next") != NULL;
    bool is_elsewhere = harness_accept(play->h, "two") != NULL;
    if (has_come != is_same || is_elsewhere == is_same) {
        fail_msg("%s: the next request is not where it should be", names[state]);
    }
}

/* ---- SETTINGS ---- */

static void requests_wait_for_the_servers_settings(void **state)
{
    struct play play;

    (void)state;
    begin(&play, SILENT);
    harness_advance_ms(play.h, SETTINGS_MS - 1);
    check(&play, SILENT, "before its limit", "");
    h2_send_settings(&play.server, NULL, 0);
    harness_settle(play.h);
    check(&play, SILENT, "SETTINGS", "server: HEADERS 1 end GET /2");
    end(&play);
}

static void a_server_that_says_no_settings_is_given_up(void **state)
{
    struct play play;

    (void)state;
    begin(&play, SILENT);
    harness_advance_ms(play.h, SETTINGS_MS);
    check(&play, SILENT, "no SETTINGS", "client: 502 | server: left | log: 502 no_h2_settings");
    end(&play);
}

static void a_server_that_allows_no_streams_is_given_up(void **state)
{
    static const struct h2_setting none = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0};
    struct play play;

    (void)state;
    begin(&play, SILENT);
    h2_send_settings(&play.server, &none, 1);
    harness_advance_ms(play.h, SETTINGS_MS);
    check(&play, SILENT, "no streams", "client: 502 | server: left | log: 502 no_h2_streams");
    end(&play);
}

static void what_has_no_room_gets_a_connection_of_its_own(void **state)
{
    static const struct h2_setting one = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1};
    struct play play;

    (void)state;
    begin(&play, SILENT);
    h2_send_settings(&play.server, &one, 1);
    harness_settle(play.h);
    check(&play, WAIT, "SETTINGS", "server: HEADERS 1 end GET /2");
    check_next(&play, WAIT, false);
    end(&play);
}

/* ---- the response's half ---- */

static void each_frame_does_what_the_state_is_for(void **state)
{
    static const struct {
        enum state state;
        const char *head; /* NULL: none */
        const char *data; /* NULL: the head has END_STREAM */
        const char *told;
        bool is_same; /* the next request comes on the same connection */
    } table[] = {
        {WAIT, ":status: 200\n", "hi", "client: 200 2\\/hi\\/0\\/\\/ | log: 200 -", true},
        {WAIT, ":status: 204\n", NULL, "client: 204 | log: 204 -", true},
        {WAIT, ":status: 200\ncontent-length: 2\n", "hi", "client: 200 hi | log: 200 -", true},
        {WAIT, ":status: 200\ncontent-length: 3\n", "hi",
         "client: 200 hi left | server: RST_STREAM 1 PROTOCOL_ERROR | log: 200 length_mismatch",
         true},
        {WAIT, ":status: 200\ncontent-length: 1\n", "hi",
         "client: 200 left | server: RST_STREAM 1 PROTOCOL_ERROR | log: 200 length_mismatch", true},
        {WAIT, ":status: 200\nconnection: close\n", "hi",
         "client: 502 | server: RST_STREAM 1 PROTOCOL_ERROR | log: 502 connection_field", true},
        {WAIT, ":status: 101\n", "hi",
         "client: 502 | server: RST_STREAM 1 PROTOCOL_ERROR | log: 502 status", true},
        {WAIT, ":status: 999x\n", "hi",
         "client: 502 | server: RST_STREAM 1 PROTOCOL_ERROR | log: 502 status", true},
        {WAIT, "x: y\n", "hi",
         "client: 502 | server: RST_STREAM 1 PROTOCOL_ERROR | log: 502 missing_pseudo_field", true},
        {WAIT, NULL, "hi", "server: GOAWAY 0 PROTOCOL_ERROR left", false},
        {INTERIM, ":status: 200\n", "hi", "client: 200 2\\/hi\\/0\\/\\/ | log: 200 -", true},
        {INTERIM, NULL, "hi",
         "client: 502 | server: RST_STREAM 1 PROTOCOL_ERROR | log: 502 length_mismatch", true},
        {REPLY, NULL, "hi", "client: 2\\/hi\\/0\\/\\/ | log: 200 -", true},
        {REPLY, "x-sum: 1\n", NULL, "client: 0\\/x-sum: 1\\/\\/ | log: 200 -", true},
        {REPLY, ":status: 200\n", NULL,
         "client: left | server: RST_STREAM 1 PROTOCOL_ERROR | log: 200 trailer", true},
        {REPLY, "x-sum: 1\n", "hi",
         "client: left | server: RST_STREAM 1 PROTOCOL_ERROR | log: 200 trailer", true},
        {SENDING, ":status: 413\n", "no", "client: 413 left", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play;
        begin(&play, table[i].state);
        if (table[i].head != NULL) {
            h2_send_head(&play.server, 1, table[i].data == NULL, table[i].head);
        }
        if (table[i].data != NULL) {
            h2_send_data(&play.server, 1, true, table[i].data);
        }
        harness_advance_ms(play.h, 100);
        check(&play, table[i].state, "frames", table[i].told);
        check_next(&play, table[i].state, table[i].is_same);
        end(&play);
    }
}

/* ---- the server's reset, goodbye and end ---- */

static void check_codes(uint32_t code, const char *const told[])
{
    for (enum state in = SENDING; in < STATES; in++) {
        struct play play;
        begin(&play, in);
        h2_send_reset(&play.server, 1, code);
        harness_advance_ms(play.h, 100);
        check(&play, in, "RST_STREAM", told[in]);
        end(&play);
    }
}

static void a_refused_stream_is_sent_again_and_a_cancelled_one_is_not(void **state)
{
    static const char *const refused[] = {
        [SENDING] = "server: HEADERS 3 POST /2, DATA 3 4",
        [WAIT] = "server: HEADERS 3 end GET /2",
        [INTERIM] = "client: 502 | log: 502 stream_refused",
        [REPLY] = "client: left | log: 200 stream_refused",
        [EARLY] = "log: 200 server_closed_in_body",
    };
    static const char *const cancelled[] = {
        [SENDING] = "client: 502 | log: 502 stream_reset",
        [WAIT] = "client: 502 | log: 502 stream_reset",
        [INTERIM] = "client: 502 | log: 502 stream_reset",
        [REPLY] = "client: left | log: 200 stream_reset",
        [EARLY] = "log: 200 server_closed_in_body",
    };
    static const char *const satisfied[] = {
        [SENDING] = "client: 502 | log: 502 stream_reset",
        [WAIT] = "client: 502 | log: 502 stream_reset",
        [INTERIM] = "client: 502 | log: 502 stream_reset",
        [REPLY] = "client: left | log: 200 stream_reset",
        [EARLY] = "log: 200 body_unneeded",
    };

    (void)state;
    check_codes(NGHTTP2_REFUSED_STREAM, refused);
    check_codes(NGHTTP2_CANCEL, cancelled);
    check_codes(NGHTTP2_NO_ERROR, satisfied);
}

static void what_a_goaway_does_not_name_is_sent_again_elsewhere(void **state)
{
    static const char *const told[] = {
        [IDLE] = "server: left",
        [SENDING] = "server: left",
        [WAIT] = "server: left",
        [INTERIM] = "client: 502 | server: left | log: 502 stream_refused",
        [REPLY] = "client: left | server: left | log: 200 stream_refused",
        [EARLY] = "server: left | log: 200 server_closed_in_body",
    };

    (void)state;
    for (enum state in = IDLE; in < STATES; in++) {
        struct play play;
        begin(&play, in);
        h2_send_goaway(&play.server, 0, NGHTTP2_NO_ERROR);
        harness_advance_ms(play.h, 100);
        check(&play, in, "GOAWAY 0", told[in]);
        end(&play);
    }
}

static void what_a_goaway_names_comes_to_its_end(void **state)
{
    static const char *const told[] = {
        [IDLE] = "server: left", [SENDING] = "", [WAIT] = "",
        [INTERIM] = "",          [REPLY] = "",   [EARLY] = "",
    };
    static const char *const responses[] = {
        [WAIT] = "client: 200 2\\/hi\\/0\\/\\/ | server: left | log: 200 -",
        [INTERIM] = "client: 200 2\\/hi\\/0\\/\\/ | server: left | log: 200 -",
        [REPLY] = "client: 2\\/hi\\/0\\/\\/ | server: left | log: 200 -",
    };

    (void)state;
    for (enum state in = IDLE; in < STATES; in++) {
        struct play play;
        begin(&play, in);
        h2_send_goaway(&play.server, 1, NGHTTP2_NO_ERROR);
        harness_settle(play.h);
        check(&play, in, "GOAWAY 1", told[in]);
        check_next(&play, in, false);
        if (in == WAIT || in == INTERIM) {
            h2_send_head(&play.server, 1, false, ":status: 200\n");
        }
        if (in == WAIT || in == INTERIM || in == REPLY) {
            h2_send_data(&play.server, 1, true, "hi");
            harness_settle(play.h);
            check(&play, in, "GOAWAY 1, and the response", responses[in]);
        }
        end(&play);
    }
}

static void check_ends(const char *const told[], void (*end_it)(struct actor *), const char *event)
{
    for (enum state in = SILENT; in < STATES; in++) {
        struct play play;
        begin(&play, in);
        end_it(play.server.actor);
        harness_advance_ms(play.h, 100);
        check(&play, in, event, told[in]);
        end(&play);
    }
}

static void a_server_that_ends_has_ended_every_stream(void **state)
{
    static const char *const ended[] = {
        [SILENT] = "client: 502 | server: left | log: 502 server_closed",
        [IDLE] = "server: left",
        [SENDING] = "client: 502 | server: left | log: 502 server_closed",
        [WAIT] = "server: left",
        [INTERIM] = "client: 502 | server: left | log: 502 server_closed",
        [REPLY] = "client: left | server: left | log: 200 server_closed",
        [EARLY] = "server: left | log: 200 server_closed_in_body",
    };
    static const char *const gone[] = {
        [SILENT] = "client: 502 | log: 502 server_closed",
        [IDLE] = "",
        [SENDING] = "client: 502 | log: 502 server_closed",
        [WAIT] = "",
        [INTERIM] = "client: 502 | log: 502 server_closed",
        [REPLY] = "client: left | log: 200 server_closed",
        [EARLY] = "log: 200 server_closed_in_body",
    };

    (void)state;
    check_ends(ended, actor_finish, "end");
    check_ends(gone, actor_close, "gone");
}

static void speak_h1(struct actor *actor)
{
    actor_say(actor, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
}

static void bytes_that_are_no_frames_end_the_connection(void **state)
{
    static const char *const told[] = {
        [SILENT] =
            "client: 502 | server: GOAWAY 0 PROTOCOL_ERROR left | log: 502 h2_connection_error",
        [IDLE] = "server: GOAWAY 0 FRAME_SIZE_ERROR left",
        [SENDING] =
            "client: 502 | server: GOAWAY 0 FRAME_SIZE_ERROR left | log: 502 h2_connection_error",
        [WAIT] = "server: GOAWAY 0 FRAME_SIZE_ERROR left",
        [INTERIM] =
            "client: 502 | server: GOAWAY 0 FRAME_SIZE_ERROR left | log: 502 h2_connection_error",
        [REPLY] =
            "client: left | server: GOAWAY 0 FRAME_SIZE_ERROR left | log: 200 h2_connection_error",
        [EARLY] = "server: GOAWAY 0 FRAME_SIZE_ERROR left | log: 200 server_closed_in_body",
    };

    (void)state;
    check_ends(told, speak_h1, "HTTP/1.1");
}

/* ---- the client ---- */

static void a_client_that_is_gone_resets_its_stream_alone(void **state)
{
    static const char *const told[] = {
        [SILENT] = "log: - client_reset",
        [IDLE] = "",
        [SENDING] = "server: RST_STREAM 1 CANCEL | log: - client_closed_in_body",
        [WAIT] = "server: RST_STREAM 1 CANCEL | log: - client_reset",
        [INTERIM] = "server: RST_STREAM 1 CANCEL | log: - client_reset",
        [REPLY] = "server: RST_STREAM 1 CANCEL | log: 200 client_reset",
        [EARLY] = "server: RST_STREAM 1 NO_ERROR | log: 200 -",
    };

    (void)state;
    for (enum state in = SILENT; in < STATES; in++) {
        struct play play;
        begin(&play, in);
        actor_close(play.client);
        harness_settle(play.h);
        check(&play, in, "the client is gone", told[in]);
        if (in != SILENT) {
            check_next(&play, in, true);
        }
        end(&play);
    }
}

static void the_rest_of_a_request_goes_on(void **state)
{
    static const char *const told[] = {
        [SENDING] = "server: DATA 1 end 6", [EARLY] = "server: DATA 1 end 6 | log: 200 -"};
    static const enum state states[] = {SENDING, EARLY};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct play play;
        begin(&play, states[i]);
        actor_say(play.client, "567890");
        harness_settle(play.h);
        check(&play, states[i], "the rest of the body", told[states[i]]);
        end(&play);
    }
}

/* ---- time ---- */

static void each_state_has_its_limit_and_no_other(void **state)
{
    static const struct {
        enum state state;
        uint64_t limit_ms;
        const char *told;
    } table[] = {{WAIT, RESPONSE_MS,
                  "client: 504 | server: RST_STREAM 1 CANCEL | log: 504 response_timeout"},
                 {INTERIM, RESPONSE_MS,
                  "client: 504 | server: RST_STREAM 1 CANCEL | log: 504 response_timeout"},
                 {REPLY, STREAM_IDLE_MS,
                  "client: left | server: RST_STREAM 1 CANCEL | log: 200 stream_idle_timeout"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play;
        begin(&play, table[i].state);
        harness_advance_ms(play.h, PING_AFTER_MS);
        h2_send_pong(&play.server); /* it is there */
        harness_advance_ms(play.h, table[i].limit_ms - PING_AFTER_MS - 1);
        check(&play, table[i].state, "before its limit", "");
        harness_advance_ms(play.h, 1);
        check(&play, table[i].state, "at its limit", table[i].told);
        end(&play);
    }
}

static void a_silent_connection_is_asked_and_then_given_up(void **state)
{
    struct play play;

    (void)state;
    begin(&play, WAIT);
    harness_advance_ms(play.h, PING_AFTER_MS - 1);
    (void)h2_take_frames(&play.server);
    play.server.has_ping = false;
    harness_advance_ms(play.h, 1);
    (void)h2_take_frames(&play.server);
    assert_true(play.server.has_ping);
    harness_advance_ms(play.h, PING_MS - 1);
    check(&play, WAIT, "before ping_timeout", "");
    harness_advance_ms(play.h, 1);
    check(&play, WAIT, "ping_timeout", "server: left");
    end(&play);
}

static void a_connection_without_requests_rests_for_as_long_as_it_may(void **state)
{
    struct play play;

    (void)state;
    begin(&play, IDLE);
    harness_advance_ms(play.h, POOL_IDLE_MS - 1);
    assert_false(actor_is_left(play.server.actor));
    (void)states_told_h2_server(play.h, play.client, &play.server);
    harness_advance_ms(play.h, 1);
    check(&play, IDLE, "idle_timeout", "client: left | server: GOAWAY 0 NO_ERROR left");
    end(&play);
}

/* ---- the end of the process ---- */

static void a_drain_says_goodbye_to_servers_too(void **state)
{
    struct play play;

    (void)state;
    begin(&play, IDLE);
    harness_drain(play.h);
    harness_settle(play.h);
    check(&play, IDLE, "drain", "client: left | server: GOAWAY 0 NO_ERROR left");
    end(&play);
    begin(&play, REPLY);
    harness_drain(play.h);
    harness_settle(play.h);
    check(&play, REPLY, "drain", "");
    h2_send_data(&play.server, 1, true, "hi");
    harness_settle(play.h);
    check(&play, REPLY, "drain, and the response's end",
          "client: 2\\/hi\\/0\\/\\/ left | server: GOAWAY 0 NO_ERROR left | log: 200 -");
    end(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_wait_for_the_servers_settings),
        cmocka_unit_test(a_server_that_says_no_settings_is_given_up),
        cmocka_unit_test(a_server_that_allows_no_streams_is_given_up),
        cmocka_unit_test(what_has_no_room_gets_a_connection_of_its_own),
        cmocka_unit_test(each_frame_does_what_the_state_is_for),
        cmocka_unit_test(a_refused_stream_is_sent_again_and_a_cancelled_one_is_not),
        cmocka_unit_test(what_a_goaway_does_not_name_is_sent_again_elsewhere),
        cmocka_unit_test(what_a_goaway_names_comes_to_its_end),
        cmocka_unit_test(a_server_that_ends_has_ended_every_stream),
        cmocka_unit_test(bytes_that_are_no_frames_end_the_connection),
        cmocka_unit_test(a_client_that_is_gone_resets_its_stream_alone),
        cmocka_unit_test(the_rest_of_a_request_goes_on),
        cmocka_unit_test(each_state_has_its_limit_and_no_other),
        cmocka_unit_test(a_silent_connection_is_asked_and_then_given_up),
        cmocka_unit_test(a_connection_without_requests_rests_for_as_long_as_it_may),
        cmocka_unit_test(a_drain_says_goodbye_to_servers_too),
    };

    return cmocka_run_group_tests(tests, states_set_up, states_tear_down);
}

/* The FastCGI back in each of its states, met by each event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "http/fcgi_record.h"
#include "states_test.h"

enum state {
    IDLE,    /* pooled, behind an answered request */
    COLLECT, /* of a request's body of unknown length four bytes have come */
    SENDING, /* of ten bytes of the request's body four have come */
    WAIT,    /* the request is with the server, whole */
    HEAD,    /* a part of the script's head has come */
    LENGTH,  /* of ten bytes of a body four have come */
    CLOSE,   /* the same, up to the stream's end */
    EARLY,   /* the answer is whole, and six bytes of the request's body have not come */
    STATES
};

static const char *const names[] = {"IDLE", "COLLECT", "SENDING", "WAIT",
                                    "HEAD", "LENGTH",  "CLOSE",   "EARLY"};

struct play {
    struct harness *h;
    struct actor *client;
    struct actor *server;
};

/* ---- records ---- */

#define OUT FCGI_STDOUT
#define ERR FCGI_STDERR

static void add_record(struct strbuf *out, unsigned type, struct span content, size_t padding)
{
    const char header[FCGI_HEADER_BYTES] = {1,
                                            (char)type,
                                            0,
                                            FCGI_REQUEST_ID,
                                            (char)(content.len >> 8),
                                            (char)(content.len & 0xff),
                                            (char)padding,
                                            0};

    strbuf_add(out, span_make(header, sizeof(header)));
    strbuf_add(out, content);
    for (size_t i = 0; i < padding; i++) {
        strbuf_add_char(out, 'p');
    }
}

static void add_text(struct strbuf *out, unsigned type, const char *text)
{
    add_record(out, type, span_from_cstr(text), 0);
}

static void add_end(struct strbuf *out, unsigned app_status, unsigned status, size_t padding)
{
    const char body[8] = {0, 0, 0, (char)app_status, (char)status, 0, 0, 0};

    add_record(out, FCGI_END_REQUEST, span_make(body, sizeof(body)), padding);
}

static void send_all(struct play *play, struct strbuf *bytes)
{
    actor_send(play->server, strbuf_span(bytes));
    strbuf_free(bytes);
    harness_settle(play->h);
}

static void say(struct play *play, const char *out)
{
    struct strbuf bytes;

    strbuf_init(&bytes);
    add_text(&bytes, OUT, out);
    send_all(play, &bytes);
}

static bool is_left_told;

/* "BEGIN PARAMS IN:1234 IN. ABORT left" */
static const char *records_of(struct actor *server)
{
    static const char *const words[] = {[FCGI_BEGIN_REQUEST] = "BEGIN",
                                        [FCGI_ABORT_REQUEST] = "ABORT",
                                        [FCGI_PARAMS] = "PARAMS",
                                        [FCGI_STDIN] = "IN"};
    static struct strbuf text;
    struct span rest = strbuf_span(&server->got);

    strbuf_clear(&text);
    while (rest.len >= FCGI_HEADER_BYTES) {
        unsigned type = (unsigned char)rest.ptr[1];
        size_t len = (size_t)(unsigned char)rest.ptr[4] << 8 | (unsigned char)rest.ptr[5];
        struct span content = span_head(span_skip(rest, FCGI_HEADER_BYTES), len);

        assert_true(type < ARRAY_LEN(words) && words[type] != NULL);
        if (type == FCGI_STDIN) {
            strbuf_printf(&text, "%s%.*s ", len != 0 ? "IN:" : "IN.", SPAN_ARG(content));
        } else if (type != FCGI_PARAMS || len == 0) {
            strbuf_printf(&text, "%s ", words[type]);
        }
        rest = span_skip(rest, FCGI_HEADER_BYTES + len + (unsigned char)rest.ptr[6]);
    }
    assert_int_equal(rest.len, 0);
    strbuf_clear(&server->got);
    strbuf_add_cstr(&text, actor_is_left(server) && !is_left_told ? "left " : "");
    is_left_told |= actor_is_left(server);
    strbuf_add_char(&text, '\0');
    text.ptr[text.len >= 2 ? text.len - 2 : 0] = '\0';
    return text.ptr;
}

static const char *told(struct play *play)
{
    static char text[2000];
    const char *server = records_of(play->server);
    const char *others = states_told(play->h, play->client, NULL);

    (void)snprintf(text, sizeof(text), "%s%s%s%s", server[0] != '\0' ? "server: " : "", server,
                   server[0] != '\0' && others[0] != '\0' ? " | " : "", others);
    return text;
}

/* ---- each state ---- */

#define GET "GET /3.php HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST /3.php HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1234"
#define CHUNKED "POST /3.php HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n"
#define HI "Content-Length: 2\r\n\r\nhi"

static struct play meet(const char *request)
{
    struct play play = {.h = states_start()};

    is_left_told = false;
    play.client = harness_connect(play.h);
    actor_say(play.client, request);
    harness_settle(play.h);
    play.server = harness_accept(play.h, "three");
    assert_non_null(play.server);
    harness_settle(play.h);
    return play;
}

static void answer(struct play *play, const char *out)
{
    struct strbuf bytes;

    strbuf_init(&bytes);
    add_text(&bytes, OUT, out);
    add_end(&bytes, 0, FCGI_REQUEST_COMPLETE, 0);
    send_all(play, &bytes);
}

static struct play begin(enum state state)
{
    struct play play = meet(state == COLLECT                     ? CHUNKED
                            : state == SENDING || state == EARLY ? POST
                                                                 : GET);

    switch (state) {
    case IDLE:
    case EARLY:
        answer(&play, HI);
        break;
    case HEAD:
        say(&play, "Content-Le");
        break;
    case LENGTH:
        say(&play, "Content-Length: 10\r\n\r\n1234");
        break;
    case CLOSE:
        say(&play, "Status: 200\r\n\r\n1234");
        break;
    default:
        break;
    }
    (void)told(&play);
    return play;
}

static void check(struct play *play, enum state state, const char *event, const char *expected)
{
    const char *found = told(play);

    if (strcmp(found, expected) != 0) {
        fail_msg("%s, %s:\n  %s\nand not\n  %s", names[state], event, found, expected);
    }
}

static bool is_used_again(struct play *play)
{
    actor_say(play->client, "GET /3.php HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_settle(play->h);
    return strcmp(records_of(play->server), "BEGIN PARAMS IN.") == 0;
}

/* ---- what is sent ---- */

static void a_request_is_records(void **state)
{
    static const struct {
        const char *request;
        const char *told;
    } table[] = {
        {GET, "server: BEGIN PARAMS IN."},
        {POST, "server: BEGIN PARAMS IN:1234"},
        {POST "567890", "server: BEGIN PARAMS IN:1234567890 IN."},
        {CHUNKED, ""},
        {CHUNKED "2\r\n56\r\n0\r\n\r\n", "server: BEGIN PARAMS IN:123456 IN."},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play = meet(table[i].request);
        check(&play, WAIT, table[i].request, table[i].told);
        harness_stop(play.h);
    }
}

/* ---- what comes ---- */

enum shape { WHOLE, PADDED, IN_PIECES, SHAPES };

static void send_in_shape(struct play *play, enum shape shape, const char *out)
{
    size_t padding = shape == PADDED ? 7 : 0;
    struct strbuf bytes;

    strbuf_init(&bytes);
    add_record(&bytes, OUT, span_from_cstr(out), padding);
    add_record(&bytes, OUT, span_make("", 0), padding);
    add_end(&bytes, 1, FCGI_REQUEST_COMPLETE, padding); /* the script's exit code is its own */
    for (size_t at = 0; shape == IN_PIECES && at < bytes.len; at++) {
        actor_send(play->server, span_make(bytes.ptr + at, 1));
        harness_settle(play->h);
    }
    bytes.len = shape == IN_PIECES ? 0 : bytes.len;
    send_all(play, &bytes);
}

static void the_rest_of_a_response_is_passed_on(void **state)
{
    static const struct {
        enum state state;
        const char *out;
        const char *told;
        bool is_used_again;
    } table[] = {
        {WAIT, HI, "client: 200 hi | log: 200 -", true},
        {WAIT, "Status: 404 Not Found\nContent-Length: 0\n\n", "client: 404 | log: 404 -", true},
        {WAIT, "Status: 204 Nothing\r\n\r\n", "client: 204 | log: 204 -", true},
        {WAIT, "Location: /x\r\nContent-Length: 0\r\n\r\n", "client: 302 | log: 302 -", true},
        {WAIT, HI "!", "server: left | client: 200 hi | log: 200 -", false},
        {HEAD, "ngth: 2\r\n\r\nhi", "client: 200 hi | log: 200 -", true},
        {LENGTH, "567890", "client: 567890 | log: 200 -", true},
        {LENGTH, "567890!", "server: left | client: 567890 | log: 200 -", false},
        {LENGTH, "56", "server: left | client: 56 left | log: 200 response_cut_short", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        for (enum shape shape = WHOLE; shape < SHAPES; shape++) {
            struct play play = begin(table[i].state);
            send_in_shape(&play, shape, table[i].out);
            check(&play, table[i].state, table[i].out, table[i].told);
            if (!actor_is_left(play.server)) {
                assert_int_equal(is_used_again(&play), table[i].is_used_again);
            }
            harness_stop(play.h);
        }
    }
}

/* One record, or two, in the state that is named. */
static void records_end_it_or_do_not(void **state)
{
    static const char status_line[] = "HTTP/1.1 200 OK\r\n\r\n";
    static const struct {
        const char *event;
        enum state state;
        unsigned type; /* 0: none */
        const char *content;
        int end; /* -1: none; else FCGI_END_REQUEST with that status */
        const char *told;
    } table[] = {
        {"overloaded", WAIT, 0, "", FCGI_OVERLOADED, "server: left"},
        {"no multiplexing", WAIT, 0, "", FCGI_CANT_MPX_CONN, "server: left"},
        {"another role", WAIT, 0, "", FCGI_UNKNOWN_ROLE,
         "server: left | client: 502 | log: 502 fcgi_role"},
        {"overloaded in a body", LENGTH, 0, "", FCGI_OVERLOADED,
         "server: left | client: left | log: 200 response_cut_short"},
        {"a status that is none", WAIT, 0, "", 9, "server: left | client: 502 | log: 502 fcgi_end"},
        {"an end without an answer", WAIT, 0, "", 0,
         "server: left | client: 502 | log: 502 cgi_no_answer"},
        {"an end in a head", HEAD, 0, "", 0, "server: left | client: 502 | log: 502 cgi_no_answer"},
        {"an end that is short", WAIT, FCGI_END_REQUEST, "1234", -1,
         "server: left | client: 502 | log: 502 fcgi_end"},
        {"an end in a body", LENGTH, 0, "", 0,
         "server: left | client: left | log: 200 response_cut_short"},
        {"the end of a body without a length", CLOSE, 0, "", 0, "client: 0\\/\\/ | log: 200 -"},
        {"a status line", WAIT, OUT, status_line, -1,
         "server: left | client: 502 | log: 502 cgi_status_line"},
        {"a head without fields", WAIT, OUT, "\r\n", -1,
         "server: left | client: 502 | log: 502 cgi_empty_head"},
        {"a broken field", WAIT, OUT, "a b: c\r\n\r\n", -1,
         "server: left | client: 502 | log: 502 field_name"},
        {"Status twice", WAIT, OUT, "Status: 200\r\nStatus: 200\r\n\r\n", -1,
         "server: left | client: 502 | log: 502 cgi_status"},
        {"a coding", WAIT, OUT, "Transfer-Encoding: chunked\r\n\r\n", -1,
         "server: left | client: 502 | log: 502 cgi_transfer_encoding"},
        {"a record of another kind", WAIT, FCGI_STDIN, "x", -1,
         "server: left | client: 502 | log: 502 fcgi_type"},
        {"the same in a body", LENGTH, FCGI_PARAMS, "x", -1,
         "server: left | client: left | log: 200 fcgi_type"},
        {"words for the log", WAIT, ERR, "PHP Notice", -1, ""},
        {"a record at rest", IDLE, OUT, "x", -1, "server: left"},
        {"a record before it was asked", COLLECT, OUT, HI, -1,
         "server: left | client: 502 left | log: 502 fcgi_unasked"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct play play = begin(table[i].state);
        struct strbuf bytes;

        strbuf_init(&bytes);
        if (table[i].type != 0) {
            add_text(&bytes, table[i].type, table[i].content);
        }
        if (table[i].end >= 0) {
            add_end(&bytes, 0, (unsigned)table[i].end, 0);
        }
        send_all(&play, &bytes);
        harness_advance_ms(play.h, 100);
        check(&play, table[i].state, table[i].event, table[i].told);
        harness_stop(play.h);
    }
}

static void a_flood_for_the_log_changes_no_answer(void **state)
{
    struct play play = begin(WAIT);
    static const char words[2000];
    struct strbuf bytes;

    (void)state;
    for (int i = 0; i < 200; i++) {
        strbuf_init(&bytes);
        add_record(&bytes, ERR, span_make(words, sizeof(words)), 3);
        send_all(&play, &bytes);
    }
    check(&play, WAIT, "a flood", "");
    answer(&play, HI);
    check(&play, WAIT, "an answer behind it", "client: 200 hi | log: 200 -");
    assert_true(is_used_again(&play));
    harness_stop(play.h);
}

static void records_without_anything_have_a_bound(void **state)
{
    struct play play = begin(WAIT);
    struct strbuf bytes;

    (void)state;
    strbuf_init(&bytes);
    for (int i = 0; i < FCGI_EMPTY_MAX; i++) {
        add_record(&bytes, ERR, span_make("", 0), 255);
    }
    send_all(&play, &bytes);
    check(&play, WAIT, "as many as may be", "");
    strbuf_init(&bytes);
    add_record(&bytes, ERR, span_make("", 0), 0);
    send_all(&play, &bytes);
    check(&play, WAIT, "one more", "server: left | client: 502 | log: 502 fcgi_empty");
    harness_stop(play.h);
}

static void a_head_has_a_bound(void **state)
{
    struct play play = begin(HEAD);
    struct strbuf bytes;

    (void)state;
    for (int i = 0; i < 300 && !actor_is_left(play.server); i++) {
        strbuf_init(&bytes);
        for (int k = 0; k < 128; k++) {
            strbuf_add_cstr(&bytes, "xxxxxxxx");
        }
        strbuf_add_char(&bytes, '\0');
        say(&play, bytes.ptr);
        strbuf_free(&bytes);
    }
    harness_advance_ms(play.h, 100);
    check(&play, HEAD, "a large head", "server: left | client: 502 | log: 502 cgi_head_too_large");
    harness_stop(play.h);
}

static void what_comes_behind_the_end_ends_the_connection(void **state)
{
    struct play play = begin(WAIT);
    struct strbuf bytes;

    (void)state;
    strbuf_init(&bytes);
    add_text(&bytes, OUT, HI);
    add_end(&bytes, 0, FCGI_REQUEST_COMPLETE, 0);
    add_text(&bytes, OUT, "more");
    send_all(&play, &bytes);
    check(&play, WAIT, "more behind the end", "server: left | client: 200 hi | log: 200 -");
    harness_stop(play.h);
}

/* ---- ends ---- */

static void check_ends(const char *const expected[], bool is_clients, void (*end)(struct actor *),
                       const char *event)
{
    for (enum state in = IDLE; in < STATES; in++) {
        struct play play = begin(in);
        end(is_clients ? play.client : play.server);
        harness_advance_ms(play.h, 100);
        check(&play, in, event, expected[in]);
        harness_stop(play.h);
    }
}

static void a_server_that_ends_its_direction_has_ended_its_response(void **state)
{
    static const char *const expected[] = {

        [IDLE] = "server: left",
        [COLLECT] = "server: left",
        [SENDING] = "server: left | client: 502 | log: 502 server_closed",
        [WAIT] = "server: left",

        [HEAD] = "server: left | client: 502 | log: 502 server_closed",
        [LENGTH] = "server: left | client: left | log: 200 response_cut_short",
        [CLOSE] = "server: left | client: left | log: 200 response_cut_short",
        [EARLY] = "",
    };

    (void)state;
    check_ends(expected, false, actor_finish, "end");
}

static void a_server_that_is_gone_is_noticed_at_once(void **state)
{
    static const char *const expected[] = {

        [IDLE] = "",
        [COLLECT] = "",
        [SENDING] = "client: 502 | log: 502 server_closed",
        [WAIT] = "",

        [HEAD] = "client: 502 | log: 502 server_closed",
        [LENGTH] = "client: left | log: 200 response_cut_short",
        [CLOSE] = "client: left | log: 200 response_cut_short",
        [EARLY] = "",
    };

    (void)state;
    check_ends(expected, false, actor_close, "gone");
}

static void the_script_of_a_client_that_is_gone_is_aborted(void **state)
{
    static const char *const expected[] = {

        [IDLE] = "",
        [COLLECT] = "server: left | log: - client_closed_in_body",
        [SENDING] = "server: ABORT left | log: - client_closed_in_body",
        [WAIT] = "server: ABORT left | log: - client_reset",

        [HEAD] = "server: ABORT left | log: - client_reset",
        [LENGTH] = "server: ABORT left | log: 200 client_reset",
        [CLOSE] = "server: ABORT left | log: 200 client_reset",
        [EARLY] = "",
    };

    (void)state;
    check_ends(expected, true, actor_close, "the client is gone");
}

/* ---- the request's body ---- */

/* The script has ended, and its connection with it; the client's goes on. */
static void what_is_uploaded_behind_an_early_answer_is_nobodys(void **state)
{
    struct play play = begin(EARLY);

    (void)state;
    assert_true(actor_is_left(play.server));
    actor_say(play.client, "567890");
    harness_settle(play.h);
    check(&play, EARLY, "the rest", "");
    assert_null(harness_accept(play.h, "three"));
    actor_say(play.client, GET);
    harness_settle(play.h);
    play.server = harness_accept(play.h, "three");
    assert_non_null(play.server);
    harness_settle(play.h);
    check(&play, EARLY, "the next request", "server: BEGIN PARAMS IN.");
    harness_stop(play.h);
}

static void a_body_of_unknown_length_has_a_bound(void **state)
{
    struct play play = begin(COLLECT);
    char piece[1100];

    (void)state;
    (void)snprintf(piece, sizeof(piece), "400\r\n%01024d\r\n", 7);
    actor_say(play.client, piece);
    harness_advance_ms(play.h, 100);
    check(&play, COLLECT, "more than body_buffer",
          "server: left | client: 411 left | log: 411 length_required");
    harness_stop(play.h);
}

/* ---- time ---- */

static void each_state_has_its_limit_and_no_other(void **state)
{
    static const struct {
        enum state state;
        uint64_t limit_ms;
        const char *told;
    } table[] = {
        {WAIT, RESPONSE_MS, "server: ABORT left | client: 504 | log: 504 response_timeout"},
        {HEAD, RESPONSE_MS, "server: ABORT left | client: 504 | log: 504 response_timeout"},
        {LENGTH, STREAM_IDLE_MS,
         "server: ABORT left | client: left | log: 200 stream_idle_timeout"},
        {CLOSE, STREAM_IDLE_MS, "server: ABORT left | client: left | log: 200 stream_idle_timeout"},
        {COLLECT, BODY_MS, "server: left | client: 408 left | log: 408 body_timeout"},
        {SENDING, BODY_MS, "server: ABORT left | client: 408 left | log: 408 body_timeout"},
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
    (void)told(&play);
    harness_stop(play.h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_records),
        cmocka_unit_test(the_rest_of_a_response_is_passed_on),
        cmocka_unit_test(records_end_it_or_do_not),
        cmocka_unit_test(a_flood_for_the_log_changes_no_answer),
        cmocka_unit_test(records_without_anything_have_a_bound),
        cmocka_unit_test(a_head_has_a_bound),
        cmocka_unit_test(what_comes_behind_the_end_ends_the_connection),
        cmocka_unit_test(a_server_that_ends_its_direction_has_ended_its_response),
        cmocka_unit_test(a_server_that_is_gone_is_noticed_at_once),
        cmocka_unit_test(the_script_of_a_client_that_is_gone_is_aborted),
        cmocka_unit_test(what_is_uploaded_behind_an_early_answer_is_nobodys),
        cmocka_unit_test(a_body_of_unknown_length_has_a_bound),
        cmocka_unit_test(each_state_has_its_limit_and_no_other),
        cmocka_unit_test(a_pooled_connection_rests_for_as_long_as_it_may),
    };
    return cmocka_run_group_tests(tests, states_set_up, states_tear_down);
}

/* Alerts in plain in somebody else's handshake: found however the bytes are cut, and only what is
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tls/alert_watch.h"

#define HELLO "\x16\x03\x01\0\x04\x01\0\0\0"
#define SERVER_HELLO "\x16\x03\x03\0\x05\x02\0\0\x01x"
#define FATAL(n) "\x15\x03\x03\0\x02\x02" n
#define WARNING(n) "\x15\x03\x01\0\x02\x01" n

static int watch_in_pieces(struct span bytes, size_t piece, bool *is_over)
{
    struct alert_watch watch;

    alert_watch_init(&watch);
    while (bytes.len != 0) {
        struct span next = span_cut(bytes, piece);

        alert_watch_take(&watch, next);
        bytes = span_skip(bytes, next.len);
    }
    *is_over = watch.is_over;
    return watch.alert;
}

static void alerts(void **state)
{
    static const struct {
        struct span bytes;
        int alert;
        bool is_over;
    } cases[] = {
        {SPAN(FATAL("\x28")), TLS_ALERT_HANDSHAKE_FAILURE, true},
        {SPAN(HELLO FATAL("\x30")), TLS_ALERT_UNKNOWN_CA, true},
        {SPAN(HELLO HELLO WARNING("\x70") FATAL("\x46")), TLS_ALERT_PROTOCOL_VERSION, true},
        {SPAN(HELLO FATAL("\xff")), 255, true},
        /* Nothing yet. */
        {SPAN(HELLO), TLS_ALERT_NONE, false},
        {SPAN(HELLO WARNING("\0")), TLS_ALERT_NONE, false},
        {SPAN(HELLO "\x15\x03\x03\0\x02\x02"), TLS_ALERT_NONE, false},
        {SPAN(""), TLS_ALERT_NONE, false},
        /* What follows is encrypted. */
        {SPAN(SERVER_HELLO "\x14\x03\x03\0\x01\x01" FATAL("\x28")), TLS_ALERT_NONE, true},
        {SPAN(SERVER_HELLO "\x17\x03\x03\0\x01x" FATAL("\x28")), TLS_ALERT_NONE, true},
        {SPAN(HELLO "\x15\x03\x03\0\x1a\x02\x28"), TLS_ALERT_NONE, true},
        /* No TLS at all. */
        {SPAN("HTTP/1.1 400 Bad Request\r\n"), TLS_ALERT_NONE, true},
        {SPAN("\x15\x02\x03\0\x02\x02\x28"), TLS_ALERT_NONE, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t piece = 1; piece <= cases[i].bytes.len + 1; piece++) {
            bool is_over;

            assert_int_equal(watch_in_pieces(cases[i].bytes, piece, &is_over), cases[i].alert);
            assert_int_equal(is_over, cases[i].is_over);
        }
    }
}

static void it_does_not_look_for_ever(void **state)
{
    static const char record[5 + 16384] = "\x16\x03\x03\x40\0";
    struct alert_watch watch;

    (void)state;
    alert_watch_init(&watch);
    for (size_t n = 0; n < ALERT_WATCH_BYTES_MAX; n += sizeof(record)) {
        assert_false(watch.is_over);
        alert_watch_take(&watch, span_make(record, sizeof(record)));
    }
    assert_true(watch.is_over);
}

static void each_alert_has_a_meaning(void **state)
{
    (void)state;
    for (int alert = 0; alert < 256; alert++) {
        for (int by_client = 0; by_client < 2; by_client++) {
            struct alert_meaning meaning = alert_watch_meaning(alert, by_client != 0);

            assert_non_null(meaning.word);
            assert_true(strlen(meaning.sentence) > 20);
            assert_true(strlen(meaning.mend) > 10);
            assert_non_null(strstr(meaning.sentence, by_client != 0 ? "the client" : "the server"));
        }
    }
    assert_string_equal(alert_watch_meaning(TLS_ALERT_UNKNOWN_CA, true).word, "alert_unknown_ca");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts),
        cmocka_unit_test(it_does_not_look_for_ever),
        cmocka_unit_test(each_alert_has_a_meaning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

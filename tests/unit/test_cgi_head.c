/* The heads of scripts' answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/cgi_head.h"

static const struct h1_limits limits = {.head_bytes = 4096, .target_bytes = 1024, .fields = 20};

static void heads(void **state)
{
    static const struct {
        const char *head;
        enum cgi_bad bad;
        unsigned status;
        enum http_framing framing;
    } cases[] = {
        {"Content-Type: text/html\r\n\r\n", CGI_BAD_NONE, 200, HTTP_FRAMING_CLOSE},
        {"Content-Type: text/html\n\n", CGI_BAD_NONE, 200, HTTP_FRAMING_CLOSE},
        {"Status: 404 Not Found\r\nX-A: b\r\n\r\n", CGI_BAD_NONE, 404, HTTP_FRAMING_CLOSE},
        {"status:204\n\n", CGI_BAD_NONE, 204, HTTP_FRAMING_NONE},
        {"X-A: b\nSTATUS: 599 \xc3\xa9\n\n", CGI_BAD_NONE, 599, HTTP_FRAMING_CLOSE},
        {"Location: /elsewhere\n\n", CGI_BAD_NONE, 302, HTTP_FRAMING_CLOSE},
        {"Location: https://a.example/\nStatus: 301\n\n", CGI_BAD_NONE, 301, HTTP_FRAMING_CLOSE},
        {"Content-Length: 5\n\n", CGI_BAD_NONE, 200, HTTP_FRAMING_LENGTH},
        {"Connection: close\nX-A: b\n\n", CGI_BAD_NONE, 200, HTTP_FRAMING_CLOSE},
        {"\r\n", CGI_BAD_EMPTY, 0, 0},
        {"\n", CGI_BAD_EMPTY, 0, 0},
        {"Status: 200\nStatus: 200\n\n", CGI_BAD_TWICE, 0, 0},
        {"Location: /a\nLocation: /b\n\n", CGI_BAD_TWICE, 0, 0},
        {"Status: 99\n\n", CGI_BAD_STATUS, 0, 0},
        {"Status: 100 Continue\n\n", CGI_BAD_STATUS, 0, 0},
        {"Status: 101\n\n", CGI_BAD_STATUS, 0, 0},
        {"Status: 600\n\n", CGI_BAD_STATUS, 0, 0},
        {"Status: 2000\n\n", CGI_BAD_STATUS, 0, 0},
        {"Status: \n\n", CGI_BAD_STATUS, 0, 0},
        {"Status:\n\n", CGI_BAD_STATUS, 0, 0},
        {"Status: -20\n\n", CGI_BAD_STATUS, 0, 0},
        {"Transfer-Encoding: chunked\n\n", CGI_BAD_CODING, 0, 0},
        {"transfer-encoding:gzip\n\n", CGI_BAD_CODING, 0, 0},
        {"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n", CGI_BAD_STATUS_LINE, 0, 0},
        {"no field\n\n", CGI_BAD_HTTP, 0, 0},
        {"X-A : b\n\n", CGI_BAD_HTTP, 0, 0},
        {"X-A: b\n folded\n\n", CGI_BAD_HTTP, 0, 0},
        {"X-A: a\rb\n\n", CGI_BAD_HTTP, 0, 0},
        {"X-A: b\r\r\n\r\n", CGI_BAD_HTTP, 0, 0},
        {"Content-Length: 1\nContent-Length: 2\n\n", CGI_BAD_HTTP, 0, 0},
        {"Content-Length: -1\n\n", CGI_BAD_HTTP, 0, 0},
        {"Status: 200 a\x01\n\n", CGI_BAD_HTTP, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span head = span_from_cstr(cases[i].head);
        struct http_response response;
        enum h1_error error = H1_OK;
        struct arena arena;
        size_t scanned = 0;
        size_t len = 0;

        arena_init(&arena, 1024);
        assert_int_equal(cgi_head_end(head, limits.head_bytes, &scanned, &len), H1_HEAD_COMPLETE);
        assert_int_equal(len, head.len);
        enum cgi_bad bad = cgi_parse_head(head, &limits, &arena, HTTP_GET, &response, &error);
        if (bad != cases[i].bad) {
            fail_msg("case %zu: %d", i, bad);
        }
        if (bad == CGI_BAD_NONE) {
            assert_int_equal(response.status, cases[i].status);
            assert_int_equal(response.framing, cases[i].framing);
            assert_null(http_fields_find_name(&response.fields, SPAN_OF("Status")));
        } else {
            assert_true(bad == CGI_BAD_HTTP ? error != H1_OK : cgi_bad_word(bad)[0] != '\0');
        }
        arena_destroy(&arena);
    }
}

static void a_head_may_come_byte_by_byte(void **state)
{
    static const char head[] = "Status: 200 OK\r\nX-A: b\n\nbody\n\n";
    size_t scanned = 0;
    size_t len;

    (void)state;
    for (size_t n = 0; n < 24; n++) {
        assert_int_equal(cgi_head_end(span_make(head, n), 4096, &scanned, &len), H1_HEAD_MORE);
    }
    assert_int_equal(cgi_head_end(span_make(head, 24), 4096, &scanned, &len), H1_HEAD_COMPLETE);
    assert_int_equal(len, 24);
    scanned = 0;
    assert_int_equal(cgi_head_end(span_make(head, 30), 4096, &scanned, &len), H1_HEAD_COMPLETE);
    assert_int_equal(len, 24);
}

static void a_head_has_a_bound(void **state)
{
    static const struct span head = SPAN("X-A: 1234567890");
    size_t scanned = 0;
    size_t len;

    (void)state;
    assert_int_equal(cgi_head_end(head, 15, &scanned, &len), H1_HEAD_MORE);
    assert_int_equal(cgi_head_end(head, 14, &scanned, &len), H1_HEAD_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(a_head_may_come_byte_by_byte),
        cmocka_unit_test(a_head_has_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

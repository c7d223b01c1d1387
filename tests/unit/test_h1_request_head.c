/* http/h1_parse on heads that are cut, too long or wrong: when that is told, and what is said of
 * it. */
#include "h1_test.h"

#define T(text) SPAN(text)
#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"

/* The parser is given whole heads only; still, no cut may lead it past its bytes or be taken for a
 * message. */
static void a_head_cut_anywhere_is_refused(void **state)
{
    static const struct span whole = T("POST http://a/b?c HTTP/1.1\r\nHost: a\r\nContent-Length: "
                                       "5\r\nX: \t y \r\n\r\n");

    (void)state;
    for (size_t n = 0; n < whole.len; n++) {
        char *copy = exact_copy(span_head(whole, n));
        struct arena arena;
        struct http_request request;
        arena_init(&arena, 4096);
        assert_int_not_equal(h1_parse_request(span_make(copy, n), &test_limits, &arena, &request),
                             H1_OK);
        arena_destroy(&arena);
        free(copy);
    }
}

/* Every byte in every place: never past the end, and what passes is a message of the same target.
 */
static void any_byte_in_any_place_is_safe(void **state)
{
    static const struct span whole = T("GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");

    (void)state;
    for (size_t at = 0; at < whole.len; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char *copy = exact_copy(whole);
            struct arena arena;
            struct http_request request;
            copy[at] = (char)byte;
            arena_init(&arena, 4096);
            if (h1_parse_request(span_make(copy, whole.len), &test_limits, &arena, &request) ==
                H1_OK) {
                assert_true(byte > 0x20 || byte == ' ' || byte == '\t' || byte == '\r' ||
                            byte == '\n');
                assert_int_not_equal(byte, 0x7f);
            }
            arena_destroy(&arena);
            free(copy);
        }
    }
}

static void a_head_over_the_limit_is_told_at_the_limit(void **state)
{
    static const char start[] = "GET / HTTP/1.1\r\nX: ";
    struct span text;
    char bytes[1100];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, start, sizeof(start) - 1);
    text = span_make(bytes, 1024);
    assert_int_equal(find_head_both_ways(text, true).result, H1_HEAD_MORE);
    text.len = 1025;
    assert_int_equal(find_head_both_ways(text, true).error, H1_HEAD_TOO_LARGE);
    memcpy(bytes + 1020, "\r\n\r\n", 4);
    text.len = 1100;
    assert_int_equal(find_head_both_ways(text, true).result, H1_HEAD_COMPLETE);
    memcpy(bytes + 1020, "x\r\n\r\n", 5);
    assert_int_equal(find_head_both_ways(text, true).error, H1_HEAD_TOO_LARGE);
    /* Behind the limit nothing is looked at. */
    memcpy(bytes + 1020, "xxxxx\n", 6);
    assert_int_equal(find_head_both_ways(text, true).error, H1_HEAD_TOO_LARGE);
}

static void a_body_with_nuls_is_not_the_heads(void **state)
{
    static const struct span text = T("POST / HTTP/1.1\r\nHost: a\r\n\r\n\0\0\n\0");
    struct head_found found = find_head_both_ways(text, true);

    (void)state;
    assert_int_equal(found.result, H1_HEAD_COMPLETE);
    assert_int_equal(found.len, text.len - 4);
}

static void bad_bytes_are_told_before_the_end(void **state)
{
    (void)state;
    assert_int_equal(find_head_both_ways((struct span)T("GET /\n"), true).error, H1_BAD_LINE_END);
    /* No line end is waited for where the first byte can be no method's, no protocol name's. */
    assert_int_equal(find_head_both_ways((struct span)T("\x16\x03\x01\0"), true).error,
                     H1_BAD_METHOD);
    assert_int_equal(find_head_both_ways((struct span)T("\xff\xff\xff"), true).error,
                     H1_BAD_METHOD);
    assert_int_equal(find_head_both_ways((struct span)T("SSH-2.0-x"), false).error,
                     H1_BAD_STATUS_LINE);
    assert_int_equal(find_head_both_ways((struct span)T("HTTP"), false).result, H1_HEAD_MORE);
    assert_int_equal(find_head_both_ways((struct span)T(GET "X: \0"), true).error,
                     H1_BAD_FIELD_VALUE);
    assert_int_equal(find_head_both_ways((struct span)T("GET / HTTP/1.1\r\n"), true).result,
                     H1_HEAD_MORE);
    assert_int_equal(find_head_both_ways((struct span)T("\r"), true).result, H1_HEAD_MORE);
    assert_int_equal(find_head_both_ways((struct span)T("\r\n"), true).result, H1_HEAD_MORE);
}

/* What nobody can mend any more is told when its line ends, not when the head does. */
static void a_line_is_judged_when_it_ends(void **state)
{
    static const struct {
        struct span text;
        enum h1_error error;
        size_t at;
    } cases[] = {
        {SPAN("GET /old\r\n"), H1_BAD_REQUEST_LINE, 8},
        {SPAN("\r\nGET /old\r\n"), H1_BAD_REQUEST_LINE, 10},
        {SPAN("GET / HTTP/3.7\r\n"), H1_UNSUPPORTED_VERSION, 6},
        {SPAN("GET  / HTTP/1.1\r\n"), H1_BAD_REQUEST_LINE, 4},
        {SPAN("GET /  HTTP/1.1\r\n"), H1_BAD_REQUEST_LINE, 6},
        {SPAN("GET / HTTP/1.x\r\n"), H1_BAD_VERSION, 13},
        {SPAN("GET /#a HTTP/1.1\r\n"), H1_BAD_TARGET, 5},
        {SPAN("GET index HTTP/1.1\r\n"), H1_BAD_TARGET, 4},
        {SPAN(GET "X Y: z\r\n"), H1_BAD_FIELD_NAME, 17},
        {SPAN(GET HOST "X: \x01\r\n"), H1_BAD_FIELD_VALUE, 28},
        {SPAN(GET HOST " X: y\r\n"), H1_BAD_FOLDING, 25},
        {SPAN(GET HOST "X: y\r\nno colon\r\n"), H1_BAD_FIELD_NAME, 33},
        {SPAN(GET HOST "X: y\r\nno colon\r\nY: z\n"), H1_BAD_FIELD_NAME, 33},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct head_found found = find_head_both_ways(cases[i].text, true);
        assert_int_equal(found.result, H1_HEAD_BAD);
        assert_string_equal(h1_error_word(found.error), h1_error_word(cases[i].error));
        assert_int_equal(found.scanned, cases[i].at);
    }
    assert_int_equal(find_head_both_ways((struct span)T("HTTP/1.1 2x0 OK\r\n"), false).error,
                     H1_BAD_STATUS_LINE);
    assert_int_equal(find_head_both_ways((struct span)T("HTTP/1.1 200\r\nX\r\n"), false).error,
                     H1_BAD_FIELD_NAME);
}

/* A method's length is no target's. */
static void an_endless_method_is_no_long_target(void **state)
{
    char bytes[1000];
    struct head_found found;

    (void)state;
    memset(bytes, 'A', sizeof(bytes));
    found = find_head_both_ways(span_make(bytes, sizeof(bytes)), true);
    assert_int_equal(found.error, H1_BAD_METHOD);
    assert_int_equal(found.scanned, H1_METHOD_MAX);
    memcpy(bytes, "GET / ", 6);
    assert_int_equal(find_head_both_ways(span_make(bytes, sizeof(bytes)), true).error,
                     H1_BAD_REQUEST_LINE);
}

static void assert_detail(const char *text, const char *end)
{
    struct arena arena;
    struct http_request request;
    struct span head = span_from_cstr(text);

    arena_init(&arena, 4096);
    enum h1_error error = h1_parse_request(head, &test_limits, &arena, &request);
    assert_int_not_equal(error, H1_OK);
    const char *detail = h1_error_detail(error, head, request.refused, &arena);
    assert_true(span_starts_with(span_from_cstr(detail), span_from_cstr(h1_error_text(error))));
    assert_string_equal(detail + strlen(h1_error_text(error)), end);
    arena_destroy(&arena);
}

static void an_error_names_the_bytes(void **state)
{
    (void)state;
    assert_detail("GE:T / HTTP/1.1\r\nHost: a\r\n\r\n", ": byte 2 of the head is ':' (0x3a)");
    assert_detail("GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n", ": byte 6 of the head is 0x01");
    assert_detail("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", ": byte 6 of the head is '#' (0x23)");
    assert_detail("GET / HTTP/1.x\r\nHost: a\r\n\r\n", ": byte 13 of the head is 'x' (0x78)");
    assert_detail(GET "Ho st: a\r\n\r\n", ": byte 18 of the head is ' ' (0x20)");
    assert_detail(GET "X: a\xff\x7f\r\n\r\n", ": byte 21 of the head is 0x7f");
    assert_detail(GET "Host: http://a\r\n\r\n", ": from byte 22 on the head has \"http://a\"");
    assert_detail(GET HOST "Content-Length: 5\x80x\r\n\r\n",
                  ": from byte 41 on the head has \"5\\x80x\"");
    assert_detail(GET HOST "Host: bc\r\n\r\n", ": from byte 31 on the head has \"bc\"");
    assert_detail(GET HOST "Connection: close, Host\r\n\r\n",
                  ": from byte 44 on the head has \"Host\"");
    assert_detail(GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
                  ": from byte 44 on the head has \"gzip, chunked\"");
    assert_detail(GET "\r\n", "");
}

static void assert_glimpse(struct span bytes, const char *method, const char *target,
                           enum http_version version, const char *authority)
{
    struct arena arena;
    struct http_request request;
    char *copy = exact_copy(bytes);

    arena_init(&arena, 4096);
    h1_glimpse(span_make(copy, bytes.len), &arena, &request);
    free(copy);
    assert_true(span_eq_cstr(request.method_name, method));
    assert_true(span_eq_cstr(request.target, target));
    assert_int_equal(request.version, version);
    assert_true(span_eq_cstr(request.authority, authority));
    arena_destroy(&arena);
}

static void a_refused_head_is_glimpsed_for_the_log(void **state)
{
    static const struct span odd = SPAN("G\0T /\xff X HTTP/1.0\nhost : b");

    (void)state;
    assert_glimpse((struct span)T(""), "", "", 0, "");
    assert_glimpse((struct span)T("\r\n\r\n"), "", "", 0, "");
    assert_glimpse((struct span)T("GET"), "GET", "", 0, "");
    assert_glimpse((struct span)T("\r\nGET /old\r\n"), "GET", "/old", 0, "");
    assert_glimpse((struct span)T(GET HOST "Host: b\r\nX\r\n\r\nHost: c"), "GET", "/", HTTP_1_1,
                   "a");
    assert_glimpse((struct span)T("GET  / HTTP/1.0\r\nHOST:  a.test \r\n"), "GET", "/", HTTP_1_0,
                   "a.test");
    struct arena arena;
    struct http_request request;
    arena_init(&arena, 4096);
    h1_glimpse(odd, &arena, &request);
    assert_int_equal(request.method_name.len, 3);
    assert_true(span_eq_cstr(request.target, "/\xff"));
    assert_true(span_eq_cstr(request.authority, "b"));
    arena_destroy(&arena);
}

static void host_is_copied_only_where_it_must_be(void **state)
{
    static const char text[] = GET "Host: a.b\r\n" END;
    static const char upper[] = GET "Host: A.b\r\n" END;
    struct arena arena;
    struct http_request request;

    (void)state;
    arena_init(&arena, 4096);
    assert_int_equal(h1_parse_request(span_from_cstr(text), &test_limits, &arena, &request), H1_OK);
    assert_true(request.host.ptr > text && request.host.ptr < text + sizeof(text));
    assert_int_equal(h1_parse_request(span_from_cstr(upper), &test_limits, &arena, &request),
                     H1_OK);
    assert_true(span_eq_cstr(request.host, "a.b"));
    assert_true(span_eq_cstr(request.authority, "A.b"));
    arena_destroy(&arena);
}

/* The memory of the request before is there again, as it was left. */
static void marks_of_fields_do_not_come_from_old_memory(void **state)
{
    static const struct span head = T(GET HOST "X: y\r\nConnection: close\r\n" END);
    struct arena arena;
    struct http_request request;

    (void)state;
    arena_init(&arena, 4096);
    memset(arena_alloc(&arena, 3000), true, 3000);
    arena_reset(&arena);
    assert_int_equal(h1_parse_request(head, &test_limits, &arena, &request), H1_OK);
    assert_int_equal(request.fields.count, 3);
    for (size_t i = 0; i < request.fields.count; i++) {
        bool of_connection = request.fields.items[i].id == FIELD_CONNECTION;
        assert_false(request.fields.items[i].is_untold);
        assert_int_equal(request.fields.items[i].is_not_sent, of_connection);
    }
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_cut_anywhere_is_refused),
        cmocka_unit_test(any_byte_in_any_place_is_safe),
        cmocka_unit_test(a_head_over_the_limit_is_told_at_the_limit),
        cmocka_unit_test(a_body_with_nuls_is_not_the_heads),
        cmocka_unit_test(bad_bytes_are_told_before_the_end),
        cmocka_unit_test(host_is_copied_only_where_it_must_be),
        cmocka_unit_test(a_line_is_judged_when_it_ends),
        cmocka_unit_test(an_endless_method_is_no_long_target),
        cmocka_unit_test(an_error_names_the_bytes),
        cmocka_unit_test(a_refused_head_is_glimpsed_for_the_log),
        cmocka_unit_test(marks_of_fields_do_not_come_from_old_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "h1_test.h"

#define T(text) SPAN(text)
#define OK "HTTP/1.1 200 OK\r\n"
#define END "\r\n"
#define LINE(line) T(line "\r\nContent-Length: 1\r\n" END)
#define WITH(lines) T(OK lines END)

static const struct h1_case cases[] = {
    /* RFC 9112 section 4: status-line = HTTP-version SP status-code SP [ reason-phrase ] */
    {"a response", LINE("HTTP/1.1 200 OK"), "200 \"OK\" 1.1 length keep cl=1", HTTP_GET},
    {"an empty reason", LINE("HTTP/1.1 200 "), "200 \"\" 1.1 length keep cl=1", HTTP_GET},
    {"a reason of many words", LINE("HTTP/1.1 404 Not\tthere, \xc3\xa9"),
     "404 \"Not\tthere, \xc3\xa9\" 1.1 length keep cl=1", HTTP_GET},
    {"a reason that begins with a space", LINE("HTTP/1.1 200  OK"),
     "200 \" OK\" 1.1 length keep cl=1", HTTP_GET},
    {"status 999", LINE("HTTP/1.1 999 x"), "999 \"x\" 1.1 length keep cl=1", HTTP_GET},
    {"HTTP/1.0", LINE("HTTP/1.0 200 OK"), "200 \"OK\" 1.0 length close cl=1", HTTP_GET},
    {"no space behind the status", LINE("HTTP/1.1 200"), "200 \"\" 1.1 length keep cl=1", HTTP_GET},
    {"no reason in HTTP/1.0", LINE("HTTP/1.0 404"), "404 \"\" 1.0 length close cl=1", HTTP_GET},
    {"a bare CR behind the status", LINE("HTTP/1.1 200\r"), "!line_end", HTTP_GET},
    {"a bare LF behind the status", T("HTTP/1.1 200\n\r\n"), "!line_end", HTTP_GET},
    {"no status", LINE("HTTP/1.1"), "!version", HTTP_GET},
    {"no status but a space", LINE("HTTP/1.1 "), "!status_line", HTTP_GET},
    {"status 099", LINE("HTTP/1.1 099 x"), "!status_line", HTTP_GET},
    {"status 000", LINE("HTTP/1.1 000 x"), "!status_line", HTTP_GET},
    {"two digits", LINE("HTTP/1.1 20 OK"), "!status_line", HTTP_GET},
    {"four digits", LINE("HTTP/1.1 2000 OK"), "!status_line", HTTP_GET},
    {"a negative status", LINE("HTTP/1.1 -20 OK"), "!status_line", HTTP_GET},
    {"a hexadecimal status", LINE("HTTP/1.1 2a0 OK"), "!status_line", HTTP_GET},
    {"two spaces before the status", LINE("HTTP/1.1  200 OK"), "!status_line", HTTP_GET},
    {"a tab before the status", LINE("HTTP/1.1\t200 OK"), "!version", HTTP_GET},
    {"a tab behind the status", LINE("HTTP/1.1 200\tOK"), "!status_line", HTTP_GET},
    {"a control byte in the reason", LINE("HTTP/1.1 200 O\x01K"), "!status_line", HTTP_GET},
    {"a NUL in the reason", LINE("HTTP/1.1 200 O\0K"), "!status_line", HTTP_GET},
    {"a bare CR in the reason", LINE("HTTP/1.1 200 O\rK"), "!line_end", HTTP_GET},
    {"a bare LF behind the line", T("HTTP/1.1 200 OK\nContent-Length: 1\r\n" END), "!line_end",
     HTTP_GET},
    {"an empty line first", T("\r\n" OK "Content-Length: 1\r\n" END), "!status_line", HTTP_GET},
    {"HTTP/2.0", LINE("HTTP/2.0 200 OK"), "!unsupported_version", HTTP_GET},
    {"HTTP/2", LINE("HTTP/2 200 OK"), "!version", HTTP_GET},
    {"HTTP/1.2", LINE("HTTP/1.2 200 OK"), "200 \"OK\" 1.1 length keep cl=1", HTTP_GET},
    {"HTTP/0.9", T("<html>\r\n\r\n"), "!status_line", HTTP_GET},
    {"http/1.1", LINE("http/1.1 200 OK"), "!status_line", HTTP_GET},
    {"ICY", LINE("ICY 200 OK"), "!status_line", HTTP_GET},
    {"a request", T("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "!status_line", HTTP_GET},

    /* RFC 9112 section 6.3 */
    {"until the close", WITH(""), "200 \"OK\" 1.1 close close", HTTP_GET},
    {"until the close whatever Connection says", WITH("Connection: keep-alive\r\n"),
     "200 \"OK\" 1.1 close close", HTTP_GET},
    {"chunked", WITH("Transfer-Encoding: chunked\r\n"),
     "200 \"OK\" 1.1 chunked keep | -Transfer-Encoding=chunked", HTTP_GET},
    {"a length of 0", WITH("Content-Length: 0\r\n"), "200 \"OK\" 1.1 none keep cl=0", HTTP_GET},
    {"an answer to HEAD with a length", WITH("Content-Length: 5\r\n"),
     "200 \"OK\" 1.1 none keep cl=5 | Content-Length=5", HTTP_HEAD},
    {"an answer to HEAD with a coding", WITH("Transfer-Encoding: chunked\r\n"),
     "200 \"OK\" 1.1 none keep | -Transfer-Encoding=chunked", HTTP_HEAD},
    {"an answer to HEAD with neither", WITH(""), "200 \"OK\" 1.1 none keep", HTTP_HEAD},
    {"304 with a length", T("HTTP/1.1 304 x\r\nContent-Length: 5\r\n" END),
     "304 \"x\" 1.1 none keep cl=5", HTTP_GET},
    {"304 with a coding", T("HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n" END),
     "304 \"x\" 1.1 none close", HTTP_GET},
    {"204", T("HTTP/1.1 204 x\r\n" END), "204 \"x\" 1.1 none keep", HTTP_GET},
    {"204 with a length", T("HTTP/1.1 204 x\r\nContent-Length: 5\r\n" END),
     "204 \"x\" 1.1 none close | -Content-Length=5", HTTP_GET},
    {"204 with a length of 0", T("HTTP/1.1 204 x\r\nContent-Length: 0\r\n" END),
     "204 \"x\" 1.1 none keep | -Content-Length=0", HTTP_GET},
    {"204 with a coding", T("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n" END),
     "204 \"x\" 1.1 none close | -Transfer-Encoding=chunked", HTTP_GET},
    {"204 with an unknown coding", T("HTTP/1.1 204 x\r\nTransfer-Encoding: gzip\r\n" END),
     "204 \"x\" 1.1 none close | -Transfer-Encoding=gzip", HTTP_GET},
    {"204 with a coding, to HEAD", T("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n" END),
     "204 \"x\" 1.1 none close", HTTP_HEAD},
    {"100", T("HTTP/1.1 100 Continue\r\n" END), "100 \"Continue\" 1.1 none keep", HTTP_POST},
    {"103 with a length", T("HTTP/1.1 103 x\r\nContent-Length: 5\r\n" END),
     "103 \"x\" 1.1 none close | -Content-Length=5", HTTP_GET},
    {"103 with a coding", T("HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n" END),
     "103 \"x\" 1.1 none close | -Transfer-Encoding=chunked", HTTP_GET},
    {"205 with a length of 0", T("HTTP/1.1 205 x\r\nContent-Length: 0\r\n" END),
     "205 \"x\" 1.1 none keep cl=0", HTTP_GET},
    {"205 with a length", T("HTTP/1.1 205 x\r\nContent-Length: 5\r\n" END),
     "205 \"x\" 1.1 none close cl=0", HTTP_GET},
    {"205 with a coding", T("HTTP/1.1 205 x\r\nTransfer-Encoding: chunked\r\n" END),
     "205 \"x\" 1.1 none close cl=0", HTTP_GET},
    {"205 with neither", T("HTTP/1.1 205 x\r\n" END), "205 \"x\" 1.1 none close cl=0", HTTP_GET},
    {"200 to CONNECT", WITH("Content-Length: 5\r\n"),
     "200 \"OK\" 1.1 none close | -Content-Length=5", HTTP_CONNECT},
    {"200 to CONNECT with a coding", WITH("Transfer-Encoding: chunked\r\n"),
     "200 \"OK\" 1.1 none close", HTTP_CONNECT},
    {"403 to CONNECT", T("HTTP/1.1 403 x\r\nContent-Length: 5\r\n" END),
     "403 \"x\" 1.1 length keep cl=5", HTTP_CONNECT},
    {"a length and a coding", WITH("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
     "!length_and_coding", HTTP_GET},
    {"a length and a coding to HEAD", WITH("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
     "!length_and_coding", HTTP_HEAD},
    {"two lengths", WITH("Content-Length: 5\r\nContent-Length: 6\r\n"), "!conflicting_length",
     HTTP_GET},
    /* RFC 9110 section 8.6 */
    {"two equal lengths", WITH("Content-Length: 5\r\nContent-Length: 5\r\n"),
     "200 \"OK\" 1.1 length keep cl=5 | Content-Length=5 -Content-Length=5", HTTP_GET},
    {"two equal lengths of a 304",
     T("HTTP/1.1 304 x\r\nContent-Length: 5\r\nContent-Length: 5\r\n" END),
     "304 \"x\" 1.1 none keep cl=5 | Content-Length=5 -Content-Length=5", HTTP_GET},
    {"equal lengths in lines and lists",
     WITH("Content-Length: 5, 5\r\nX: y\r\nContent-Length: 5 ,5\r\n"),
     "200 \"OK\" 1.1 length keep cl=5 | Content-Length=5 X=y -Content-Length=5 ,5", HTTP_GET},
    {"two lengths of a 304", T("HTTP/1.1 304 x\r\nContent-Length: 5\r\nContent-Length: 6\r\n" END),
     "!conflicting_length", HTTP_GET},
    {"a list of equal lengths", WITH("Content-Length: 5, 5\r\n"),
     "200 \"OK\" 1.1 length keep cl=5 | Content-Length=5", HTTP_GET},
    {"a list of lengths", WITH("Content-Length: 5, 6\r\n"), "!conflicting_length", HTTP_GET},
    {"a length and nothing", WITH("Content-Length: 5,\r\n"), "!conflicting_length", HTTP_GET},
    {"a list of equal letters", WITH("Content-Length: x, x\r\n"), "!conflicting_length", HTTP_GET},
    {"a negative length", WITH("Content-Length: -5\r\n"), "!content_length", HTTP_GET},
    {"an empty length", WITH("Content-Length: \r\n"), "!content_length", HTTP_GET},
    {"a length of 64 bits", WITH("Content-Length: 9223372036854775808\r\n"), "!content_length",
     HTTP_GET},
    {"a bad length of a 204", T("HTTP/1.1 204 x\r\nContent-Length: x\r\n" END),
     "204 \"x\" 1.1 none close | -Content-Length=x", HTTP_GET},
    {"gzip and chunked", WITH("Transfer-Encoding: gzip, chunked\r\n"), "!unknown_coding", HTTP_GET},
    {"gzip alone", WITH("Transfer-Encoding: gzip\r\n"), "!transfer_encoding", HTTP_GET},
    {"identity", WITH("Transfer-Encoding: identity\r\n"), "!transfer_encoding", HTTP_GET},
    {"a coding twice", WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
     "!transfer_encoding", HTTP_GET},
    {"a coding in HTTP/1.0", T("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n" END),
     "!transfer_encoding", HTTP_GET},

    /* RFC 9112 section 5, as in requests */
    {"a space before the colon", WITH("X : 1\r\n"), "!field_name", HTTP_GET},
    {"a folded line", WITH("X: 1\r\n 2\r\n"), "!folding", HTTP_GET},
    {"a control byte in a value", WITH("X: \x02\r\n"), "!field_value", HTTP_GET},
    {"a NUL in a value", WITH("X: \0\r\n"), "!field_value", HTTP_GET},
    {"a line without a colon", WITH("<html>\r\n"), "!field_name", HTTP_GET},
    {"a bare LF in a value", WITH("X: 1\nY: 2\r\n"), "!line_end", HTTP_GET},
    {"a bare CR in a value", WITH("X: 1\rY: 2\r\n"), "!line_end", HTTP_GET},
    {"several cookies", WITH("Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 0\r\n"),
     "200 \"OK\" 1.1 none keep cl=0 | Set-Cookie=a=b Set-Cookie=c=d Content-Length=0", HTTP_GET},
    {"too many fields",
     WITH("1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\na:\r\nb:\r\nc:\r\nd:\r\n"),
     "!too_many_fields", HTTP_GET},

    /* RFC 9112 section 9.3, RFC 9110 section 7.6.1 */
    {"close", WITH("Connection: close\r\nContent-Length: 1\r\n"),
     "200 \"OK\" 1.1 length close cl=1", HTTP_GET},
    {"keep-alive in HTTP/1.0",
     T("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n" END),
     "200 \"OK\" 1.0 length keep cl=1", HTTP_GET},
    {"what belongs to one hop",
     WITH("Connection: x-a\r\nX-A: 1\r\nKeep-Alive: 5\r\nProxy-Authenticate: b\r\nX-B: 2\r\n"),
     "200 \"OK\" 1.1 close close | -Connection=x-a -X-A=1 -Keep-Alive=5 -Proxy-Authenticate=b "
     "X-B=2",
     HTTP_GET},
    {"Connection names Content-Length", WITH("Connection: content-length\r\nContent-Length: 1\r\n"),
     "!connection", HTTP_GET},
    {"Connection names Set-Cookie", WITH("Connection: set-cookie\r\nContent-Length: 1\r\n"),
     "!connection", HTTP_GET},
    {"an option that is no token", WITH("Connection: clo se\r\nContent-Length: 1\r\n"),
     "!connection", HTTP_GET},

    /* RFC 9110 sections 7.8 and 15.2.2 */
    {"101", T("HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" END),
     "101 \"x\" 1.1 none keep upgrade=websocket", HTTP_GET},
    {"101 without Upgrade", T("HTTP/1.1 101 x\r\nConnection: Upgrade\r\n" END), "!upgrade",
     HTTP_GET},
    {"101 without Connection", T("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n" END), "!upgrade",
     HTTP_GET},
    {"101 with a bad Upgrade", T("HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: a b\r\n" END),
     "!upgrade", HTTP_GET},
    {"101 with an empty Upgrade", T("HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade:\r\n" END),
     "!upgrade", HTTP_GET},
    {"101 in HTTP/1.0", T("HTTP/1.0 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" END),
     "!upgrade", HTTP_GET},
    {"an offer to upgrade",
     T("HTTP/1.1 426 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
       "Content-Length: 0\r\n" END),
     "426 \"x\" 1.1 none keep cl=0 upgrade=h2c | -Connection=Upgrade -Upgrade=h2c Content-Length=0",
     HTTP_GET},
};

static void describe(struct strbuf *b, const struct http_response *r, bool with_fields)
{
    strbuf_printf(b, "%u \"%.*s\" %s %s %s", r->status, SPAN_ARG(r->reason),
                  r->version == HTTP_1_0 ? "1.0" : "1.1", framing_name(r->framing),
                  r->keep_alive ? "keep" : "close");
    if (r->has_content_length) {
        strbuf_printf(b, " cl=%llu", (unsigned long long)r->content_length);
    }
    if (r->upgrade.ptr != NULL) {
        strbuf_printf(b, " upgrade=%.*s", SPAN_ARG(r->upgrade));
    }
    if (with_fields) {
        describe_fields(b, &r->fields);
    }
}

static void parse_exact(struct span head, const struct h1_case *c, struct strbuf *b)
{
    char *copy = exact_copy(head);
    struct arena arena;
    struct http_response response;
    enum h1_error error;

    arena_init(&arena, 4096);
    error =
        h1_parse_response(span_make(copy, head.len), &test_limits, &arena, c->method, &response);
    if (error != H1_OK) {
        strbuf_printf(b, "!%s", h1_error_word(error));
    } else {
        describe(b, &response, strstr(c->expect, " | ") != NULL);
    }
    arena_destroy(&arena);
    free(copy);
}

static void check_case(void **state)
{
    const struct h1_case *c = *state;
    struct head_found found = find_head_both_ways(c->text, false);
    struct strbuf b;

    strbuf_init(&b);
    assert_int_not_equal(found.result, H1_HEAD_MORE);
    if (found.result == H1_HEAD_BAD) {
        strbuf_printf(&b, "!%s", h1_error_word(found.error));
    } else {
        parse_exact(span_make(c->text.ptr + found.start, found.len), c, &b);
    }
    if (found.early != H1_OK) {
        assert_string_equal(h1_error_word(found.early), b.ptr + 1);
    }
    expect_text(&b, c);
}

static void a_head_cut_anywhere_is_refused(void **state)
{
    static const struct span whole = T("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: \t y \r\n\r\n");

    (void)state;
    for (size_t n = 0; n < whole.len; n++) {
        char *copy = exact_copy(span_head(whole, n));
        struct arena arena;
        struct http_response response;
        arena_init(&arena, 4096);
        assert_int_not_equal(
            h1_parse_response(span_make(copy, n), &test_limits, &arena, HTTP_GET, &response),
            H1_OK);
        arena_destroy(&arena);
        free(copy);
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 1] = {
        cmocka_unit_test(a_head_cut_anywhere_is_refused),
    };

    h1_add_cases(tests + 1, cases, ARRAY_LEN(cases), check_case);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

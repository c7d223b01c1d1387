#include "http/h1_chunked.h"

#include "h1_test.h"

/* `expect` is the body, "/", what is left over behind the message, and the trailers behind " | ";
 * "!word" of an error; or "..." behind the body where more is due. */
#define T(text) SPAN(text)
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define TWO_HUNDRED FIFTY FIFTY FIFTY FIFTY

static const struct h1_case cases[] = {
    /* RFC 9112 section 7.1 */
    {"no chunk", T("0\r\n\r\n"), "/", 0},
    {"a chunk", T("5\r\nhello\r\n0\r\n\r\n"), "hello/", 0},
    {"two chunks", T("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "hello world/", 0},
    {"line ends are data within a chunk", T("6\r\na\r\nb\r\n\r\n0\r\n\r\n"), "a\r\nb\r\n/", 0},
    {"hexadecimal in either case", T("a\r\n" TEN "\r\nA\r\n" TEN "\r\n0\r\n\r\n"), TEN TEN "/", 0},
    {"two digits", T("14\r\n" TEN TEN "\r\n0\r\n\r\n"), TEN TEN "/", 0},
    {"zeros first", T("0000000000000001\r\nx\r\n0\r\n\r\n"), "x/", 0},
    {"a last chunk of zeros", T("000\r\n\r\n"), "/", 0},
    {"the next message is left", T("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), "x/GET / HTTP/1.1\r\n",
     0},
    {"nothing yet", T(""), "...", 0},
    {"a chunk cut", T("5\r\nhel"), "hel...", 0},
    {"a size cut", T("5"), "...", 0},
    {"the end cut", T("1\r\nx\r\n0\r\n\r"), "x...", 0},
    {"the largest size", T("7fffffffffffffff\r\nx"), "x...", 0},
    {"a size of 64 bits", T("8000000000000000\r\n"), "!chunk_size", 0},
    {"a size that would wrap", T("ffffffffffffffff\r\n"), "!chunk_size", 0},
    {"a size of 17 digits", T("00000000000000001\r\nx"), "!chunk_size", 0},
    {"a size over 64 bits", T("10000000000000005\r\nhello"), "!chunk_size", 0},
    {"no size", T("\r\n\r\n"), "!chunk_size", 0},
    {"an extension without a size", T(";a\r\n"), "!chunk_size", 0},
    {"a size with a prefix", T("0x5\r\nhello"), "!chunk_size", 0},
    {"a negative size", T("-1\r\n"), "!chunk_size", 0},
    {"a size with a plus", T("+5\r\nhello"), "!chunk_size", 0},
    {"a space before the size", T(" 5\r\nhello"), "!chunk_size", 0},
    {"a space behind the size", T("5 \r\nhello"), "!chunk_size", 0},
    {"a tab behind the size", T("5\t\r\nhello"), "!chunk_size", 0},
    {"an underscore in the size", T("1_0\r\n"), "!chunk_size", 0},
    {"a letter behind f", T("g\r\n"), "!chunk_size", 0},
    {"a NUL behind the size", T("5\0\r\nhello"), "!chunk_size", 0},
    {"a comma behind the size", T("5,5\r\nhello"), "!chunk_size", 0},
    {"a bare LF behind the size", T("5\nhello"), "!line_end", 0},
    {"a bare CR behind the size", T("5\rhello"), "!line_end", 0},
    {"a bare LF behind the last size", T("0\n\n"), "!line_end", 0},
    {"a chunk longer than its size", T("5\r\nhello!\r\n0\r\n\r\n"), "!chunk_end", 0},
    {"a chunk shorter than its size", T("6\r\nhello\r\n0\r\n\r\n"), "!chunk_end", 0},
    {"a bare LF behind the data", T("5\r\nhello\n0\r\n\r\n"), "!chunk_end", 0},
    {"a bare CR behind the data", T("5\r\nhello\r0\r\n\r\n"), "!chunk_end", 0},
    {"nothing behind the data", T("5\r\nhello0\r\n\r\n"), "!chunk_end", 0},
    {"a bare CR at the end", T("0\r\n\rx"), "!line_end", 0},

    /* RFC 9112 section 7.1.1 */
    {"an extension", T("1;a\r\nx\r\n0\r\n\r\n"), "x/", 0},
    {"an extension with a value", T("1;a=b\r\nx\r\n0;c=d\r\n\r\n"), "x/", 0},
    {"several extensions", T("1;a;b=c;d=\"e\"\r\nx\r\n0\r\n\r\n"), "x/", 0},
    {"a quoted value", T("1;a=\"b c;\\\"\\\\\t\xc3\xa9\"\r\nx\r\n0\r\n\r\n"), "x/", 0},
    {"an empty quoted value", T("1;a=\"\"\r\nx\r\n0\r\n\r\n"), "x/", 0},
    {"an empty extension", T("1;\r\nx"), "!chunk_extension", 0},
    {"two semicolons", T("1;;a\r\nx"), "!chunk_extension", 0},
    {"an extension without a name", T("1;=a\r\nx"), "!chunk_extension", 0},
    {"an extension without a value", T("1;a=\r\nx"), "!chunk_extension", 0},
    {"two equals signs", T("1;a==b\r\nx"), "!chunk_extension", 0},
    {"a space before the extension", T("1 ;a\r\nx"), "!chunk_size", 0},
    {"a space behind the semicolon", T("1; a\r\nx"), "!chunk_extension", 0},
    {"a space behind the extension", T("1;a \r\nx"), "!chunk_extension", 0},
    {"a space behind the equals sign", T("1;a= b\r\nx"), "!chunk_extension", 0},
    {"text behind a quoted value", T("1;a=\"b\"c\r\nx"), "!chunk_extension", 0},
    {"an open quote", T("1;a=\"b\r\nx\"\r\n"), "!chunk_extension", 0},
    {"an escaped line end", T("1;a=\"\\\r\nx\"\r\n"), "!chunk_extension", 0},
    {"a control byte in an extension", T("1;a\x01\r\nx"), "!chunk_extension", 0},
    {"a NUL in a quoted value", T("1;a=\"\0\"\r\nx"), "!chunk_extension", 0},
    {"a bare LF behind an extension", T("1;a\nx"), "!line_end", 0},
    {"a bare LF behind a value", T("1;a=b\nx"), "!line_end", 0},
    {"a bare LF behind a quoted value", T("1;a=\"b\"\nx"), "!line_end", 0},
    {"a bare LF within a quoted value", T("1;a=\"\n\"\r\nx"), "!chunk_extension", 0},
    {"a bare CR behind an extension", T("1;a\rx"), "!line_end", 0},
    {"a long extension", T("1;" TWO_HUNDRED TWO_HUNDRED "\r\nx\r\n0\r\n\r\n"), "x/", 0},
    {"too long an extension", T("1;" TWO_HUNDRED TWO_HUNDRED TWO_HUNDRED "\r\nx"),
     "!chunk_extension", 0},
    {"each line may be long",
     T("1;" TWO_HUNDRED TWO_HUNDRED "\r\nx\r\n1;" TWO_HUNDRED TWO_HUNDRED "\r\ny\r\n0\r\n\r\n"),
     "xy/", 0},

    /* RFC 9112 section 7.1.2, RFC 9110 section 6.5 */
    {"a trailer", T("0\r\nX: y\r\n\r\n"), "/ | X=y", 0},
    {"two trailers and the next message", T("1\r\nx\r\n0\r\nX: y\r\nx: \t z \r\n\r\nGET"),
     "x/GET | X=y x=z", 0},
    {"an empty trailer", T("0\r\nX:\r\n\r\n"), "/ | X=", 0},
    {"a trailer cut", T("0\r\nX: y\r\n"), "...", 0},
    {"a trailer over many bytes", T("0\r\nX: " TWO_HUNDRED TWO_HUNDRED "\r\n\r\n"),
     "/ | X=" TWO_HUNDRED TWO_HUNDRED, 0},
    {"trailers over the limit",
     T("0\r\nX: " TWO_HUNDRED TWO_HUNDRED TWO_HUNDRED TWO_HUNDRED TWO_HUNDRED TWO_HUNDRED),
     "!trailers_too_large", 0},
    {"too many trailers",
     T("0\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n"),
     "!too_many_fields", 0},
    {"a bare LF behind a trailer", T("0\r\nX: y\n\r\n"), "!line_end", 0},
    {"a bare LF at the end of trailers", T("0\r\nX: y\r\n\n"), "!line_end", 0},
    {"a bare LF for a trailer", T("0\r\n\n"), "!line_end", 0},
    {"a bare CR in a trailer", T("0\r\nX: y\rz\r\n\r\n"), "!trailer", 0},
    {"a folded trailer", T("0\r\nX: y\r\n z\r\n\r\n"), "!trailer", 0},
    {"a space before a trailer's colon", T("0\r\nX : y\r\n\r\n"), "!trailer", 0},
    {"a trailer without a colon", T("0\r\nX\r\n\r\n"), "!trailer", 0},
    {"a NUL in a trailer", T("0\r\nX: \0\r\n\r\n"), "!trailer", 0},
    {"a request for a trailer", T("0\r\nGET / HTTP/1.1\r\n\r\n"), "!trailer", 0},
    /* RFC 9110 section 6.5.1: to be ignored, and nothing else */
    {"Content-Length as a trailer", T("0\r\nContent-Length: 5\r\n\r\n"), "/", 0},
    {"Transfer-Encoding as a trailer", T("0\r\ntransfer-encoding: chunked\r\n\r\n"), "/", 0},
    {"Host as a trailer", T("0\r\nHost: a\r\n\r\n"), "/", 0},
    {"Connection as a trailer", T("0\r\nConnection: close\r\n\r\n"), "/", 0},
    {"Authorization as a trailer", T("0\r\nAuthorization: a\r\n\r\n"), "/", 0},
    {"Set-Cookie as a trailer", T("0\r\nSet-Cookie: a\r\n\r\n"), "/", 0},
    {"X-Forwarded-For as a trailer", T("0\r\nX-Forwarded-For: a\r\n\r\n"), "/", 0},
    {"Content-Encoding as a trailer", T("0\r\nX: y\r\ncontent-encoding: gzip\r\nZ: z\r\n\r\n"),
     "/ | X=y Z=z", 0},
    {"Cache-Control as a trailer", T("0\r\nCache-Control: no-store\r\n\r\n"), "/", 0},
    {"Content-Length as a malformed trailer", T("0\r\nContent-Length : 5\r\n\r\n"), "!trailer", 0},
};

static enum h1_chunked_result decode(struct span text, size_t step, struct arena *arena,
                                     struct strbuf *body, struct http_fields *trailers,
                                     size_t *used_in_all, enum h1_error *error)
{
    struct h1_chunked decoder;
    enum h1_chunked_result result = H1_CHUNKED_MORE;
    size_t at = 0;

    h1_chunked_init(&decoder);
    *error = H1_OK;
    while (at < text.len && (result == H1_CHUNKED_MORE || result == H1_CHUNKED_DATA)) {
        size_t n = text.len - at < step ? text.len - at : step;
        char *copy = exact_copy(span_make(text.ptr + at, n));
        size_t used;
        struct span data;
        result = h1_chunked_decode(&decoder, span_make(copy, n), &test_limits, arena, &used, &data,
                                   trailers, error);
        assert_true(used <= n);
        assert_true(used == n || result != H1_CHUNKED_MORE);
        assert_true((data.len != 0) == (result == H1_CHUNKED_DATA));
        strbuf_add(body, data);
        at += used;
        free(copy);
    }
    *used_in_all = at;
    return result;
}

static void check_in_steps(const struct h1_case *c, size_t step)
{
    struct arena arena;
    struct strbuf b;
    struct http_fields trailers = {0};
    enum h1_error error;
    size_t used;

    arena_init(&arena, 4096);
    strbuf_init(&b);
    strbuf_add_cstr(&b, "");
    switch (decode(c->text, step, &arena, &b, &trailers, &used, &error)) {
    case H1_CHUNKED_END:
        strbuf_printf(&b, "/%.*s", SPAN_ARG(span_skip(c->text, used)));
        break;
    case H1_CHUNKED_BAD:
        strbuf_clear(&b);
        strbuf_printf(&b, "!%s", h1_error_word(error));
        break;
    default:
        strbuf_add_cstr(&b, "...");
        break;
    }
    if (strstr(c->expect, " | ") != NULL) {
        describe_fields(&b, &trailers);
    } else {
        assert_int_equal(trailers.count, 0);
    }
    arena_destroy(&arena);
    expect_text(&b, c);
}

static void check_case(void **state)
{
    const struct h1_case *c = *state;

    check_in_steps(c, c->text.len + 1);
    for (size_t step = 1; step < 8; step++) {
        check_in_steps(c, step);
    }
}

static void assert_detail(const char *text, size_t step, const char *end)
{
    struct arena arena;
    struct h1_chunked decoder;
    enum h1_error error = H1_OK;
    struct span in = span_from_cstr(text);

    arena_init(&arena, 4096);
    h1_chunked_init(&decoder);
    while (error == H1_OK && in.len != 0) {
        struct span piece = span_head(in, in.len < step ? in.len : step);
        struct span data;
        size_t used;
        char *copy = exact_copy(piece);
        enum h1_chunked_result result = h1_chunked_decode(
            &decoder, span_make(copy, piece.len), &test_limits, &arena, &used, &data, NULL, &error);
        assert_int_equal(result == H1_CHUNKED_BAD, error != H1_OK);
        const char *detail = h1_chunked_detail(&decoder, error, &arena);
        free(copy);
        if (error != H1_OK) {
            assert_string_equal(detail + strlen(h1_error_text(error)), end);
        }
        in = span_skip(in, used);
    }
    assert_int_not_equal(error, H1_OK);
    arena_destroy(&arena);
}

static void an_error_names_the_byte(void **state)
{
    (void)state;
    for (size_t step = 1; step < 40; step++) {
        assert_detail("xyz\r\n", step, ": byte 0 of the chunked body is 'x' (0x78)");
        assert_detail("3\r\nabcX", step, ": byte 6 of the chunked body is 'X' (0x58)");
        assert_detail("3\r\nabc\r\n2\n", step, ": byte 9 of the chunked body is 0x0a");
        assert_detail("0\r\nX: y\r\nX y: z\r\n\r\n", step,
                      ": byte 7 of the trailers is ' ' (0x20)");
    }
}

static void trailers_that_connection_names_are_marked(void **state)
{
    struct arena arena;
    struct http_fields head = {0};
    struct http_fields trailers = {0};

    (void)state;
    arena_init(&arena, 4096);
    http_fields_add(&head, &arena, FIELD_CONNECTION, SPAN_OF("Connection"), SPAN_OF("close, x-a"));
    http_fields_add(&trailers, &arena, FIELD_OTHER, SPAN_OF("X-A"), SPAN_OF("1"));
    http_fields_add(&trailers, &arena, FIELD_OTHER, SPAN_OF("X-B"), SPAN_OF("1"));
    http_trailers_mark(&trailers, &head);
    assert_true(trailers.items[0].is_not_sent);
    assert_false(trailers.items[1].is_not_sent);
    arena_destroy(&arena);
}

static void the_end_stays_the_end(void **state)
{
    struct h1_chunked decoder;
    struct arena arena;
    size_t used;
    struct span data;
    enum h1_error error;

    (void)state;
    arena_init(&arena, 4096);
    h1_chunked_init(&decoder);
    for (int i = 0; i < 2; i++) {
        enum h1_chunked_result result = h1_chunked_decode(
            &decoder, SPAN_OF("0\r\n\r\n"), &test_limits, &arena, &used, &data, NULL, &error);
        assert_int_equal(result, H1_CHUNKED_END);
        assert_int_equal(used, i == 0 ? 5 : 0);
    }
    arena_destroy(&arena);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 2] = {
        cmocka_unit_test(trailers_that_connection_names_are_marked),
        cmocka_unit_test(an_error_names_the_byte),
        cmocka_unit_test(the_end_stays_the_end),
    };

    h1_add_cases(tests + 2, cases, ARRAY_LEN(cases), check_case);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "http/h1_write.h"

#include "h1_test.h"
#include "http/fields.h"

static void expect_written(const struct h1_writer *w, const char *text)
{
    struct span written = h1_writer_span(w);

    assert_false(w->is_full);
    assert_int_equal(written.len, strlen(text));
    assert_memory_equal(written.ptr, text, written.len);
}

static void a_request_head(void **state)
{
    char memory[256];
    struct h1_writer w;

    (void)state;
    h1_writer_init(&w, memory, sizeof(memory));
    h1_write_request_line(&w, SPAN_OF("GET"), SPAN_OF("/a?b"));
    h1_write_field(&w, SPAN_OF("Host"), SPAN_OF("a.example"));
    h1_write_field(&w, SPAN_OF("X-Empty"), SPAN_OF(""));
    h1_write_field(&w, SPAN_OF("X-Null"), span_make(NULL, 0));
    h1_write_field_u64(&w, SPAN_OF("Content-Length"), 42);
    h1_write_end(&w);
    expect_written(&w, "GET /a?b HTTP/1.1\r\nHost: a.example\r\nX-Empty: \r\nX-Null: \r\n"
                       "Content-Length: 42\r\n\r\n");
}

static void a_response_head(void **state)
{
    char memory[256];
    struct h1_writer w;

    (void)state;
    h1_writer_init(&w, memory, sizeof(memory));
    h1_write_status_line(&w, 404, SPAN_OF(""));
    h1_write_status_line(&w, 999, span_make(NULL, 0));
    h1_write_status_line(&w, 200, SPAN_OF("Fine\tby me"));
    h1_write_end(&w);
    expect_written(&w, "HTTP/1.1 404 Not Found\r\nHTTP/1.1 999 Unknown\r\n"
                       "HTTP/1.1 200 Fine\tby me\r\n\r\n");
}

static void numbers(void **state)
{
    static const struct {
        uint64_t n;
        const char *text;
    } cases[] = {{0, "0"},
                 {9, "9"},
                 {10, "10"},
                 {1234567890, "1234567890"},
                 {UINT64_MAX, "18446744073709551615"}};
    char memory[32];
    struct h1_writer w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        h1_writer_init(&w, memory, sizeof(memory));
        h1_write_u64(&w, cases[i].n);
        expect_written(&w, cases[i].text);
    }
}

static void only_fields_that_go_on_are_written(void **state)
{
    char memory[256];
    struct h1_writer w;
    struct arena arena;
    struct http_fields fields = {0};

    (void)state;
    arena_init(&arena, 1024);
    http_fields_add(&fields, &arena, FIELD_HOST, SPAN_OF("hOST"), SPAN_OF("a"));
    http_fields_add(&fields, &arena, FIELD_OTHER, SPAN_OF("X-A"), SPAN_OF("1"));
    http_fields_add(&fields, &arena, FIELD_CONNECTION, SPAN_OF("Connection"), SPAN_OF("close"));
    http_fields_add(&fields, &arena, FIELD_VIA, SPAN_OF("Via"), SPAN_OF("1.1 b"));
    http_fields_add(&fields, &arena, FIELD_OTHER, SPAN_OF("x-a"), SPAN_OF(""));
    h1_writer_init(&w, memory, sizeof(memory));
    h1_write_fields(&w, &fields, 0);
    expect_written(&w, "hOST: a\r\nX-A: 1\r\nVia: 1.1 b\r\nx-a: \r\n");
    h1_writer_init(&w, memory, sizeof(memory));
    h1_write_fields(&w, &fields, FIELD_BIT(FIELD_HOST) | FIELD_BIT(FIELD_VIA));
    expect_written(&w, "X-A: 1\r\nx-a: \r\n");
    h1_writer_init(&w, memory, sizeof(memory));
    h1_write_fields(&w, &fields, UINT64_MAX);
    expect_written(&w, "X-A: 1\r\nx-a: \r\n");
    arena_destroy(&arena);
}

static void write_all(struct h1_writer *w, const struct http_fields *fields)
{
    h1_write_request_line(w, SPAN_OF("POST"), SPAN_OF("/"));
    h1_write_status_line(w, 200, SPAN_OF(""));
    h1_write_fields(w, fields, 0);
    h1_write_field(w, SPAN_OF("A"), SPAN_OF("b"));
    h1_write_field_u64(w, SPAN_OF("C"), 7);
    h1_write_end(w);
}

/* In memory of exactly each size: ASan sees a byte too many, and only all of it is a success. */
static void overflow_is_told_once_and_for_all(void **state)
{
    struct arena arena;
    struct http_fields fields = {0};
    char large[256];
    struct h1_writer whole;

    (void)state;
    arena_init(&arena, 1024);
    http_fields_add(&fields, &arena, FIELD_VIA, SPAN_OF("Via"), SPAN_OF("1.1 b"));
    h1_writer_init(&whole, large, sizeof(large));
    write_all(&whole, &fields);
    size_t len = h1_writer_span(&whole).len;
    for (size_t size = 0; size <= len; size++) {
        char *memory = malloc(size != 0 ? size : 1);
        struct h1_writer w;
        h1_writer_init(&w, memory, size);
        write_all(&w, &fields);
        assert_int_equal(w.is_full, size < len);
        assert_true(h1_writer_span(&w).len <= size);
        assert_memory_equal(memory, large, h1_writer_span(&w).len);
        free(memory);
    }
    arena_destroy(&arena);
}

static void chunk_lines(void **state)
{
    static const struct {
        uint64_t n;
        const char *text;
    } cases[] = {{1, "1\r\n"},
                 {15, "f\r\n"},
                 {16, "10\r\n"},
                 {8000, "1f40\r\n"},
                 {UINT32_MAX, "ffffffff\r\n"},
                 {UINT64_MAX, "ffffffffffffffff\r\n"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[H1_CHUNK_LINE_MAX];
        size_t len = h1_chunk_line(line, cases[i].n);
        assert_int_equal(len, strlen(cases[i].text));
        assert_memory_equal(line, cases[i].text, len);
    }
}

/* What the parser took is what the writer gives, but for the fields of one hop. */
static void a_parsed_request_is_written_anew(void **state)
{
    static const char text[] =
        "PUT /a?b HTTP/1.1\r\nHost:a\r\nX-A:  \t1 2\r\nConnection: close, x-b\r\n"
        "X-B: 3\r\nContent-Length: 5\r\n\r\n";
    struct arena arena;
    struct http_request request;
    char memory[256];
    struct h1_writer w;

    (void)state;
    arena_init(&arena, 4096);
    assert_int_equal(h1_parse_request(span_from_cstr(text), &test_limits, &arena, &request), H1_OK);
    h1_writer_init(&w, memory, sizeof(memory));
    h1_write_request_line(&w, request.method_name, request.target);
    h1_write_fields(&w, &request.fields, 0);
    h1_write_end(&w);
    expect_written(&w, "PUT /a?b HTTP/1.1\r\nHost: a\r\nX-A: 1 2\r\nContent-Length: 5\r\n\r\n");
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_head),
        cmocka_unit_test(a_response_head),
        cmocka_unit_test(numbers),
        cmocka_unit_test(only_fields_that_go_on_are_written),
        cmocka_unit_test(overflow_is_told_once_and_for_all),
        cmocka_unit_test(chunk_lines),
        cmocka_unit_test(a_parsed_request_is_written_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

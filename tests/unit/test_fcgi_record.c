/* FastCGI's records: whole, byte by byte, and what no server may send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/strbuf.h"
#include "http/fcgi_record.h"

#define OUT(len) "\1\6\0\1\0" len "\0\0"
#define ERR(len, pad) "\1\7\0\1\0" len pad "\0"
#define END "\1\3\0\1\0\x08\0\0"

/* What came, as text: "o(..)", "e(..)", "end N STATUS", "bad N", "more". Streams in pieces are
 * joined. */
static void read_in_pieces(struct span in, size_t size, struct strbuf *told)
{
    struct fcgi_reader reader = {0};
    char kind = 0;

    for (size_t at = 0; at < in.len;) {
        struct span piece = span_cut(span_skip(in, at), size);
        size_t total = 0;

        at += piece.len;
        for (;;) {
            struct span data = {NULL, 0};
            size_t used;
            enum fcgi_result result = fcgi_read(&reader, span_skip(piece, total), &used, &data);

            total += used;
            assert_true(total <= piece.len);
            if (result == FCGI_MORE) {
                assert_int_equal(total, piece.len);
                break;
            }
            if (result == FCGI_BAD) {
                assert_true(fcgi_bad_word(reader.bad)[0] != '\0');
                strbuf_printf(told, "%sbad %d", kind != 0 ? ")" : "", reader.bad);
                return;
            }
            if (result == FCGI_END) {
                strbuf_printf(told, "%send %u %d", kind != 0 ? ")" : "", reader.app_status,
                              reader.status);
                kind = 0;
                continue;
            }
            char now = result == FCGI_OUT ? 'o' : 'e';
            if (now != kind) {
                strbuf_printf(told, "%s%c(", kind != 0 ? ")" : "", now);
                kind = now;
            }
            strbuf_add(told, data);
        }
    }
    if (fcgi_is_at_end(&reader)) {
        strbuf_add_cstr(told, " whole");
    }
}

static void records(void **state)
{
    static const struct {
        struct span in;
        const char *told;
    } cases[] = {
        {SPAN(OUT("\3") "abc" OUT("\2") "de" OUT("\0") END "\0\0\0\0\0\0\0\0"),
         "o(abcde)end 0 0 whole"},
        {SPAN(OUT("\3") "abc" ERR("\2", "\0") "de" END "\0\0\1\2\2\0\0\0"),
         "o(abc)e(de)end 258 2 whole"},
        {SPAN(ERR("\1", "\7") "xppppppp" END "\0\0\0\0\0\0\0\0"), "e(x)end 0 0 whole"},
        {SPAN("\1\3\0\1\0\x08\2\0"
              "\0\0\0\0\0\0\0\0"
              "pp"),
         "end 0 0 whole"},
        {SPAN("\1\3\0\1\0\x08\2\0"
              "\0\0\0\0\0\0\0\0"
              "p"),
         "end 0 0"},
        {SPAN("\1\3\0\1\0\x08\2\0"
              "\0\0\0\0\0\0\0\0"
              "ppx"),
         "end 0 0bad 6"},
        {SPAN(END "\0\0\0\0\0\0\0\0" OUT("\1") "x"), "end 0 0bad 6"},
        {SPAN(OUT("\3") "ab"), "o(ab"},
        {SPAN("\2\6\0\1\0\0\0\0"), "bad 1"},
        {SPAN("HTTP/1.1 200"), "bad 1"},
        {SPAN("\1\1\0\1\0\0\0\0"), "bad 2"},
        {SPAN("\1\x0b\0\0\0\0\0\0"), "bad 2"},
        {SPAN("\1\6\0\2\0\0\0\0"), "bad 3"},
        {SPAN("\1\6\1\1\0\0\0\0"), "bad 3"},
        {SPAN("\1\3\0\1\0\x07\0\0"), "bad 4"},
        {SPAN(END "\0\0\0\0\4\0\0\0"), "bad 5"},
        {SPAN(OUT("\0") OUT("\1") "x"), "bad 6"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t size = 1; size <= cases[i].in.len; size++) {
            struct strbuf told;

            strbuf_init(&told);
            read_in_pieces(cases[i].in, size, &told);
            if (!span_eq(strbuf_span(&told), span_from_cstr(cases[i].told))) {
                fail_msg("case %zu in pieces of %zu: %.*s", i, size, (int)told.len, told.ptr);
            }
            strbuf_free(&told);
        }
    }
}

static void records_that_bring_nothing_have_a_bound(void **state)
{
    struct strbuf in;
    struct strbuf told;

    (void)state;
    strbuf_init(&in);
    strbuf_init(&told);
    for (int i = 0; i < FCGI_EMPTY_MAX; i++) {
        strbuf_add(&in, SPAN_OF(ERR("\0", "\0")));
    }
    read_in_pieces(strbuf_span(&in), 1000, &told);
    assert_int_equal(told.len, 0);
    strbuf_add(&in, SPAN_OF(ERR("\0", "\0")));
    read_in_pieces(strbuf_span(&in), 1000, &told);
    assert_true(span_eq(strbuf_span(&told), SPAN_OF("bad 7")));
    strbuf_free(&told);
    strbuf_free(&in);
}

static void what_is_written(void **state)
{
    char header[FCGI_HEADER_BYTES];
    char begin[FCGI_BEGIN_BYTES];

    (void)state;
    fcgi_header(header, FCGI_STDIN, 65535);
    assert_memory_equal(header, "\1\5\0\1\xff\xff\0\0", 8);
    fcgi_begin(begin, true);
    assert_memory_equal(begin,
                        "\1\1\0\1\0\x08\0\0"
                        "\0\1\1\0\0\0\0\0",
                        16);
    fcgi_begin(begin, false);
    assert_int_equal(begin[10], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records),
        cmocka_unit_test(records_that_bring_nothing_have_a_bound),
        cmocka_unit_test(what_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The PROXY protocol's header, read whole and byte by byte from heap blocks of exact size, and
 * written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "io/proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4_BODY "\x0a\x00\x00\x01\x0a\x00\x00\x02\x30\x39\x01\xbb"

static enum proxy_header_result parse(struct proxy_header *header, struct span bytes)
{
    char *copy = malloc(bytes.len != 0 ? bytes.len : 1);
    enum proxy_header_result result;

    assert_non_null(copy);
    if (bytes.len != 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    result = proxy_header_parse(header, span_make(copy, bytes.len));
    header->authority.ptr = header->authority.ptr != NULL ? bytes.ptr : NULL;
    free(copy);
    return result;
}

static enum proxy_header_result parse_both_ways(struct proxy_header *header, struct span bytes)
{
    enum proxy_header_result result = PROXY_HEADER_MORE;
    enum proxy_header_result whole;
    struct proxy_header part;

    for (size_t n = 0; n <= bytes.len && result == PROXY_HEADER_MORE; n++) {
        result = parse(&part, span_head(bytes, n));
    }
    whole = parse(header, bytes);
    assert_int_equal(result, whole);
    if (whole == PROXY_HEADER_BAD) {
        assert_true(strlen(proxy_header_bad_text(header->bad)) > 10);
    } else if (whole == PROXY_HEADER_COMPLETE) {
        assert_true(header->len <= bytes.len);
        assert_int_equal(part.len, header->len);
        assert_int_equal(part.is_local, header->is_local);
    }
    return whole;
}

static void expect_peers(const struct proxy_header *header, const char *source,
                         const char *destination)
{
    char text[SOCK_TEXT_MAX];

    assert_false(header->is_local);
    (void)peer_text(&header->source, text);
    assert_string_equal(text, source);
    (void)peer_text(&header->destination, text);
    assert_string_equal(text, destination);
}

/* ---- version 1 ---- */

static void lines_are_read(void **state)
{
    struct proxy_header header;

    (void)state;
    assert_int_equal(
        parse_both_ways(&header, SPAN_OF("PROXY TCP4 10.0.0.1 10.0.0.2 12345 443\r\nGET /")),
        PROXY_HEADER_COMPLETE);
    assert_int_equal(header.len, 40);
    assert_false(header.is_v2);
    expect_peers(&header, "10.0.0.1:12345", "10.0.0.2:443");
    assert_int_equal(parse_both_ways(&header, SPAN_OF("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n")),
                     PROXY_HEADER_COMPLETE);
    expect_peers(&header, "[2001:db8::1]:0", "[::1]:65535");
    assert_int_equal(parse_both_ways(&header, SPAN_OF("PROXY UNKNOWN\r\n")), PROXY_HEADER_COMPLETE);
    assert_true(header.is_local);
    assert_int_equal(parse_both_ways(&header, SPAN_OF("PROXY UNKNOWN ffff::1 x  y\r\n")),
                     PROXY_HEADER_COMPLETE);
    assert_true(header.is_local);
}

static void longest_line_is_read(void **state)
{
    static const char line[] = "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535 "
                               "0123456789012345678901234567890123"
                               "456789012\r\n";
    struct proxy_header header;

    (void)state;
    assert_int_equal(sizeof(line) - 1, PROXY_HEADER_V1_MAX - 4);
    assert_int_equal(parse_both_ways(&header, span_make(line, sizeof(line) - 1)),
                     PROXY_HEADER_COMPLETE);
}

static void wrong_lines_are_refused(void **state)
{
    static const struct {
        struct span line;
        enum proxy_header_bad bad;
    } cases[] = {
        {SPAN("PROXY \r\n"), PROXY_HEADER_BAD_FAMILY},
        {SPAN("PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n"), PROXY_HEADER_BAD_FAMILY},
        {SPAN("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"), PROXY_HEADER_BAD_FAMILY},
        {SPAN("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n"), PROXY_HEADER_BAD_FAMILY},
        {SPAN("PROXY TCP4\r\n"), PROXY_HEADER_BAD_LINE},
        {SPAN("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"), PROXY_HEADER_BAD_LINE},
        {SPAN("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"), PROXY_HEADER_BAD_LINE},
        {SPAN("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"), PROXY_HEADER_BAD_LINE},
        {SPAN("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n"), PROXY_HEADER_BAD_LINE},
        {SPAN("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"), PROXY_HEADER_BAD_LINE},
        {SPAN("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r \n"), PROXY_HEADER_BAD_LINE},
        {SPAN("PROXY UNKNOWN a\0b\r\n"), PROXY_HEADER_BAD_LINE},
        {SPAN("PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n"), PROXY_HEADER_BAD_ADDRESS},
        {SPAN("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"), PROXY_HEADER_BAD_ADDRESS},
        {SPAN("PROXY TCP4 ::1 ::1 1 2\r\n"), PROXY_HEADER_BAD_ADDRESS},
        {SPAN("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n"), PROXY_HEADER_BAD_ADDRESS},
        {SPAN("PROXY TCP6 [::1] ::1 1 2\r\n"), PROXY_HEADER_BAD_ADDRESS},
        {SPAN("PROXY TCP6 fe80::1%lo ::1 1 2\r\n"), PROXY_HEADER_BAD_ADDRESS},
        {SPAN("PROXY TCP4 1.2.3.4 a.example 1 2\r\n"), PROXY_HEADER_BAD_ADDRESS},
        {SPAN("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"), PROXY_HEADER_BAD_PORT},
        {SPAN("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"), PROXY_HEADER_BAD_PORT},
        {SPAN("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n"), PROXY_HEADER_BAD_PORT},
        {SPAN("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n"), PROXY_HEADER_BAD_PORT},
        {SPAN("PROXY TCP4 1.2.3.4 1.2.3.4 0x1 2\r\n"), PROXY_HEADER_BAD_PORT},
        {SPAN("PROXY UNKNOWN "
              "0123456789012345678901234567890123456789012345678901234567890123456789"
              "0123456789012345678901234567890123456789\r\n"),
         PROXY_HEADER_BAD_TOO_LONG},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct proxy_header header;
        assert_int_equal(parse_both_ways(&header, cases[i].line), PROXY_HEADER_BAD);
        assert_int_equal(header.bad, cases[i].bad);
    }
}

static void other_protocols_are_no_header(void **state)
{
    static const struct span others[] = {SPAN("GET / HTTP/1.1\r\n"), SPAN("PRI * HTTP/2.0"),
                                         SPAN("PROXYING "),          SPAN("proxy TCP4"),
                                         SPAN("\x16\x03\x01"),       SPAN("\r\n\r\nGET "),
                                         SPAN("\r\n\r\n\0\r\nQUIX")};
    struct proxy_header header;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(parse_both_ways(&header, others[i]), PROXY_HEADER_NOT);
    }
    assert_int_equal(parse(&header, SPAN_OF("")), PROXY_HEADER_MORE);
    assert_int_equal(parse(&header, SPAN_OF("P")), PROXY_HEADER_MORE);
    assert_int_equal(parse(&header, SPAN_OF("\r\n")), PROXY_HEADER_MORE);
}

/* ---- version 2 ---- */

static void binary_headers_are_read(void **state)
{
    struct proxy_header header;

    (void)state;
    assert_int_equal(
        parse_both_ways(&header, SPAN_OF(SIGNATURE "\x21\x11\x00\x0c" TCP4_BODY "rest")),
        PROXY_HEADER_COMPLETE);
    assert_int_equal(header.len, 28);
    assert_true(header.is_v2);
    assert_null(header.authority.ptr);
    expect_peers(&header, "10.0.0.1:12345", "10.0.0.2:443");
    assert_int_equal(
        parse_both_ways(&header,
                        SPAN_OF(SIGNATURE "\x21\x21\x00\x24"
                                          "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                                          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50\x01\xbb")),
        PROXY_HEADER_COMPLETE);
    expect_peers(&header, "[2001:db8::1]:80", "[::1]:443");
    /* LOCAL: whatever it holds is skipped. */
    assert_int_equal(parse_both_ways(&header, SPAN_OF(SIGNATURE "\x20\x00\x00\x00")),
                     PROXY_HEADER_COMPLETE);
    assert_true(header.is_local);
    assert_int_equal(parse_both_ways(&header, SPAN_OF(SIGNATURE "\x20\x11\x00\x03???")),
                     PROXY_HEADER_COMPLETE);
    assert_true(header.is_local);
    assert_int_equal(header.len, 19);
    assert_int_equal(parse_both_ways(&header, SPAN_OF(SIGNATURE "\x21\x00\x00\x00")),
                     PROXY_HEADER_COMPLETE);
    assert_true(header.is_local);
}

static void unix_addresses_are_read(void **state)
{
    struct strbuf made;
    struct proxy_header header;

    (void)state;
    strbuf_init(&made);
    strbuf_add(&made, SPAN_OF(SIGNATURE "\x21\x31\x00\xd8"));
    memset(strbuf_reserve(&made, 216), 'x', 216);
    made.len += 216;
    assert_int_equal(parse_both_ways(&header, strbuf_span(&made)), PROXY_HEADER_COMPLETE);
    assert_true(header.source.is_unix && header.destination.is_unix);
    strbuf_free(&made);
}

static void tlvs_are_read(void **state)
{
    struct proxy_header header;
    struct span bytes = SPAN(SIGNATURE "\x21\x11\x00\x26" TCP4_BODY "\x04\x00\x02\x00\x00"
                                       "\x02\x00\x09"
                                       "a.example"
                                       "\x20\x00\x06\x01\x00\x00\x00\x00\x00");

    (void)state;
    /* The SSL TLV holds a cut TLV of its own. */
    assert_int_equal(parse_both_ways(&header, bytes), PROXY_HEADER_BAD);
    assert_int_equal(header.bad, PROXY_HEADER_BAD_TLV);
    bytes = SPAN_OF(SIGNATURE "\x21\x11\x00\x2d" TCP4_BODY "\x04\x00\x02\x00\x00"
                              "\x02\x00\x09"
                              "a.example"
                              "\x20\x00\x0a\x01\x00\x00\x00\x00\x21\x00\x02v3");
    char *copy = malloc(bytes.len);
    assert_non_null(copy);
    memcpy(copy, bytes.ptr, bytes.len);
    copy[15] = (char)(bytes.len - 16);
    assert_int_equal(proxy_header_parse(&header, span_make(copy, bytes.len)),
                     PROXY_HEADER_COMPLETE);
    assert_true(span_eq(header.authority, SPAN_OF("a.example")));
    free(copy);
}

static void checksum_is_checked(void **state)
{
    /* The checksum was computed by another implementation of CRC32c. */
    char bytes[] = SIGNATURE "\x21\x11\x00\x13" TCP4_BODY "\x03\x00\x04\x00\x00\x00\x00";
    size_t len = sizeof(bytes) - 1;
    struct proxy_header header;

    (void)state;
    memcpy(bytes + len - 4, "\x49\x27\x7a\x57", 4);
    assert_int_equal(parse_both_ways(&header, span_make(bytes, len)), PROXY_HEADER_COMPLETE);
    for (size_t i = 16; i < len; i++) {
        if (i < 28 || i >= 31) {
            bytes[i] ^= 1;
            assert_int_equal(parse_both_ways(&header, span_make(bytes, len)), PROXY_HEADER_BAD);
            assert_int_equal(header.bad, PROXY_HEADER_BAD_CHECKSUM);
            bytes[i] ^= 1;
        }
    }
}

static void wrong_binary_headers_are_refused(void **state)
{
    static const struct {
        struct span bytes;
        enum proxy_header_bad bad;
    } cases[] = {
        {SPAN(SIGNATURE "\x11"), PROXY_HEADER_BAD_VERSION},
        {SPAN(SIGNATURE "\x22"), PROXY_HEADER_BAD_VERSION},
        {SPAN(SIGNATURE "\x31"), PROXY_HEADER_BAD_VERSION},
        {SPAN(SIGNATURE "\x21\x12\x00\x0c" TCP4_BODY), PROXY_HEADER_BAD_FAMILY},
        {SPAN(SIGNATURE "\x21\x41\x00\x0c" TCP4_BODY), PROXY_HEADER_BAD_FAMILY},
        {SPAN(SIGNATURE "\x21\x11\x00\x0b\x0a\x00\x00\x01\x0a\x00\x00\x02\x30\x39\x01"),
         PROXY_HEADER_BAD_ADDRESS},
        {SPAN(SIGNATURE "\x21\x11\x0f\xf1"), PROXY_HEADER_BAD_TOO_LONG},
        {SPAN(SIGNATURE "\x21\x11\xff\xff"), PROXY_HEADER_BAD_TOO_LONG},
        {SPAN(SIGNATURE "\x21\x11\x00\x0d" TCP4_BODY "\x04"), PROXY_HEADER_BAD_TLV},
        {SPAN(SIGNATURE "\x21\x11\x00\x0f" TCP4_BODY "\x04\x00\x01"), PROXY_HEADER_BAD_TLV},
        {SPAN(SIGNATURE "\x21\x11\x00\x0f" TCP4_BODY "\x02\x00\x00"), PROXY_HEADER_BAD_TLV},
        {SPAN(SIGNATURE "\x21\x11\x00\x14" TCP4_BODY "\x02\x00\x01"
                        "a"
                        "\x02\x00\x01"
                        "b"),
         PROXY_HEADER_BAD_TLV},
        {SPAN(SIGNATURE "\x21\x11\x00\x12" TCP4_BODY "\x03\x00\x03"
                        "abc"),
         PROXY_HEADER_BAD_TLV},
        {SPAN(SIGNATURE "\x21\x11\x00\x10" TCP4_BODY "\x20\x00\x01\x00"), PROXY_HEADER_BAD_TLV},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct proxy_header header;
        assert_int_equal(parse_both_ways(&header, cases[i].bytes), PROXY_HEADER_BAD);
        assert_int_equal(header.bad, cases[i].bad);
    }
}

/* ---- writing ---- */

static struct peer peer_of(const char *host, uint16_t port)
{
    struct sock_address address;

    assert_true(sock_address_from_ip(&address, host, port));
    return peer_from(&address);
}

static void expect_round_trip(const struct peer *source, const struct peer *destination)
{
    char out[PROXY_HEADER_WRITE_MAX];
    struct proxy_header header;
    char name[PROXY_HEADER_AUTHORITY_MAX + 1];
    const struct span names[] = {{NULL, 0},
                                 SPAN("a.example"),
                                 {name, PROXY_HEADER_AUTHORITY_MAX},
                                 {name, PROXY_HEADER_AUTHORITY_MAX + 1}};
    size_t len = proxy_header_write_v1(out, source, destination);
    bool is_known = !source->is_unix && !destination->is_unix;

    memset(name, 'n', sizeof(name));
    assert_true(len <= PROXY_HEADER_V1_MAX);
    assert_int_equal(parse_both_ways(&header, span_make(out, len)), PROXY_HEADER_COMPLETE);
    assert_int_equal(header.is_local, !is_known);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (is_known) {
            assert_memory_equal(header.source.ip, source->ip, 16);
            assert_memory_equal(header.destination.ip, destination->ip, 16);
            assert_int_equal(header.source.port, source->port);
            assert_int_equal(header.destination.port, destination->port);
        }
        len = proxy_header_write_v2(out, source, destination, names[i], NULL);
        assert_true(len <= sizeof(out));
        assert_int_equal(proxy_header_parse(&header, span_make(out, len)), PROXY_HEADER_COMPLETE);
        assert_int_equal(header.len, len);
        assert_int_equal(header.is_local, !is_known);
        if (is_known && i < 3) {
            assert_true(span_eq(header.authority, names[i]));
        } else {
            assert_null(header.authority.ptr);
        }
    }
}

static void tls_is_told_of(void **state)
{
    const struct peer v4 = peer_of("192.0.2.1", 1);
    char name[PROXY_HEADER_TEXT_MAX + 9];
    const struct proxy_header_tls full = {
        .version = SPAN_OF("TLSv1.3"),
        .cipher = SPAN_OF("TLS_AES_128_GCM_SHA256"),
        .alpn = SPAN_OF("mqtt"),
        .common_name = {name, sizeof(name)},
        .has_certificate = true,
        .is_verified = true,
    };
    const struct proxy_header_tls least = {.version = SPAN_OF("TLSv1.2")};
    static const char least_bytes[] = "\x20\0\x0f\x01\0\0\0\x01\x21\0\x07TLSv1.2";
    char out[PROXY_HEADER_WRITE_MAX];
    struct proxy_header header;
    size_t len;

    (void)state;
    memset(name, 'n', sizeof(name));
    len = proxy_header_write_v2(out, &v4, &v4, SPAN_OF("a.example"), &full);
    assert_true(len <= sizeof(out));
    assert_int_equal(parse_both_ways(&header, span_make(out, len)), PROXY_HEADER_COMPLETE);
    assert_int_equal(header.len, len);
    /* The name is cut, and the flags say TLS, with a certificate on this connection. */
    assert_int_equal(len, 16 + 12 + 3 + 9 + 3 + 4 + 3 + 5 + 3 + 7 + 3 + PROXY_HEADER_TEXT_MAX + 3 +
                              strlen("TLS_AES_128_GCM_SHA256"));
    assert_memory_equal(out + 16 + 12 + 12 + 7 + 3, "\x03\0\0\0\0", 5);
    len = proxy_header_write_v2(out, &v4, &v4, span_make(NULL, 0), &least);
    assert_int_equal(len, 16 + 12 + sizeof(least_bytes) - 1);
    assert_memory_equal(out + 16 + 12, least_bytes, sizeof(least_bytes) - 1);
}

static void what_is_written_can_be_read(void **state)
{
    const struct peer v4 = peer_of("192.0.2.1", 65535);
    const struct peer other_v4 = peer_of("198.51.100.255", 443);
    const struct peer v6 = peer_of("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
    const struct peer loopback = peer_of("::1", 0);
    const struct peer on_unix = {.is_unix = true};
    char out[PROXY_HEADER_WRITE_MAX];

    (void)state;
    expect_round_trip(&v4, &other_v4);
    expect_round_trip(&v6, &loopback);
    expect_round_trip(&v6, &v6);
    expect_round_trip(&v4, &v6);
    expect_round_trip(&on_unix, &v4);
    expect_round_trip(&v4, &on_unix);
    (void)proxy_header_write_v1(out, &v4, &other_v4);
    assert_string_equal(out, "PROXY TCP4 192.0.2.1 198.51.100.255 65535 443\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(longest_line_is_read),
        cmocka_unit_test(wrong_lines_are_refused),
        cmocka_unit_test(other_protocols_are_no_header),
        cmocka_unit_test(binary_headers_are_read),
        cmocka_unit_test(unix_addresses_are_read),
        cmocka_unit_test(tlvs_are_read),
        cmocka_unit_test(checksum_is_checked),
        cmocka_unit_test(wrong_binary_headers_are_refused),
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(tls_is_told_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

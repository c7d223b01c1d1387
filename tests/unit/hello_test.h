/* What the tests of ClientHellos share: hellos of the library's own and made by hand, and parsing
 * them from heap blocks of exact size, so that ASan sees a read past the end. */
#ifndef TIDEGATE_TESTS_HELLO_TEST_H
#define TIDEGATE_TESTS_HELLO_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "tls/hello.h"

/* ---- making hellos ---- */

static inline void add_u16(struct strbuf *b, size_t n)
{
    strbuf_add_char(b, (char)(n >> 8));
    strbuf_add_char(b, (char)n);
}

/* What the library's client sends first: one record. */
static inline struct strbuf library_hello(const char *sni, int max_version, bool has_alpn)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;
    struct strbuf made;
    char *bytes;
    long len;

    assert_non_null(ctx);
    SSL_CTX_set_max_proto_version(ctx, max_version);
    ssl = SSL_new(ctx);
    assert_non_null(ssl);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (sni != NULL) {
        assert_int_equal(SSL_set_tlsext_host_name(ssl, sni), 1);
    }
    if (has_alpn) {
        assert_int_equal(SSL_set_alpn_protos(ssl, (const unsigned char *)"\x02h2\x08http/1.1", 12),
                         0);
    }
    assert_int_equal(SSL_connect(ssl), -1);
    len = BIO_get_mem_data(SSL_get_wbio(ssl), &bytes);
    strbuf_init(&made);
    strbuf_add(&made, span_make(bytes, (size_t)len));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return made;
}

/* A message in records of `step` payload bytes. */
static inline struct strbuf wrap(struct span message, size_t step)
{
    struct strbuf made;

    strbuf_init(&made);
    while (message.len != 0) {
        size_t part = message.len < step ? message.len : step;
        strbuf_add(&made, SPAN_OF("\x16\x03\x01"));
        add_u16(&made, part);
        strbuf_add(&made, span_head(message, part));
        message = span_skip(message, part);
    }
    return made;
}

static inline struct strbuf message_of(struct span extensions, bool has_extensions)
{
    struct strbuf body, made;

    strbuf_init(&body);
    strbuf_init(&made);
    strbuf_add(&body, SPAN_OF("\x03\x03"
                              "0123456789abcdef0123456789abcdef"
                              "\x00\x00\x02\x13\x01\x01\x00"));
    if (has_extensions) {
        add_u16(&body, extensions.len);
        strbuf_add(&body, extensions);
    }
    strbuf_add_char(&made, 1);
    strbuf_add_char(&made, 0);
    add_u16(&made, body.len);
    strbuf_add(&made, strbuf_span(&body));
    strbuf_free(&body);
    return made;
}

static inline struct strbuf hello_of(struct span extensions)
{
    struct strbuf message = message_of(extensions, true);
    struct strbuf made = wrap(strbuf_span(&message), 16384);

    strbuf_free(&message);
    return made;
}

/* One server_name extension with one host_name. */
static inline struct strbuf name_extension(struct span name)
{
    struct strbuf made;

    strbuf_init(&made);
    add_u16(&made, 0);
    add_u16(&made, name.len + 5);
    add_u16(&made, name.len + 3);
    strbuf_add_char(&made, 0);
    add_u16(&made, name.len);
    strbuf_add(&made, name);
    return made;
}

/* ---- parsing ---- */

static char scratch[HELLO_BYTES_MAX];

static inline enum hello_result parse(struct hello *hello, struct span bytes, size_t limit)
{
    char *copy = malloc(bytes.len != 0 ? bytes.len : 1);
    enum hello_result result;

    assert_non_null(copy);
    if (bytes.len != 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    result = hello_parse(hello, span_make(copy, bytes.len), limit, scratch);
    hello->alpn_count = 0; /* they point into the copy */
    free(copy);
    return result;
}

/* Whole and byte by byte, both must come to the same; true to `wanted` on the way. */
static inline enum hello_result parse_both_ways(struct hello *hello, struct span bytes)
{
    enum hello_result whole = parse(hello, bytes, HELLO_BYTES_MAX);
    enum hello_result result = HELLO_MORE;
    struct hello part;
    size_t wanted = 0;

    for (size_t n = 0; n <= bytes.len && result == HELLO_MORE; n++) {
        result = parse(&part, span_head(bytes, n), HELLO_BYTES_MAX);
        if (result == HELLO_MORE) {
            assert_true(part.wanted > n);
            assert_true(part.wanted >= wanted);
            wanted = part.wanted;
        }
        if (result == HELLO_COMPLETE) {
            assert_true(wanted <= n);
            assert_int_equal(part.consumed, n);
        }
    }
    assert_int_equal(result, whole);
    if (whole == HELLO_BAD) {
        assert_int_equal(part.bad, hello->bad);
        assert_true(strlen(hello_bad_word(hello->bad)) > 5);
        assert_true(strlen(hello_bad_text(hello->bad)) > 10);
        assert_true(hello_bad_alert(hello->bad) > 0);
    }
    return whole;
}

#endif

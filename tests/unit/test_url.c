/* base/url: what is taken for an address to fetch from, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/url.h"

static void urls(void **state)
{
    static const struct {
        const char *text, *host, *authority, *target;
        unsigned port;
    } good_ones[] = {
        {"http://ocsp.example", "ocsp.example", "ocsp.example", "/", 80},
        {"HTTP://Ocsp.Example/", "Ocsp.Example", "Ocsp.Example", "/", 80},
        {"http://a:8080/b/c?d=e", "a", "a:8080", "/b/c?d=e", 8080},
        {"http://a?d", "a", "a", "/?d", 80},
        {"http://127.0.0.1:1/", "127.0.0.1", "127.0.0.1:1", "/", 1},
        {"http://[::1]:81/x", "::1", "[::1]:81", "/x", 81},
        {"http://[::1]", "::1", "[::1]", "/", 80},
        {"https://keys.example/jwks", "keys.example", "keys.example", "/jwks", 443},
        {"HTTPS://a:8443?b", "a", "a:8443", "/?b", 8443},
    };
    static const char *const bad_ones[] = {
        "",
        "http://",
        "http:///path",
        "https://",
        "https:/a/",
        "ftp://a/",
        "//a/",
        "http://a:/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:+1/",
        "http://user@a/",
        "http://a/b c",
        "http://a/\r\nHost: b",
        "http://a/\x80",
        "http://a/#b",
        "http://a\\b/",
        "http://[::1/",
        "http://[]/",
        "http://[::1]x/",
        "http://a]b/",
        "http://%61/",
    };
    struct url url;
    char text[URL_MAX + 2];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good_ones); i++) {
        assert_true(url_parse(span_from_cstr(good_ones[i].text), &url));
        assert_string_equal(url.host, good_ones[i].host);
        assert_true(span_eq_cstr(url.authority, good_ones[i].authority));
        assert_string_equal(url.target, good_ones[i].target);
        assert_int_equal(url.port, good_ones[i].port);
        assert_int_equal(url.is_https, ascii_lower(good_ones[i].text[4]) == 's');
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_ones); i++) {
        assert_false(url_parse(span_from_cstr(bad_ones[i]), &url));
    }
    assert_false(url_parse(span_make("http://a/\0", 10), &url));
    memset(text, 'a', sizeof(text));
    memcpy(text, "http://a/", 9);
    assert_true(url_parse(span_make(text, URL_MAX), &url));
    assert_false(url_parse(span_make(text, URL_MAX + 1), &url));
    memset(text + 7, 'a', URL_HOST_MAX + 1);
    text[7 + URL_HOST_MAX] = '/';
    assert_true(url_parse(span_make(text, 7 + URL_HOST_MAX), &url));
    text[7 + URL_HOST_MAX] = 'a';
    assert_false(url_parse(span_make(text, 7 + URL_HOST_MAX + 1), &url));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(urls)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What files are said to be that are not what was wanted, and that no bytes hurt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tls/cert_name.h"
#include "tls/pem_kind.h"

static const struct {
    enum pem_wanted wanted;
    struct span bytes;
    const char *words;
} rows[] = {
    {PEM_WANTS_KEY, SPAN("-----BEGIN OPENSSH PRIVATE KEY-----\n"), "ssh-keygen -p"},
    {PEM_WANTS_CERTIFICATE, SPAN("-----BEGIN OPENSSH PRIVATE KEY-----\n"), "OpenSSH"},
    {PEM_WANTS_CERTIFICATE, SPAN("\xff\xfe-\0-\0"), "UTF-16"},
    {PEM_WANTS_KEY, SPAN("-\0-\0-\0-\0"), "UTF-16"},
    {PEM_WANTS_CERTIFICATE, SPAN("\xfe\xed\xfe\xed\0\0\0\2"), "keytool"},
    {PEM_WANTS_CERTIFICATE, SPAN("0\x03\x02\x01\x03"), "PKCS#12"},
    {PEM_WANTS_CERTIFICATE, SPAN("0\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), "PKCS#7"},
    {PEM_WANTS_CERTIFICATE, SPAN("0\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), "PKCS#7"},
    {PEM_WANTS_KEY, SPAN("0\x03\x02\x01\x01"), "openssl pkey -inform DER"},
    {PEM_WANTS_CRL, SPAN("-----BEGIN CERTIFICATE-----\n"), "holds a certificate"},
    {PEM_WANTS_CRL, SPAN("x"), "X509 CRL"},
    {PEM_WANTS_KEY, SPAN("x"), "BEGIN PRIVATE KEY"},
    {PEM_WANTS_CERTIFICATE, SPAN("x"), "BEGIN CERTIFICATE"},
    {PEM_WANTS_CERTIFICATE, SPAN("<html>"), "web page"},
    {PEM_WANTS_CERTIFICATE, SPAN("-----BEGIN CERTIFICATE-----MIIB-----END CERTIFICATE-----"),
     "line breaks"},
    {PEM_WANTS_KEY, SPAN("-----BEGIN EC PRIVATE KEY-----MHcC-----END EC PRIVATE KEY-----"), "fold"},
    {PEM_WANTS_CRL, SPAN("-----BEGIN X509 CRL-----MIIB-----END X509 CRL-----"), "line breaks"},
    {PEM_WANTS_CERTIFICATE, SPAN("-----BEGIN CERTIFICATE-----\nMII"), "damaged"},
};

static void each_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error error = {""};
        assert_false(pem_kind_explain("a.pem", rows[i].bytes, rows[i].wanted, &error));
        if (strstr(error.text, rows[i].words) == NULL) {
            print_message("%zu: %s\n", i, error.text);
        }
        assert_non_null(strstr(error.text, rows[i].words));
        assert_non_null(strstr(error.text, "'a.pem'"));
    }
}

/* Each prefix, in memory of its own, so that a sanitizer sees a byte too far. */
static void any_prefix_is_told_of(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t len = 1; len <= rows[i].bytes.len; len++) {
            char *copy = malloc(len);
            struct error error = {""};
            assert_non_null(copy);
            memcpy(copy, rows[i].bytes.ptr, len);
            for (enum pem_wanted w = PEM_WANTS_CERTIFICATE; w <= PEM_WANTS_CRL; w++) {
                assert_false(pem_kind_explain("a.pem", span_make(copy, len), w, &error));
            }
            free(copy);
        }
    }
}

static void names_are_compared_as_clients_do(void **state)
{
    static const struct {
        const char *pattern;
        const char *host;
        enum cert_cover cover;
    } pairs[] = {
        {"a.example", "A.Example", CERT_COVER_EXACT},
        {"*.example.org", "a.example.org", CERT_COVER_WILDCARD},
        {"*.example.org", "a.b.example.org", CERT_COVER_NONE},
        {"*.example.org", "example.org", CERT_COVER_NONE},
        {"*.example.org", ".example.org", CERT_COVER_NONE},
        {"w*.example.org", "www.example.org", CERT_COVER_NONE},
        {"a.example", "", CERT_COVER_NONE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        assert_int_equal(
            cert_name_cover(span_from_cstr(pairs[i].pattern), span_from_cstr(pairs[i].host)),
            pairs[i].cover);
    }
    assert_null(cert_name_fault(SPAN_OF("*.shop.example")));
    assert_null(cert_name_fault(SPAN_OF("localhost")));
    assert_non_null(cert_name_fault(SPAN_OF("*.lan")));
    assert_non_null(cert_name_fault(SPAN_OF("a.example.")));
    assert_non_null(cert_name_fault(SPAN_OF("*")));
    assert_non_null(cert_name_fault(SPAN_OF("a*.b.example")));
    assert_non_null(cert_name_fault(SPAN_OF("")));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_named),
        cmocka_unit_test(any_prefix_is_told_of),
        cmocka_unit_test(names_are_compared_as_clients_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The facts of certificates, read from their DER without the library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls/cert_scan.h"
#include "tls_test.h"

static struct span to_der(const struct identity *identity)
{
    unsigned char *der = NULL;
    int len = i2d_X509(identity->certificate, &der);
    char *copy;

    assert_true(len > 0);
    copy = malloc((size_t)len);
    assert_non_null(copy);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    return span_make(copy, (size_t)len);
}

static void done(struct span der, struct identity *identity)
{
    free((char *)(uintptr_t)der.ptr);
    identity_free(identity);
}

static int64_t seconds(const ASN1_TIME *when)
{
    struct tm parts;

    assert_int_equal(ASN1_TIME_to_tm(when, &parts), 1);
    return (int64_t)timegm(&parts);
}

static void facts_are_the_librarys(void **state)
{
    static const struct {
        const char *key;
        enum cert_kind kind;
        int until_days;
    } cases[] = {{"EC", CERT_KIND_P256, 90},
                 {"EC:P-384", CERT_KIND_P384, 365},
                 {"EC:P-521", CERT_KIND_P521, 365},
                 {"RSA:2048", CERT_KIND_RSA, 40},
                 /* Beyond 2049 the time is written in another way. */
                 {"ED25519", CERT_KIND_ED25519, 365 * 60}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct identity_options options = {
            .subject = "facts",
            .names = "IP:127.0.0.1,DNS:a.example,email:x@y.example,DNS:*.B.example",
            .key = cases[i].key,
            .from_days = -3,
            .until_days = cases[i].until_days,
            .usage = "serverAuth"};
        struct identity identity = identity_make(&options, NULL);
        struct span der = to_der(&identity);
        struct cert_scan scan;
        struct span name;
        assert_true(cert_scan_der(der, &scan));
        assert_int_equal(scan.kind, cases[i].kind);
        assert_true(scan.not_before == seconds(X509_get0_notBefore(identity.certificate)));
        assert_true(scan.not_after == seconds(X509_get0_notAfter(identity.certificate)));
        assert_true(cert_scan_next_name(&scan, &name));
        assert_true(span_eq_cstr(name, "a.example"));
        assert_true(cert_scan_next_name(&scan, &name));
        assert_true(span_eq_cstr(name, "*.B.example"));
        assert_false(cert_scan_next_name(&scan, &name));
        assert_false(cert_scan_next_name(&scan, &name));
        done(der, &identity);
    }
}

static void no_names_is_no_error(void **state)
{
    const struct identity_options options = {.subject = "bare"};
    struct identity identity = identity_make(&options, NULL);
    struct span der = to_der(&identity);
    struct cert_scan scan;
    struct span name;

    (void)state;
    assert_true(cert_scan_der(der, &scan));
    assert_false(cert_scan_next_name(&scan, &name));
    done(der, &identity);
}

/* Cut anywhere, on copies of the exact size; and with each byte changed in several ways. */
static void damaged_ones_are_survived(void **state)
{
    const struct identity_options options = {.subject = "cut", .names = "DNS:a.example,DNS:b.c"};
    struct identity identity = identity_make(&options, NULL);
    struct span der = to_der(&identity);
    struct cert_scan scan;
    struct span name;

    (void)state;
    for (size_t len = 0; len < der.len; len++) {
        char *copy = malloc(len != 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, der.ptr, len);
        assert_false(cert_scan_der(span_make(copy, len), &scan));
        free(copy);
    }
    for (size_t at = 0; at < der.len; at++) {
        static const unsigned char others[] = {0x00, 0x30, 0x80, 0x84, 0xff};
        char *copy = malloc(der.len);
        assert_non_null(copy);
        for (size_t i = 0; i < sizeof(others); i++) {
            memcpy(copy, der.ptr, der.len);
            copy[at] = (char)others[i];
            bool ok = cert_scan_der(span_make(copy, der.len), &scan);
            while (ok && cert_scan_next_name(&scan, &name)) {
                assert_true(name.ptr >= copy && name.ptr + name.len <= copy + der.len);
            }
        }
        free(copy);
    }
    done(der, &identity);
}

static void the_first_certificate_of_a_text(void **state)
{
    const struct identity_options options = {.subject = "pem", .names = "DNS:pem.example"};
    struct identity identity = identity_make(&options, NULL);
    struct span der = to_der(&identity);
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;
    char out[8192];
    struct span text;
    struct span found;

    (void)state;
    assert_int_equal(BIO_puts(bio, "a text in front\n"), 16);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, identity.key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(PEM_write_bio_X509(bio, identity.certificate), 1);
    assert_true(BIO_puts(bio, "-----BEGIN CERTIFICATE-----\nAAAA\n") > 0);
    text.len = (size_t)BIO_get_mem_data(bio, &bytes);
    text.ptr = bytes;
    assert_true(cert_scan_pem(text, out, sizeof(out), &found));
    assert_true(span_eq(found, der));
    assert_false(cert_scan_pem(text, out, der.len / 2, &found));
    for (size_t len = 0; len < text.len; len++) {
        char *copy = malloc(len != 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, text.ptr, len);
        if (cert_scan_pem(span_make(copy, len), out, sizeof(out), &found)) {
            assert_true(span_eq(found, der));
        }
        free(copy);
    }
    assert_false(cert_scan_pem(SPAN_OF("-----BEGIN CERTIFICATE-----\n%%%%\n"
                                       "-----END CERTIFICATE-----\n"),
                               out, sizeof(out), &found));
    BIO_free(bio);
    done(der, &identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_the_librarys),
        cmocka_unit_test(no_names_is_no_error),
        cmocka_unit_test(damaged_ones_are_survived),
        cmocka_unit_test(the_first_certificate_of_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Certificates looked at: what they cover, until when, and what people are told about files that
 * are not what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/span.h"
#include "tls/certificate.h"
#include "tls/private_key.h"
#include "tls_test.h"

static struct identity root, intermediate, leaf;

static int set_up(void **state)
{
    const struct identity_options root_options = {.subject = "root", .is_ca = true};
    const struct identity_options intermediate_options = {.subject = "between", .is_ca = true};
    const struct identity_options leaf_options = {
        .subject = "site",
        .names = "DNS:Site.example,DNS:*.wild.example,DNS:xn--bcher-kva.example,IP:192.0.2.7"};

    root = identity_make(&root_options, NULL);
    intermediate = identity_make(&intermediate_options, &root);
    leaf = identity_make(&leaf_options, &intermediate);
    return tls_test_set_up(state);
}

static int tear_down(void **state)
{
    identity_free(&root);
    identity_free(&intermediate);
    identity_free(&leaf);
    return tls_test_tear_down(state);
}

static struct certificate *load(const char *path)
{
    struct error error = {"no error"};
    struct certificate *certificate = certificate_load(path, &error);

    if (certificate == NULL) {
        print_message("%s\n", error.text);
    }
    assert_non_null(certificate);
    return certificate;
}

static void expect_error(const char *path, const char *words)
{
    struct error error = {"no error"};

    assert_null(certificate_load(path, &error));
    assert_non_null(strstr(error.text, path));
    if (strstr(error.text, words) == NULL) {
        print_message("%s\n", error.text);
    }
    assert_non_null(strstr(error.text, words));
}

static void facts_are_read(void **state)
{
    const struct identity *chain[] = {&leaf, &intermediate};
    struct certificate *certificate = load(test_write_chain("chain.pem", chain, 2));
    int64_t now = (int64_t)time(NULL);

    (void)state;
    assert_int_equal(certificate_chain_length(certificate), 2);
    assert_string_equal(certificate_subject(certificate), "CN=site");
    assert_string_equal(certificate_issuer(certificate), "CN=between");
    assert_string_equal(certificate_key_kind(certificate), "EC P-256");
    assert_string_equal(certificate_names(certificate),
                        "Site.example, *.wild.example, xn--bcher-kva.example");
    assert_int_equal(strlen(certificate_fingerprint(certificate)), 64);
    assert_int_equal(strspn(certificate_fingerprint(certificate), "0123456789abcdef"), 64);
    assert_true(certificate_not_before(certificate) < now);
    assert_true(certificate_not_after(certificate) > now + 360 * 86400);
    certificate_destroy(certificate);
    certificate_destroy(NULL);
}

static void kinds_of_keys_are_named(void **state)
{
    static const struct {
        const char *key;
        const char *kind;
    } cases[] = {{"EC:P-384", "EC P-384"},
                 {"EC:P-521", "EC P-521"},
                 {"EC:secp256k1", "EC secp256k1"},
                 {"RSA:2048", "RSA 2048"},
                 {"ED25519", "ED25519"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct identity_options options = {.subject = "x", .key = cases[i].key};
        struct identity identity = identity_make(&options, NULL);
        struct certificate *certificate = load(test_write_certificate("kind.pem", &identity));
        struct error error;
        assert_string_equal(certificate_key_kind(certificate), cases[i].kind);
        assert_string_equal(certificate_names(certificate), "");
        assert_int_equal(certificate_check_strength(certificate, &error),
                         strstr(cases[i].kind, "secp256k1") == NULL);
        certificate_destroy(certificate);
        identity_free(&identity);
    }
}

static void names_are_covered(void **state)
{
    static const struct {
        const char *host;
        bool is_covered;
    } cases[] = {
        {"site.example", true},    {"www.site.example", false},
        {"*.site.example", false}, {"a.wild.example", true},
        {"*.wild.example", true},  {"a.b.wild.example", false},
        {"wild.example", false},   {"*", true},
        {"site", false},           {"xn--bcher-kva.example", true},
        {"192.0.2.7", true},       {"192.0.2.8", false},
        {"*.example", false},      {"site.example.", false},
    };
    struct certificate *certificate = load(test_write_certificate("leaf.pem", &leaf));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (certificate_covers(certificate, cases[i].host) != cases[i].is_covered) {
            print_message("%s\n", cases[i].host);
        }
        assert_int_equal(certificate_covers(certificate, cases[i].host), cases[i].is_covered);
    }
    certificate_destroy(certificate);
}

static void many_names_are_cut_off(void **state)
{
    const struct identity_options options = {
        .subject = "many",
        .names = "DNS:1.x,DNS:2.x,DNS:3.x,DNS:4.x,DNS:5.x,DNS:6.x,DNS:7.x,DNS:8.x,DNS:9.x"};
    struct identity identity = identity_make(&options, NULL);
    struct certificate *certificate = load(test_write_certificate("many.pem", &identity));

    (void)state;
    assert_string_equal(certificate_names(certificate),
                        "1.x, 2.x, 3.x, 4.x, 5.x, 6.x, 7.x, 8.x, ...");
    assert_true(certificate_covers(certificate, "9.x"));
    certificate_destroy(certificate);
    identity_free(&identity);
}

static void expect_time(int from_days, int until_days, enum certificate_time at,
                        const char *warning_words)
{
    const struct identity_options options = {
        .subject = "x", .from_days = from_days, .until_days = until_days};
    struct identity identity = identity_make(&options, NULL);
    struct certificate *certificate = load(test_write_certificate("time.pem", &identity));
    int64_t now = (int64_t)time(NULL);
    struct error warning = {""};

    assert_int_equal(certificate_time_at(certificate, now), at);
    assert_int_equal(certificate_check_time(certificate, now, 14, &warning), warning_words == NULL);
    if (warning_words != NULL) {
        assert_non_null(strstr(warning.text, warning_words));
    }
    certificate_destroy(certificate);
    identity_free(&identity);
}

static void times_are_judged(void **state)
{
    (void)state;
    expect_time(-10, 100, CERTIFICATE_CURRENT, NULL);
    expect_time(-10, -1, CERTIFICATE_EXPIRED, "expired on");
    expect_time(1, 100, CERTIFICATE_NOT_YET_VALID, "not valid before");
    expect_time(-10, 3, CERTIFICATE_CURRENT, "expires on");
    expect_time(-2, 5, CERTIFICATE_CURRENT, NULL);
    expect_time(-5, 2, CERTIFICATE_CURRENT, "expires on");
    expect_time(-300, 13, CERTIFICATE_CURRENT, "expires on");
    expect_time(-300, 15, CERTIFICATE_CURRENT, NULL);
}

static void expired_intermediate_is_found(void **state)
{
    const struct identity_options old = {
        .subject = "old", .is_ca = true, .from_days = -9, .until_days = -1};
    const struct identity_options options = {.subject = "x"};
    struct identity between = identity_make(&old, &root);
    struct identity identity = identity_make(&options, &between);
    const struct identity *chain[] = {&identity, &between};
    struct certificate *certificate = load(test_write_chain("old.pem", chain, 2));
    int64_t now = (int64_t)time(NULL);
    struct error warning = {""};

    (void)state;
    assert_int_equal(certificate_time_at(certificate, now), CERTIFICATE_CURRENT);
    assert_false(certificate_check_time(certificate, now, 0, &warning));
    assert_non_null(strstr(warning.text, "intermediate"));
    certificate_destroy(certificate);
    identity_free(&between);
    identity_free(&identity);
}

static void weakness_is_an_error(void **state)
{
    const struct identity_options small = {.subject = "small", .key = "RSA:1024"};
    const struct identity_options sha1 = {.subject = "sha1", .is_sha1 = true};
    struct identity weak = identity_make(&small, NULL);
    struct identity badly_signed = identity_make(&sha1, &root);
    struct certificate *certificate = load(test_write_certificate("weak.pem", &weak));
    struct error error = {""};

    (void)state;
    assert_false(certificate_check_strength(certificate, &error));
    assert_non_null(strstr(error.text, "1024 bits"));
    certificate_destroy(certificate);
    certificate = load(test_write_certificate("sha1.pem", &badly_signed));
    assert_false(certificate_check_strength(certificate, &error));
    assert_non_null(strstr(error.text, "sha1"));
    certificate_destroy(certificate);
    certificate = load(test_write_certificate("root.pem", &root));
    assert_true(certificate_check_strength(certificate, &error));
    certificate_destroy(certificate);
    identity_free(&weak);
    identity_free(&badly_signed);
}

static void wrong_order_is_told(void **state)
{
    const struct identity *backwards[] = {&intermediate, &leaf};
    const struct identity *twice[] = {&leaf, &leaf, &intermediate};
    const struct identity *gap[] = {&leaf, &root};
    const struct identity *whole[] = {&leaf, &intermediate, &root};
    const struct identity *long_one[17];

    (void)state;
    expect_error(test_write_chain("order.pem", backwards, 2), "out of order");
    expect_error(test_write_chain("order.pem", twice, 3), "the same certificate twice");
    expect_error(test_write_chain("order.pem", gap, 2), "was not issued by");
    certificate_destroy(load(test_write_chain("order.pem", whole, 3)));
    for (size_t i = 0; i < ARRAY_LEN(long_one); i++) {
        long_one[i] = &root;
    }
    certificate_destroy(load(test_write_chain("long.pem", long_one, 16)));
    expect_error(test_write_chain("long.pem", long_one, 17), "more than 16");
}

static struct span der_of(const struct identity *identity, unsigned char **der)
{
    int len = i2d_X509(identity->certificate, der);

    assert_true(len > 0);
    return span_make(*der, (size_t)len);
}

static void files_that_are_no_certificates_are_told(void **state)
{
    unsigned char *der = NULL;
    struct span bytes = der_of(&leaf, &der);

    (void)state;
    expect_error(test_path("missing.pem"), "does not exist");
    expect_error(test_write("empty.pem", SPAN_OF("")), "is empty");
    expect_error(test_write("text.pem", SPAN_OF("hello\n")), "no PEM certificate");
    expect_error(test_write("der.crt", bytes), "openssl x509 -inform DER");
    expect_error(test_write("p12", SPAN_OF("\x30\x82\x00\x05\x02\x01\x03\x30\x00")), "PKCS#12");
    expect_error(test_write_key("swapped.pem", &leaf), "swapped");
    expect_error(test_write("csr.pem", SPAN_OF("-----BEGIN CERTIFICATE REQUEST-----\n")),
                 "signing request");
    expect_error(test_write("p7.pem", SPAN_OF("-----BEGIN PKCS7-----\n")), "pkcs7");
    expect_error(test_write("damaged.pem", SPAN_OF("-----BEGIN CERTIFICATE-----\nAAAA\n"
                                                   "-----END CERTIFICATE-----\n")),
                 "damaged");
    expect_error(test_write("cut.pem", SPAN_OF("-----BEGIN CERTIFICATE-----\nAAAA\n")), "damaged");
    expect_error("/", "directory");
    OPENSSL_free(der);
}

static void unreadable_file_is_told(void **state)
{
    const char *path = test_write_certificate("secret.pem", &leaf);
    bool is_root = geteuid() == 0;

    (void)state;
    assert_int_equal(chmod(path, 0), 0);
    if (is_root) {
        assert_int_equal(seteuid(65534), 0); /* root may read everything */
    }
    expect_error(path, "may not be read");
    if (is_root) {
        assert_int_equal(seteuid(0), 0);
    }
}

static void expect_key_error(const struct certificate *certificate, const char *path,
                             const char *words)
{
    struct error error = {"no error"};

    assert_false(private_key_fits(path, certificate, &error));
    if (strstr(error.text, words) == NULL) {
        print_message("%s\n", error.text);
    }
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, words));
}

static const char *write_encrypted_key(void)
{
    const char *path = test_path("encrypted.key");
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, leaf.key, EVP_aes_128_cbc(), NULL, 0, NULL,
                                               (void *)(uintptr_t) "secret"),
                     1);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void keys_are_matched(void **state)
{
    struct certificate *certificate = load(test_write_certificate("leaf.pem", &leaf));
    unsigned char *der = NULL;
    int der_len = i2d_PrivateKey(leaf.key, &der);
    struct error error;

    (void)state;
    assert_true(private_key_fits(test_write_key("leaf.key", &leaf), certificate, &error));
    expect_key_error(certificate, test_write_key("root.key", &root), "does not belong");
    expect_key_error(certificate, test_path("missing.key"), "does not exist");
    expect_key_error(certificate, write_encrypted_key(), "passphrase");
    expect_key_error(certificate, test_write_certificate("swapped.key", &leaf), "swapped");
    expect_key_error(certificate, test_write("der.key", span_make(der, (size_t)der_len)),
                     "openssl pkey -inform DER");
    expect_key_error(certificate, test_write("public.key", SPAN_OF("-----BEGIN PUBLIC KEY-----")),
                     "public key");
    expect_key_error(certificate, test_write("text.key", SPAN_OF("hello")), "no PEM private key");
    expect_key_error(certificate,
                     test_write("damaged.key", SPAN_OF("-----BEGIN PRIVATE KEY-----\nAAAA\n"
                                                       "-----END PRIVATE KEY-----\n")),
                     "damaged");
    OPENSSL_free(der);
    certificate_destroy(certificate);
}

/* Certificate and key in one file, as other proxies want it. */
static void one_file_may_hold_both(void **state)
{
    const char *path = test_path("both.pem");
    FILE *file = fopen(path, "w");
    struct certificate *certificate;
    struct error error;

    (void)state;
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, leaf.key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(PEM_write_X509(file, leaf.certificate), 1);
    assert_int_equal(PEM_write_X509(file, intermediate.certificate), 1);
    assert_int_equal(fclose(file), 0);
    certificate = load(path);
    assert_int_equal(certificate_chain_length(certificate), 2);
    assert_true(private_key_fits(path, certificate, &error));
    certificate_destroy(certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_read),
        cmocka_unit_test(kinds_of_keys_are_named),
        cmocka_unit_test(names_are_covered),
        cmocka_unit_test(many_names_are_cut_off),
        cmocka_unit_test(times_are_judged),
        cmocka_unit_test(expired_intermediate_is_found),
        cmocka_unit_test(weakness_is_an_error),
        cmocka_unit_test(wrong_order_is_told),
        cmocka_unit_test(files_that_are_no_certificates_are_told),
        cmocka_unit_test(unreadable_file_is_told),
        cmocka_unit_test(keys_are_matched),
        cmocka_unit_test(one_file_may_hold_both),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

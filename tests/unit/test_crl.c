/* Files of revocation lists: what is read, what is refused, and what a change does. */
#include "tls/openssl/crl_internal.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/tidegate-crl-XXXXXX";
static char path[64];
static EVP_PKEY *key;

static X509_CRL *make_crl(const char *issuer, long expires_in_s)
{
    X509_CRL *crl = X509_CRL_new();
    X509_NAME *name = X509_NAME_new();
    ASN1_TIME *when = ASN1_TIME_new();

    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)issuer, -1, -1, 0),
                     1);
    assert_int_equal(X509_CRL_set_version(crl, 1), 1);
    assert_int_equal(X509_CRL_set_issuer_name(crl, name), 1);
    (void)X509_gmtime_adj(when, -1000);
    assert_int_equal(X509_CRL_set1_lastUpdate(crl, when), 1);
    if (expires_in_s != 0) {
        (void)X509_gmtime_adj(when, expires_in_s);
        assert_int_equal(X509_CRL_set1_nextUpdate(crl, when), 1);
    }
    assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
    ASN1_TIME_free(when);
    X509_NAME_free(name);
    return crl;
}

/* Replaces the file, as a careful program does. */
static void write_file(const char *text, X509_CRL *one, X509_CRL *two, bool is_der)
{
    char new_path[80];
    FILE *file;

    (void)snprintf(new_path, sizeof(new_path), "%s.new", path);
    file = fopen(new_path, "we");
    assert_non_null(file);
    if (text != NULL) {
        assert_true(fputs(text, file) >= 0);
    }
    for (int i = 0; i < 2; i++) {
        X509_CRL *crl = i == 0 ? one : two;
        if (crl != NULL) {
            assert_int_equal(is_der ? i2d_X509_CRL_fp(file, crl) : PEM_write_X509_CRL(file, crl),
                             1);
            X509_CRL_free(crl);
        }
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(new_path, path), 0);
}

static void lists_are_read(void **state)
{
    struct error error;
    struct crl_file *file;
    struct crl_lists *lists;

    (void)state;
    write_file("some words before\n", make_crl("a", 5000), make_crl("b", 3000), false);
    file = crl_file_open(path, &error);
    assert_non_null(file);
    assert_string_equal(crl_file_path(file), path);
    lists = crl_file_lists(file);
    assert_int_equal(sk_X509_CRL_num(lists->crls), 2);
    assert_in_range(lists->expires, time(NULL) + 2900, time(NULL) + 3100);
    crl_lists_release(lists);
    crl_file_release(file);

    write_file(NULL, make_crl("a", 0), NULL, true);
    file = crl_file_open(path, &error);
    assert_non_null(file);
    lists = crl_file_lists(file);
    assert_int_equal(sk_X509_CRL_num(lists->crls), 1);
    assert_true(lists->expires == INT64_MAX);
    crl_file_release(crl_file_hold(file));
    crl_file_release(file);
    crl_lists_release(lists); /* they outlive their file */
    crl_file_release(NULL);
}

static void expect_error(const char *words)
{
    struct error error;

    assert_null(crl_file_open(path, &error));
    if (strstr(error.text, words) == NULL) {
        fail_msg("'%s' not in '%s'", words, error.text);
    }
}

static void other_files_are_refused(void **state)
{
    (void)state;
    (void)unlink(path);
    expect_error("does not exist");
    write_file("", NULL, NULL, false);
    expect_error("is empty");
    write_file("nonsense\n", NULL, NULL, false);
    expect_error("holds no list");
    write_file("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", NULL, NULL, false);
    expect_error("holds no list");
    write_file("0nly text that begins like DER", NULL, NULL, false);
    expect_error("holds no list");
}

/* A list that is left out would let in whom it names. */
static void a_damaged_second_list_spoils_the_file(void **state)
{
    char new_path[80];
    FILE *file;

    (void)state;
    write_file(NULL, make_crl("a", 5000), NULL, false);
    (void)snprintf(new_path, sizeof(new_path), "%s", path);
    file = fopen(new_path, "ae");
    assert_non_null(file);
    assert_true(fputs("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    expect_error("list 2");
}

static void changes_are_seen(void **state)
{
    struct error error;
    struct crl_file *file;
    struct crl_lists *first;
    struct crl_lists *second;

    (void)state;
    write_file(NULL, make_crl("a", 5000), NULL, false);
    file = crl_file_open(path, &error);
    assert_non_null(file);
    first = crl_file_lists(file);
    assert_int_equal(crl_file_refresh(file, &error), CRL_SAME);
    write_file(NULL, make_crl("a", 6000), make_crl("b", 6000), false);
    assert_int_equal(crl_file_refresh(file, &error), CRL_RENEWED);
    assert_int_equal(crl_file_refresh(file, &error), CRL_SAME);
    second = crl_file_lists(file);
    assert_int_equal(sk_X509_CRL_num(first->crls), 1);
    assert_int_equal(sk_X509_CRL_num(second->crls), 2);
    assert_memory_not_equal(first->digest, second->digest, CRL_DIGEST_BYTES);
    crl_lists_release(first);

    write_file("half of a file", NULL, NULL, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(crl_file_refresh(file, &error), CRL_UNREADABLE);
        assert_non_null(strstr(error.text, "holds no list"));
        first = crl_file_lists(file);
        assert_ptr_equal(first, second);
        crl_lists_release(first);
    }
    (void)unlink(path);
    assert_int_equal(crl_file_refresh(file, &error), CRL_UNREADABLE);
    assert_non_null(strstr(error.text, "does not exist"));
    write_file(NULL, make_crl("a", 7000), NULL, false);
    assert_int_equal(crl_file_refresh(file, &error), CRL_RENEWED);
    crl_lists_release(second);
    crl_file_release(file);
}

static int set_up(void **state)
{
    (void)state;
    key = EVP_EC_gen("P-256");
    if (key == NULL || mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/lists.crl", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    (void)unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(a_damaged_second_list_spoils_the_file),
        cmocka_unit_test(changes_are_seen),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

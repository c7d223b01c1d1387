/* base/pem_private: a file's text without its private keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/pem_private.h"

#define CERTIFICATE "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

/* In memory that ends where the text does. */
static bool hide(const char *text, char **hidden)
{
    size_t len = strlen(text);
    char *copy = malloc(len != 0 ? len : 1);
    bool is_any;

    memcpy(copy, text, len);
    is_any = pem_private_hide(copy, len);
    *hidden = xstrndup(copy, len);
    free(copy);
    return is_any;
}

static void keys_of_every_kind_are_hidden(void **state)
{
    static const char *const labels[] = {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY",
                                         "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"};
    char text[512];
    char *hidden;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        (void)snprintf(text, sizeof(text),
                       CERTIFICATE "-----BEGIN %s-----\nc2VjcmV0\n-----END "
                                   "%s-----\n" CERTIFICATE,
                       labels[i], labels[i]);
        assert_true(hide(text, &hidden));
        assert_int_equal(strlen(hidden), strlen(text));
        assert_null(strstr(hidden, "c2VjcmV0"));
        assert_null(strstr(hidden, "PRIVATE"));
        assert_memory_equal(hidden, CERTIFICATE, strlen(CERTIFICATE));
        assert_string_equal(hidden + strlen(text) - strlen(CERTIFICATE), CERTIFICATE);
        free(hidden);
    }
}

static void what_has_none_stays_as_it_is(void **state)
{
    static const char *const texts[] = {
        "", "-----BEGIN ", "-----BEGIN CERTIFICATE", CERTIFICATE,
        "-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----\n"};
    char *hidden;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_false(hide(texts[i], &hidden));
        assert_string_equal(hidden, texts[i]);
        free(hidden);
    }
}

static void a_key_without_an_end_is_hidden_to_the_end(void **state)
{
    static const char *const texts[] = {
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n" /* and no more */,
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIV", "-----BEGIN PRIVATE KEY c2VjcmV0",
        "-----BEGIN PRIVATE KEY-----c2VjcmV0-----END PRIVATE KEY-----"};
    char *hidden;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_true(hide(texts[i], &hidden));
        assert_null(strstr(hidden, "c2VjcmV0"));
        free(hidden);
    }
}

static void two_keys_are_both_hidden(void **state)
{
    char *hidden;
    (void)state;

    assert_true(
        hide("-----BEGIN EC PRIVATE KEY-----\nYWFh\n-----END EC PRIVATE KEY-----\n" CERTIFICATE
             "-----BEGIN PRIVATE KEY-----\nYmJi\n-----END PRIVATE KEY-----\n",
             &hidden));
    assert_null(strstr(hidden, "YWFh"));
    assert_null(strstr(hidden, "YmJi"));
    assert_non_null(strstr(hidden, CERTIFICATE));
    free(hidden);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_every_kind_are_hidden),
        cmocka_unit_test(what_has_none_stays_as_it_is),
        cmocka_unit_test(a_key_without_an_end_is_hidden_to_the_end),
        cmocka_unit_test(two_keys_are_both_hidden),
    };

    return cmocka_run_group_tests_name("pem_private", tests, NULL, NULL);
}

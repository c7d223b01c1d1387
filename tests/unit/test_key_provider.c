/* tls/openssl/key_module with a provider: one of our own in its place, which has one key and wants
 * one PIN, as no system that we test on has the real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <string.h>

#include "tls/openssl/key_module.h"

#define OBJECT "pkcs11:object=there"
#define PIN "1234"

static EVP_PKEY *in_token;

/* ---- the provider ---- */

struct store {
    bool is_over;
};

static void *store_open(void *provider, const char *uri)
{
    static struct store store;

    (void)provider;
    store.is_over = strcmp(uri, OBJECT) != 0;
    return &store;
}

static int store_set(void *arg, const OSSL_PARAM *params)
{
    (void)arg;
    (void)params;
    return 1;
}

static int is_right(OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    char pin[64];
    size_t len = 0;

    return ask(pin, sizeof(pin), &len, NULL, ask_arg) == 1 && len == strlen(PIN) &&
           memcmp(pin, PIN, len) == 0;
}

static int store_load(void *arg, OSSL_CALLBACK *found, void *found_arg,
                      OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    struct store *store = arg;
    int type = OSSL_OBJECT_PKEY;
    char kind[] = "EC";
    char structure[] = "PrivateKeyInfo";
    unsigned char *der = NULL;
    int len;
    PKCS8_PRIV_KEY_INFO *info;
    int ok;

    store->is_over = true;
    if (!is_right(ask, ask_arg)) {
        return 0;
    }
    info = EVP_PKEY2PKCS8(in_token);
    len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    PKCS8_PRIV_KEY_INFO_free(info);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, kind, sizeof(kind) - 1),
        OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, sizeof(structure) - 1),
        OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, der, (size_t)len),
        OSSL_PARAM_END,
    };
    ok = found(params, found_arg);
    OPENSSL_free(der);
    return ok;
}

static int store_eof(void *arg)
{
    return ((const struct store *)arg)->is_over;
}

static int store_close(void *arg)
{
    (void)arg;
    return 1;
}

static const OSSL_DISPATCH store_functions[] = {
    {OSSL_FUNC_STORE_OPEN, (void (*)(void))store_open},
    {OSSL_FUNC_STORE_SET_CTX_PARAMS, (void (*)(void))store_set},
    {OSSL_FUNC_STORE_LOAD, (void (*)(void))store_load},
    {OSSL_FUNC_STORE_EOF, (void (*)(void))store_eof},
    {OSSL_FUNC_STORE_CLOSE, (void (*)(void))store_close},
    {0, NULL},
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    static const OSSL_ALGORITHM stores[] = {{"pkcs11", "provider=pkcs11", store_functions, NULL},
                                            {NULL, NULL, NULL, NULL}};

    (void)provider;
    *no_cache = 0;
    return operation == OSSL_OP_STORE ? stores : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query}, {0, NULL}};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **out, void **context)
{
    (void)handle;
    (void)in;
    *out = provider_functions;
    *context = &in_token;
    return 1;
}

/* ---- the tests ---- */

static EVP_PKEY *load(const char *name, const char *pin, struct error *error)
{
    struct key_uri uri;

    assert_true(key_uri_parse(span_from_cstr(name), &uri, error));
    return key_module_load(name, &uri, pin, error);
}

static void the_provider_is_taken_first(void **state)
{
    struct error error;
    EVP_PKEY *key = load(OBJECT "?pin-source=file:/pin", PIN, &error);

    (void)state;
    assert_non_null(key);
    assert_int_equal(EVP_PKEY_eq(key, in_token), 1);
    EVP_PKEY_free(key);
}

static void what_it_does_not_have_is_told(void **state)
{
    struct error error;

    (void)state;
    assert_null(load(OBJECT, "4321", &error));
    assert_non_null(strstr(error.text, OBJECT));
    assert_null(strstr(error.text, "4321"));
    assert_null(load(OBJECT, "", &error));
    assert_null(load("pkcs11:object=other", PIN, &error));
    assert_non_null(strstr(error.text, "cannot be used"));
}

static void it_takes_one_module_alone(void **state)
{
    struct error error;

    (void)state;
    assert_null(load(OBJECT "?module-path=/dev/null", PIN, &error));
    assert_non_null(strstr(error.text, "takes one module alone"));
}

static void it_stays_when_nothing_more_may_be_loaded(void **state)
{
    struct error error;
    EVP_PKEY *key;

    (void)state;
    key_module_close();
    key = load(OBJECT, PIN, &error);
    assert_non_null(key);
    EVP_PKEY_free(key);
}

static int set_up(void **state)
{
    (void)state;
    in_token = EVP_EC_gen("P-256");
    return OSSL_PROVIDER_add_builtin(NULL, "pkcs11", provider_init) == 1 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(in_token);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_provider_is_taken_first),
        cmocka_unit_test(what_it_does_not_have_is_told),
        cmocka_unit_test(it_takes_one_module_alone),
        cmocka_unit_test(it_stays_when_nothing_more_may_be_loaded),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

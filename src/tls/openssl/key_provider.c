/* Keys of tokens by way of a provider (OpenSSL 3 and newer): a store of objects, opened by the URI,
 * that asks for the PIN. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdlib.h>
#include <string.h>

#include "tls/openssl/key_ways.h"

/* How it is told which module is meant, before it is loaded: it takes one alone. */
#define MODULE_VARIABLE "PKCS11_PROVIDER_MODULE"

static struct {
    OSSL_PROVIDER *handle; /* as long as the process; NULL: not loaded */
    char module[PATH_MAX];
} provider;

static bool begin(const struct key_uri *uri, bool may_begin)
{
    if (provider.handle != NULL || !may_begin) {
        return provider.handle != NULL;
    }
    if (uri->module[0] != '\0' && setenv(MODULE_VARIABLE, uri->module, 1) != 0) {
        return false;
    }
    /* Beside the library's own, which stays. */
    provider.handle = OSSL_PROVIDER_try_load(NULL, "pkcs11", 1);
    memcpy(provider.module, uri->module, sizeof(provider.module));
    return provider.handle != NULL;
}

/* The PIN, for whatever is asked. */
static int answer(UI *ui, UI_STRING *question)
{
    const char *pin = UI_get0_user_data(ui);
    enum UI_string_types type = UI_get_string_type(question);

    return (type != UIT_PROMPT && type != UIT_VERIFY) ||
           (pin[0] != '\0' && UI_set_result(ui, question, pin) == 0);
}

static EVP_PKEY *first_key(OSSL_STORE_CTX *store)
{
    EVP_PKEY *key = NULL;

    while (key == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        if (info == NULL) {
            break;
        }
        if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY) {
            key = OSSL_STORE_INFO_get1_PKEY(info);
        }
        OSSL_STORE_INFO_free(info);
    }
    return key;
}

static EVP_PKEY *open_and_load(const struct key_uri *uri, const char *pin, UI_METHOD *method)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri->object, NULL, "provider=pkcs11", method,
                                               (void *)(uintptr_t)pin, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;

    if (store != NULL) {
        key = OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1 ? first_key(store) : NULL;
        (void)OSSL_STORE_close(store);
    }
    return key;
}

EVP_PKEY *key_provider_load(const struct key_uri *uri, const char *pin, bool may_begin,
                            bool *is_there)
{
    UI_METHOD *method;
    EVP_PKEY *key;

    *is_there = begin(uri, may_begin);
    if (!*is_there) {
        return NULL;
    }
    if (strcmp(provider.module, uri->module) != 0) {
        ERR_raise_data(ERR_LIB_USER, ERR_R_PASSED_INVALID_ARGUMENT,
                       "the provider takes one module alone; another key has another module-path");
        return NULL;
    }
    method = UI_create_method("the PIN of a token");
    CHECK(method != NULL && UI_method_set_reader(method, answer) == 0);
    key = open_and_load(uri, pin, method);
    UI_destroy_method(method);
    return key;
}

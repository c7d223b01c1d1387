/* The library calls private keys that are elsewhere through a provider (provider(7)): this is one,
 * with the functions that a TLS handshake needs. It has a library context of its own, so that
 * nobody who asks the library for "RSA" can be given it by chance; a key brings its provider with
 * it wherever it goes. What is asked of the public half is passed on to the library's own. */
#include "tls/openssl/signer_key.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "tls/openssl/sign_scheme.h"
#include "tls/openssl/tls_sign.h"
#include "tls/signer.h"

#define PROVIDER_NAME "tidegate"
/* By which signer_key_create hands over what a key is made of. */
#define PARAM_SOURCE "tidegate-source"

struct source {
    EVP_PKEY *public_key;
    struct signer *signer;
};

struct remote_key {
    EVP_PKEY *public_key; /* NULL: nothing was imported */
    struct signer *signer;
    struct sign_key name; /* its DER is the library's */
    const char *kind;     /* sign_scheme.h */
};

/* ---- keys ---- */

static void *key_new(void *provider)
{
    (void)provider;
    return xcalloc(1, sizeof(struct remote_key));
}

static void key_free(void *data)
{
    struct remote_key *key = data;

    if (key->public_key != NULL && key->signer->let_go != NULL) {
        key->signer->let_go(key->signer, key->name.der);
    }
    EVP_PKEY_free(key->public_key);
    OPENSSL_free((char *)(uintptr_t)key->name.der.ptr);
    free(key);
}

static int key_has(const void *data, int selection)
{
    const struct remote_key *key = data;

    (void)selection;
    return key->public_key != NULL;
}

static int key_match(const void *a, const void *b, int selection)
{
    const struct remote_key *x = a;
    const struct remote_key *y = b;

    (void)selection;
    return EVP_PKEY_eq(x->public_key, y->public_key) == 1;
}

static int key_import(void *data, int selection, const OSSL_PARAM params[])
{
    const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, PARAM_SOURCE);
    struct remote_key *key = data;
    unsigned char *der = NULL;
    struct source source;
    int len;

    (void)selection;
    if (param == NULL || param->data_size != sizeof(source)) {
        return 0;
    }
    memcpy(&source, param->data, sizeof(source));
    len = i2d_PUBKEY(source.public_key, &der);
    if (len <= 0) {
        return 0;
    }
    key->name.der = span_make(der, (size_t)len);
    if (!digest_sha256(&key->name.der, 1, key->name.digest) ||
        EVP_PKEY_up_ref(source.public_key) != 1) {
        return 0;
    }
    key->kind = sign_scheme_kind(source.public_key);
    key->public_key = source.public_key;
    key->signer = source.signer;
    if (key->signer->keep != NULL) {
        key->signer->keep(key->signer, key->name.der);
    }
    return 1;
}

static const OSSL_PARAM *key_import_types(int selection)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_octet_string(PARAM_SOURCE, NULL, 0),
                                       OSSL_PARAM_END};

    (void)selection;
    return types;
}

/* The public half alone leaves: whoever wants the private one to sign with is sent to our
 * signatures. */
static int key_export(void *data, int selection, OSSL_CALLBACK *callback, void *arg)
{
    const struct remote_key *key = data;

    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 &&
           EVP_PKEY_export(key->public_key, EVP_PKEY_PUBLIC_KEY, callback, arg) == 1;
}

static const OSSL_PARAM *key_export_types(int selection)
{
    (void)selection;
    return NULL;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    const struct remote_key *key = data;

    return EVP_PKEY_get_params(key->public_key, params);
}

static const OSSL_PARAM *key_gettable_params(void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_FIELD_TYPE, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return params;
}

static const char *ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

/* ---- signatures ---- */

struct signing {
    const struct remote_key *key;
    const EVP_MD *digest; /* NULL: the scheme has its own */
    bool is_pss;
};

static void *signing_new(void *provider, const char *properties)
{
    (void)provider;
    (void)properties;
    return xcalloc(1, sizeof(struct signing));
}

static void signing_free(void *data)
{
    free(data);
}

static int signing_set_params(void *data, const OSSL_PARAM params[])
{
    const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    struct signing *signing = data;
    int mode = 0;

    if (param == NULL) {
        return 1; /* the length of the salt: TLS has but one */
    }
    if (param->data_type == OSSL_PARAM_UTF8_STRING) {
        signing->is_pss = strcmp(param->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
        return 1;
    }
    if (OSSL_PARAM_get_int(param, &mode) != 1) {
        return 0;
    }
    signing->is_pss = mode == RSA_PKCS1_PSS_PADDING;
    return 1;
}

static const OSSL_PARAM *signing_settable_params(void *data, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)data;
    (void)provider;
    return params;
}

static int signing_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct signing *signing = data;

    signing->key = key;
    signing->digest = NULL;
    signing->is_pss = EVP_PKEY_is_a(signing->key->public_key, "RSA-PSS") == 1;
    if (digest != NULL && digest[0] != '\0') {
        signing->digest = EVP_get_digestbyname(digest);
        if (signing->digest == NULL) {
            return 0;
        }
    }
    return params == NULL || signing_set_params(signing, params);
}

/* NULL: TLS has none. */
static const struct sign_scheme *scheme_of(const struct signing *signing)
{
    int digest = signing->digest != NULL ? EVP_MD_get_type(signing->digest) : NID_undef;

    return sign_scheme_of(signing->key->kind, digest, signing->is_pss);
}

/* Clients would find out as well, but blame us for it; and a faulty RSA signature gives the key
 * away to whoever sees it. What our own process has signed, by this very library (which looks at
 * its RSA signatures itself), is not asked twice: it would double what a signature costs. */
static bool is_right(const struct signing *signing, const struct sign_scheme *scheme,
                     struct span message, struct span signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    bool ok = context != NULL && EVP_DigestVerifyInit(context, &options, signing->digest, NULL,
                                                      signing->key->public_key) == 1;

    ok = ok && sign_scheme_set(scheme, options) &&
         EVP_DigestVerify(context, (const unsigned char *)signature.ptr, signature.len,
                          (const unsigned char *)message.ptr, message.len) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

static int signing_sign(void *data, unsigned char *out, size_t *len, size_t size,
                        const unsigned char *bytes, size_t bytes_len)
{
    const struct signing *signing = data;
    const struct remote_key *key = signing->key;
    const struct sign_scheme *scheme = scheme_of(signing);
    struct span message = span_make(bytes, bytes_len);
    struct sign_request *request;
    bool ok;

    if (out == NULL) {
        *len = (size_t)EVP_PKEY_get_size(key->public_key);
        return 1;
    }
    request = tls_sign_wait(key->signer, &key->name, scheme != NULL ? scheme->scheme : 0, message);
    if (request == NULL) {
        return 0;
    }
    ok = request->signature.len <= size &&
         (key->signer->is_of_ours || is_right(signing, scheme, message, request->signature));
    if (ok) {
        memcpy(out, request->signature.ptr, request->signature.len);
        *len = request->signature.len;
    } else {
        tls_sign_was_wrong();
    }
    sign_drop(request);
    return ok;
}

/* ---- the provider ---- */

#define FUNCTION(id, function)                                                                     \
    {                                                                                              \
        id, (void (*)(void))(function)                                                             \
    }
#define KEY_FUNCTIONS                                                                              \
    FUNCTION(OSSL_FUNC_KEYMGMT_NEW, key_new), FUNCTION(OSSL_FUNC_KEYMGMT_FREE, key_free),          \
        FUNCTION(OSSL_FUNC_KEYMGMT_HAS, key_has), FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, key_match),    \
        FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, key_import),                                            \
        FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),                                \
        FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT, key_export),                                            \
        FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_export_types),                                \
        FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                                    \
        FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params)

static const OSSL_DISPATCH key_functions[] = {KEY_FUNCTIONS, {0, NULL}};
static const OSSL_DISPATCH ec_key_functions[] = {
    KEY_FUNCTIONS, FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, ec_operation), {0, NULL}};

static const OSSL_DISPATCH signature_functions[] = {
    FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
    FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_init),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signing_sign),
    FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set_params),
    FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable_params),
    {0, NULL}};

#define PROPERTIES "provider=" PROVIDER_NAME

static const OSSL_ALGORITHM keys[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, key_functions, NULL},
    {"RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", PROPERTIES, key_functions, NULL},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, ec_key_functions, NULL},
    {"ED25519:1.3.101.112", PROPERTIES, key_functions, NULL},
    {"ED448:1.3.101.113", PROPERTIES, key_functions, NULL},
    {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM signatures[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, signature_functions, NULL},
    {"RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", PROPERTIES, signature_functions, NULL},
    {"ECDSA", PROPERTIES, signature_functions, NULL},
    {"ED25519:1.3.101.112", PROPERTIES, signature_functions, NULL},
    {"ED448:1.3.101.113", PROPERTIES, signature_functions, NULL},
    {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    return operation == OSSL_OP_KEYMGMT ? keys : operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
    FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), {0, NULL}};

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                 void **context)
{
    (void)in;
    *out = provider_functions;
    *context = (void *)(uintptr_t)handle;
    return 1;
}

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static OSSL_LIB_CTX *library; /* as long as the process; NULL: it could not be made */

static void make_library(void)
{
    OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();

    if (made != NULL && OSSL_PROVIDER_add_builtin(made, PROVIDER_NAME, start) == 1 &&
        OSSL_PROVIDER_load(made, PROVIDER_NAME) != NULL) {
        library = made;
        return;
    }
    OSSL_LIB_CTX_free(made);
}

EVP_PKEY *signer_key_create(EVP_PKEY *public_key, struct signer *signer)
{
    struct source source = {public_key, signer};
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(PARAM_SOURCE, &source, sizeof(source)),
                           OSSL_PARAM_construct_end()};
    const char *kind = EVP_PKEY_get0_type_name(public_key);
    EVP_PKEY_CTX *context;
    EVP_PKEY *key = NULL;

    (void)pthread_once(&library_once, make_library);
    context =
        library != NULL && kind != NULL ? EVP_PKEY_CTX_new_from_name(library, kind, NULL) : NULL;
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

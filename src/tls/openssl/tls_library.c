#include "tls/tls_library.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

const char *tls_library_name(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

const char *tls_library_built_with(void)
{
    return OPENSSL_VERSION_TEXT;
}

bool tls_library_has_group(const char *name)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool has = ctx != NULL && SSL_CTX_set1_groups_list(ctx, name) == 1;

    SSL_CTX_free(ctx);
    ERR_clear_error();
    return has;
}

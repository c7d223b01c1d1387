/* Responses on the library's objects. For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_OCSP_STAPLE_INTERNAL_H
#define TIDEGATE_TLS_OPENSSL_OCSP_STAPLE_INTERNAL_H

#include <openssl/ssl.h>

#include "tls/ocsp_staple.h"

/* A certificate as its objects: issuer NULL: it is not known; path: of the certificate. */
struct ocsp_owner {
    X509 *leaf;
    X509 *issuer;
    const char *path;
};

/* Reads and checks it in the same way, and staples it to the certificate's object, to which nobody
 * has a reference yet. before: the object in whose place it comes, NULL: none. With an error for a
 * person unless it is OCSP_STAPLED_NEW. */
enum ocsp_stapled ocsp_staple_attach(const struct certificate *certificate, const char *path,
                                     X509 *before, struct error *error) MUST_CHECK;
/* The same; *until is when a new response ends, 0: there is none. */
enum ocsp_stapled ocsp_staple_renew(const struct ocsp_owner *owner, const char *path, X509 *before,
                                    int64_t *until, struct error *error) MUST_CHECK;

/* Makes a server's context send what is attached to the certificate that it chose. */
void ocsp_staple_enable(SSL_CTX *ssl_ctx);

#endif

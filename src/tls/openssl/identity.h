/* One of our certificates, loaded: the leaf, the chain that is sent with it, and its key. Counted,
 * since a context that is built anew keeps what has not changed, and connections may still be about
 * to use what was replaced. Never changed after it was loaded. For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_IDENTITY_H
#define TIDEGATE_TLS_OPENSSL_IDENTITY_H

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/span.h"
#include "tls/cert_rank.h"
#include "tls/certificate.h"
#include "tls/openssl/ocsp_staple_internal.h"

struct signer;

struct identity {
    atomic_uint references;
    X509 *leaf;
    STACK_OF(X509) * chain; /* without the leaf */
    EVP_PKEY *key;
    GENERAL_NAMES *names; /* NULL: it has none */
    char *path;           /* of the certificate */
    char *shown;          /* its names, or its subject where it has none: for messages */
    enum cert_kind kind;
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
};

/* Reads the key of a certificate that was loaded; signer: who has it, so that none is read, NULL:
 * nobody else. NULL with an error: the key cannot be used. */
struct identity *identity_load(const struct certificate *certificate, const char *key_path,
                               struct signer *signer, struct error *error) MUST_CHECK;
/* The same certificate and key with another response of a file (tls/ocsp_staple.h), without reading
 * either of them again. */
struct identity *identity_restaple(const struct identity *from, const char *ocsp_path,
                                   enum ocsp_stapled *stapled, int64_t *until,
                                   struct error *error) MUST_CHECK;
struct identity *identity_hold(struct identity *identity);
/* NULL is allowed. */
void identity_release(struct identity *identity);

/* Gives it to a context, in the place of one of the same kind, or on another curve. */
bool identity_use(struct identity *identity, SSL_CTX *ssl_ctx, struct error *error) MUST_CHECK;
/* Gives a connection what there is of each kind (NULL: nothing), for the library to choose from; of
 * several curves that one which the client can use. In the library's callback alone. */
bool identity_give(struct identity *const of_kind[CERT_KIND_COUNT], SSL *ssl) MUST_CHECK;

/* By the names of the leaf; name empty: the client asked for none. */
enum cert_cover identity_cover(const struct identity *identity, struct span name);
/* Whether the client can check a signature by this key, going by what its ClientHello offers. In
 * the library's callback for certificates alone. */
bool identity_suits(const struct identity *identity, SSL *ssl);

#endif

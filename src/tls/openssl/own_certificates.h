/* The certificates that a site lists, and its folder, for a context of a server: which of them a
 * client gets is decided at each handshake (tls/cert_rank.h). For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_OWN_CERTIFICATES_H
#define TIDEGATE_TLS_OPENSSL_OWN_CERTIFICATES_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/error.h"

struct cert_store;
struct identity;

/* Gives the context the identities (held for as long as it lives) and the store (NULL: none, which
 * must outlive it). */
bool own_certificates_install(SSL_CTX *ssl_ctx, struct identity *const *identities, size_t count,
                              struct cert_store *store, struct error *error) MUST_CHECK;

#endif

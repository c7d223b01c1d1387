/* Verification of the peer's certificate beyond what a trust store says: revocation lists that may
 * change, pinned public keys, and which of a client's tickets still stand for a verified client.
 *
 * For tls/ alone; installed in an SSL_CTX, which then owns what it needs. */
#ifndef TIDEGATE_TLS_OPENSSL_PEER_VERIFY_H
#define TIDEGATE_TLS_OPENSSL_PEER_VERIFY_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"

struct crl_file;

struct peer_verify_options {
    struct crl_file *crl; /* NULL: none; held */
    /* "sha256/" and the base64 SHA-256 of a SubjectPublicKeyInfo (as RFC 7469 section 2.4): one
     * certificate of the chain must have such a key. */
    const char *const *pins;
    size_t pin_count;
    bool skip_chain;      /* the pins alone decide, on the peer's own certificate */
    bool is_server;       /* its tickets remember when the client must be verified anew */
    bool keep_chain;      /* and carry the client's chain */
    bool lets_unverified; /* the verdict is told, and ends nothing */
};

bool peer_verify_install(SSL_CTX *ssl_ctx, const struct peer_verify_options *options,
                         struct error *error) MUST_CHECK;

/* What a verdict is about is left with the connection (tls/openssl/ssl_note.h): the authority whose
 * list is missing, the certificate above that has expired; and for a client whose certificate it
 * is.
 *
 * A verdict about a revocation list is told to the peer as "certificate_unknown" (46), since its
 * own certificate may be fine; the library would say "expired" or "unknown CA". For that the
 * verdict is carried with an offset, and taken back here. */
#define PEER_VERIFY_OWN_VERDICT 0x10000L
static inline long peer_verify_verdict(long verify_result)
{
    return verify_result > PEER_VERIFY_OWN_VERDICT ? verify_result - PEER_VERIFY_OWN_VERDICT
                                                   : verify_result;
}
/* The certificates above the client's own, as they were verified, without the root: those of this
 * handshake, or of the one that a ticket stands for (only with keep_chain). The caller's: free with
 * sk_X509_pop_free. NULL: none. */
STACK_OF(X509) * peer_verify_chain(SSL *ssl);

/* What tells one state of verification from another: sessions made under another one are not used
 * again. It is that of the revocation lists, and of the trust that was set. All zero without
 * either. */
#define PEER_VERIFY_STATE_BYTES 32
/* A digest of the authorities, and of the own certificate, that a client's context has. Before the
 * context is shared; after peer_verify_install. */
void peer_verify_set_trust(SSL_CTX *ssl_ctx, const unsigned char digest[PEER_VERIFY_STATE_BYTES]);
void peer_verify_state(SSL_CTX *ssl_ctx, unsigned char state[PEER_VERIFY_STATE_BYTES]);

#endif

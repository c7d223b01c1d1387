/* Whether a chain that could not be verified lacks an intermediate certificate, and which one. For
 * tls/ and for `tidegate explain`. */
#ifndef TIDEGATE_TLS_OPENSSL_CHAIN_GAP_H
#define TIDEGATE_TLS_OPENSSL_CHAIN_GAP_H

#include <openssl/x509.h>
#include <stdbool.h>

#define CHAIN_GAP_TEXT_MAX 256

/* sent: as the peer sent it, the leaf first; NULL is allowed. False: the chain has no gap, or what
 * is missing may as well be a root that is not trusted. That cannot be told for sure without the
 * missing certificate; it counts as an intermediate when the last certificate says where its issuer
 * can be fetched (Authority Information Access, which certificates under a root of their own do
 * not have), or when the organisation of a trusted root is that of the missing issuer. name: its
 * subject. */
bool chain_gap_find(STACK_OF(X509) * sent, X509_STORE *trusted, char name[CHAIN_GAP_TEXT_MAX]);

#endif

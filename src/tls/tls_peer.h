/* Who the peer of a connection is, by the certificate it showed and that was verified: names for
 * rules, and the certificate as HTTP fields carry it. */
#ifndef TIDEGATE_TLS_TLS_PEER_H
#define TIDEGATE_TLS_TLS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"
#include "io/conn.h"

/* Names of one kind: more are left out. */
#define TLS_PEER_NAMES_MAX 256

/* All texts live in the arena they were read into. Names are as the certificate has them: any bytes
 * but NUL, controls and what is not ASCII. */
struct tls_peer {
    struct span subject; /* RFC 4514; ptr NULL: too long, or not to be written as text */
    struct span issuer;  /* the same of the CA that issued it */
    struct span *dns;
    size_t dns_count;
    struct span *uris;
    size_t uri_count;
    struct span *emails;
    size_t email_count;
    struct span *ips; /* as texts */
    size_t ip_count;
    struct span serial;   /* capital hex; ptr NULL: there is no memory for it */
    int64_t expires;      /* notAfter, seconds since 1970 */
    char fingerprint[65]; /* SHA-256, lower-case hex */
};

/* False: the peer showed no certificate. The connection is established, and has the TLS layer. */
bool tls_peer_read(const struct conn *conn, struct arena *arena, struct tls_peer *peer) MUST_CHECK;

/* The values of Client-Cert and Client-Cert-Chain (RFC 9440 section 2): the peer's certificate, and
 * those between it and the root, as byte sequences (RFC 8941 section 3.3.5). ptr NULL: there are
 * none; the chain of a resumed session only where the context keeps it. */
struct span tls_peer_certificate_field(const struct conn *conn, struct arena *arena) MUST_CHECK;
/* The certificate in PEM (RFC 7468), percent-encoded (RFC 3986 section 2.1), as servers know it
 * from other proxies. ptr NULL: there is none. */
struct span tls_peer_certificate_text(const struct conn *conn, struct arena *arena) MUST_CHECK;
struct span tls_peer_chain_field(const struct conn *conn, struct arena *arena) MUST_CHECK;

#endif

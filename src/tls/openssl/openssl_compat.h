/* What newer versions of OpenSSL have, as nothing where it is missing. */
#ifndef TIDEGATE_TLS_OPENSSL_OPENSSL_COMPAT_H
#define TIDEGATE_TLS_OPENSSL_OPENSSL_COMPAT_H

#include <openssl/ssl.h>

/* For SSL_CTX_set_options. Compressed certificates (RFC 8879), known from OpenSSL 3.2 on, save a
 * few hundred bytes of a handshake and let a peer choose what we inflate: neither accepted nor
 * sent. */
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
#define TLS_NO_CERTIFICATE_COMPRESSION                                                             \
    (SSL_OP_NO_RX_CERTIFICATE_COMPRESSION | SSL_OP_NO_TX_CERTIFICATE_COMPRESSION)
#else
#define TLS_NO_CERTIFICATE_COMPRESSION 0
#endif

#endif

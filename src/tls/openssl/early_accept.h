/* A server's context that takes early data (0-RTT, RFC 8446 section 8): how much, and from which
 * ClientHellos. What becomes of it on a connection: tls_early.h. For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_EARLY_ACCEPT_H
#define TIDEGATE_TLS_OPENSSL_EARLY_ACCEPT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

struct tls_tickets;

/* Lets it take up to `limit` bytes before each handshake is over, once from each ClientHello; the
 * tickets' keys and what guards against copies live equally long. */
bool early_accept_install(SSL_CTX *ssl_ctx, struct tls_tickets *tickets, uint32_t limit) MUST_CHECK;

#endif

/* Two of the library's own connections that talk in memory, for tests of what is put into contexts.
 */
#ifndef TIDEGATE_TESTS_TLS_PAIR_H
#define TIDEGATE_TESTS_TLS_PAIR_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "tls_test.h"

struct tls_pair {
    SSL *client;
    SSL *server;
};

/* The contexts stay the caller's. version: the only one that both speak. */
struct tls_pair tls_pair_make(SSL_CTX *client, SSL_CTX *server, int version);
/* The handshake, and then until each has read what the other's end of it was (in TLS 1.3 the
 * client's certificate is judged, and tickets come, after the client is done). False: it failed. */
bool tls_pair_shake(struct tls_pair *pair);
void tls_pair_free(struct tls_pair *pair);

/* Gives a context its certificate and key, with what is sent above the certificate. */
void tls_pair_use(SSL_CTX *ssl_ctx, const struct identity *identity,
                  const struct identity *const *above, size_t above_count);

#endif

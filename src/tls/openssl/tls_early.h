/* 0-RTT (RFC 8446 sections 2.3 and 4.2.10) on the server's side: what a resuming client sends with
 * its ClientHello. For tls/ alone; whoever reads it learns from tls_conn_is_early that it may be a
 * recording.
 *
 *   ClientHello --taken--> early: reads give early data, writes go out before the handshake is over
 *        |                    `--client's Finished--> as any connection
 *        `--refused, or none: as any connection (the library drops what it refused)
 */
#ifndef TIDEGATE_TLS_OPENSSL_TLS_EARLY_H
#define TIDEGATE_TLS_OPENSSL_TLS_EARLY_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* Of a connection; zero-initialised: none comes. */
struct tls_early {
    char *bytes; /* read before the owner was told; NULL: none */
    uint32_t len;
    bool may_come; /* early data may (still) come */
    bool is_early; /* the handshake is over, but for the client's Finished */
};

/* Looks for early data on the connections of a context that takes it (early_accept.h). */
void tls_early_init(struct tls_early *early, SSL *ssl);
void tls_early_reset(struct tls_early *early);
/* These stand for SSL_do_handshake, SSL_read_ex and SSL_write_ex, with their results. After
 * tls_early_handshake gave 1, is_early says whether the handshake is really over; if not, there are
 * `bytes`. It reads into `plain`, for its own use. */
int tls_early_handshake(struct tls_early *early, SSL *ssl, char *plain, size_t room);
int tls_early_read(struct tls_early *early, SSL *ssl, char *bytes, size_t room, size_t *got);
int tls_early_write(const struct tls_early *early, SSL *ssl, const char *bytes, size_t len);
/* What tls_early_handshake read: copies it to `plain`, and returns its length. */
size_t tls_early_take(struct tls_early *early, char *plain);

#endif

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

struct tls_conn;
struct tls_tickets;

/* Lets a server's context take up to `limit` bytes before each handshake is over, once from each
 * ClientHello; the tickets' keys and what guards against copies live equally long. */
bool tls_early_install(SSL_CTX *ssl_ctx, struct tls_tickets *tickets, uint32_t limit) MUST_CHECK;

/* Looks for early data on the connections of a context that takes it. */
void tls_early_init(struct tls_conn *tls);
/* These stand for SSL_do_handshake, SSL_read_ex and SSL_write_ex, with their results. After
 * tls_early_handshake gave 1, tls->is_early says whether the handshake is really over; if not,
 * there is tls->early_bytes. */
int tls_early_handshake(struct tls_conn *tls);
int tls_early_read(struct tls_conn *tls, char *bytes, size_t room, size_t *got);
int tls_early_write(struct tls_conn *tls, const char *bytes, size_t len);
/* What tls_early_handshake read: copies it to memory.plain, and returns its length. */
size_t tls_early_take(struct tls_conn *tls);

#endif

/* The BIO between the TLS library and a connection's buffers: reads come from a span (bytes that
 * were received already), writes gather in the thread's memory.tx and leave in as few sends as
 * possible. For tls/ alone.
 *
 * One BIO per thread serves all its connections, since a thread works for one at a time: an idle
 * connection owns none. Every call of the library that may read or write stands between
 * tls_bio_begin and tls_bio_end. */
#ifndef TIDEGATE_TLS_OPENSSL_TLS_BIO_H
#define TIDEGATE_TLS_OPENSSL_TLS_BIO_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/span.h"
#include "io/conn.h"

#define TLS_RECORD_BYTES 16384

/* False when memory is out. */
bool tls_bio_attach(SSL *ssl) MUST_CHECK;
/* Also empties the library's queue of errors. */
void tls_bio_begin(struct conn *conn, struct span input);
/* Input that the library has not taken yet. */
struct span tls_bio_input(void);
void tls_bio_drop_input(void);
/* Sends what was gathered. The library's queue of errors stays as it is. */
void tls_bio_end(void);
/* What was gathered and not sent yet; it stays valid until something is put or written. */
struct span tls_bio_take(void);
/* Gathers bytes that were sealed before. */
void tls_bio_put(struct span sealed);
/* TLS_RECORD_BYTES of the thread's, to join small spans in. */
char *tls_bio_record(void);

#endif

/* Records without data after the handshake: key updates, tickets, empty ones, warnings, attempts at
 * a second handshake. Each costs the thread some microseconds and its sender some bytes, and TLS
 * sets no bound to them; so a peer may send NOISE_ROW_MAX in a row, and NOISE_MAX more in all than
 * records with data. Honest peers send a few tickets at the beginning and a key update per some
 * gigabytes. What goes beyond ends the connection as "only_noise". For tls_conn.c alone. */
#ifndef TIDEGATE_TLS_OPENSSL_TLS_NOISE_H
#define TIDEGATE_TLS_OPENSSL_TLS_NOISE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

#define NOISE_ROW_MAX 32
#define NOISE_MAX 512

/* Of a connection; zero-initialised. */
struct tls_noise {
    uint16_t all;
    uint16_t row;
    bool is_counting;
};

/* Has the library tell of records. */
void tls_noise_init(struct tls_noise *noise, SSL *ssl);
/* Counts those that come from now on: the handshake is over. */
void tls_noise_start(struct tls_noise *noise);
/* What came was data. */
void tls_noise_paid(struct tls_noise *noise);
/* The rest of the input is gone then. */
bool tls_noise_is_too_much(const struct tls_noise *noise, const SSL *ssl) MUST_CHECK;

#endif

/* Records without data after the handshake: key updates, tickets, empty ones, warnings, attempts at
 * a second handshake. Each costs the thread some microseconds and its sender some bytes, and TLS
 * sets no bound to them; so a peer may send NOISE_ROW_MAX in a row, and NOISE_MAX more in all than
 * records with data. Honest peers send a few tickets at the beginning and a key update per some
 * gigabytes. What goes beyond ends the connection as "only_noise". For tls_conn.c alone. */
#ifndef TIDEGATE_TLS_TLS_NOISE_H
#define TIDEGATE_TLS_TLS_NOISE_H

#include <stdbool.h>

#include "base/check.h"

#define NOISE_ROW_MAX 32
#define NOISE_MAX 512

struct tls_conn;

/* Counts the records that come from now on. */
void tls_noise_init(struct tls_conn *tls);
/* What came was data. */
void tls_noise_paid(struct tls_conn *tls);
/* The rest of the input is gone then. */
bool tls_noise_is_too_much(const struct tls_conn *tls) MUST_CHECK;

#endif

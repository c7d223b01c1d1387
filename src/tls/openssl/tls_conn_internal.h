/* What tls_conn.c, tls_conn_fail.c and tls_conn_facts.c share: not for others. */
#ifndef TIDEGATE_TLS_OPENSSL_TLS_CONN_INTERNAL_H
#define TIDEGATE_TLS_OPENSSL_TLS_CONN_INTERNAL_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/conn.h"
#include "tls/openssl/session_slot_internal.h"
#include "tls/openssl/tls_early.h"
#include "tls/openssl/tls_noise.h"
#include "tls/tls_conn.h"

struct handshake_cause;
struct held;
struct tls_sign;

enum tls_conn_state {
    TLS_CONN_HANDSHAKE,
    TLS_CONN_UNSIGNED, /* in the handshake, which waits for a signature */
    TLS_CONN_ESTABLISHED,
    TLS_CONN_ENDED, /* the peer's close_notify has come */
    TLS_CONN_FAILED
};

struct tls_conn {
    SSL *ssl;
    struct conn *conn;
    const struct tls_conn_events *events;
    struct deferred report;
    const struct handshake_cause *cause; /* NULL: nothing has failed */
    const char *detail;
    char *gap;             /* an intermediate certificate that was missing; then what is said */
    struct held *held;     /* NULL: nothing is held back */
    char *leftover;        /* ciphertext that was received, and not yet decrypted */
    struct tls_sign *sign; /* NULL: the library signs by itself, or the handshake is over */
    char *asked_name;      /* of a server; NULL: it is a client */
    struct session_use session;
    struct tls_early early;
    struct tls_noise noise;
    uint32_t leftover_len;
    uint32_t handshake_bytes;
    int16_t alert_sent;
    int16_t alert_received;
    enum tls_conn_state state : 8;
    bool is_server : 1;
    bool is_reported : 1; /* on_done was called, or is about to be */
    bool was_truncated : 1;
    bool answered_http : 1; /* plain HTTP came where a ServerHello belongs */
    bool must_finish : 1;   /* as soon as that has come */
};

static inline struct tls_conn *tls_of(const struct conn *conn)
{
    CHECK(conn->layer_state != NULL);
    return conn->layer_state;
}

/* ---- tls_conn_fail.c ---- */

void tls_conn_fail(struct tls_conn *tls, const struct handshake_cause *cause);
/* By what the library says of its last call. */
void tls_conn_fail_by_library(struct tls_conn *tls);
/* The peer has gone in the middle of the handshake: by the alert that came before, if only as a
 * warning; `otherwise` where none did. */
void tls_conn_fail_by_end(struct tls_conn *tls, const struct handshake_cause *otherwise);
/* The library's callbacks: for alerts; and for certificates, while the chain is at hand: is it an
 * intermediate one that is missing, and which? */
void tls_conn_on_info(const SSL *ssl, int where, int value);
int tls_conn_on_verify(int ok, X509_STORE_CTX *store);

#endif

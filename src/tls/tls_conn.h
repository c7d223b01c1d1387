/* TLS as the layer of a connection (io/conn.h): after tls_conn_accept or tls_conn_connect the
 * conn_* functions carry plaintext, and the layer does the rest.
 *
 *   accept, connect --> handshake --ok--> established --> end (close_notify, truncation, error)
 *                         ^    |  `--fails--> failed: on_done(conn, false), tls_conn_failure says
 * why answered   |    | a signature is to come from elsewhere (tls/signer.h) unsigned: bytes are
 * kept, UNSIGNED_BYTES_MAX of them; who goes is noticed
 *
 * The layer belongs to the connection and goes with conn_close. Until on_done the connection's
 * handler is not called and nothing may be queued. on_done is never called from inside
 * tls_conn_accept or tls_conn_connect; it may close the connection. After on_done(conn, true)
 * application bytes may be there already that no socket event will announce: call conn_read when
 * conn_can_read. Deadlines are the owner's. After a failure the alert that tells the peer has been
 * queued: conn_finish or conn_close is all there is left to do.
 *
 * Reads: one receive of CONN_RX_BYTES and the records in it per conn_read. Writes: small spans are
 * joined into records of 16 KiB, about 64 KiB sealed per send. A record that has come in part waits
 * inside the library. A TLS 1.3 server's ticket leaves with the first answer, or after 4 ms. */
#ifndef TIDEGATE_TLS_TLS_CONN_H
#define TIDEGATE_TLS_TLS_CONN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "io/conn.h"
#include "tls/tls_context.h"

struct session_slot;

struct tls_conn_events {
    /* The handshake is over; or early data is there (tls_conn_is_early). */
    void (*on_done)(struct conn *conn, bool ok);
};

/* Why a handshake, or what came after it, failed. The texts are static, or the library's. */
struct tls_failure {
    const char *word;     /* for counters and logs: "client_certificate_expired" */
    const char *sentence; /* what happened */
    const char *mend;     /* what to do about it */
    const char *detail;   /* the library's own reason, or NULL */
    int alert_sent;       /* tls/alert.h; TLS_ALERT_NONE */
    int alert_received;
};

/* Puts the layer on and goes on from first_bytes, which the owner has already read (the whole
 * ClientHello or any part of it, and what followed); copied where needed, so they may lie in the
 * receive buffer. False when memory is out: the connection is still plain then. */
bool tls_conn_accept(struct conn *conn, struct tls_context *context, struct span first_bytes,
                     const struct tls_conn_events *events) MUST_CHECK;
/* server_name: a host name (sent as SNI and checked) or an IP address (checked, not sent); empty:
 * any name will do, and none is sent; NULL only with a context that skips verification. */
bool tls_conn_connect(struct conn *conn, struct tls_context *context, const char *server_name,
                      const struct tls_conn_events *events) MUST_CHECK;
/* The same, resuming a session that `slot` (tls/session_slot.h) keeps of this server and name, and
 * keeping new ones there. It must outlive the connection. */
bool tls_conn_connect_with(struct conn *conn, struct tls_context *context, const char *server_name,
                           struct session_slot *slot,
                           const struct tls_conn_events *events) MUST_CHECK;

/* All below: only for a connection that has the layer (!conn_is_plain). */

/* Of one that was made by us: the server_name, "" for none. */
const char *tls_conn_asked_name(const struct conn *conn);
bool tls_conn_is_established(const struct conn *conn);
/* The client's Finished has not come yet: what was read until now may be a recording that somebody
 * sends again (0-RTT, RFC 8446 section 8), and is nothing to act on but what may be done twice.
 * Only with a context that takes early data. Reading goes on with the handshake. conn_finish waits
 * for it: the owner must read on until it is over or its time is. */
bool tls_conn_is_early(const struct conn *conn);
/* word NULL: nothing has failed. Valid after on_done(conn, false), and after CONN_ERROR. */
struct tls_failure tls_conn_failure(const struct conn *conn);
/* CONN_EOF came without close_notify: what was read may have been cut off (RFC 8446 section 6.1).
 * A body that ends with its connection must then count as incomplete. */
bool tls_conn_was_truncated(const struct conn *conn);

/* After the handshake: "TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519" ("" where unknown). */
const char *tls_conn_version(const struct conn *conn);
const char *tls_conn_cipher(const struct conn *conn);
const char *tls_conn_group(const struct conn *conn);
bool tls_conn_was_resumed(const struct conn *conn);
/* Whether it was made with the context as it is now (tls_client_context_reload). */
bool tls_conn_is_of(const struct conn *conn, struct tls_context *context);
/* The protocol agreed on by ALPN; len 0: none. Lives as long as the connection. */
struct span tls_conn_alpn(const struct conn *conn);
/* Whether the peer showed a certificate (which was then verified, or see tls_conn_peer_verdict). */
bool tls_conn_has_peer_certificate(const struct conn *conn);
/* What is wrong with it, where it was let through all the same (CLIENT_VERIFY_UNVERIFIED); NULL: it
 * was verified, or there is none. Static. */
const char *tls_conn_peer_verdict(const struct conn *conn);
/* The peer's subject as RFC 2253 text, cut to size, with a NUL; returns its length, 0: none. */
size_t tls_conn_peer_subject(const struct conn *conn, char *text, size_t size);
/* The same of the CA that issued its certificate. */
size_t tls_conn_peer_issuer(const struct conn *conn, char *text, size_t size);
/* The common name of its subject, the last one where there are several, in UTF-8; one that has a
 * NUL in it, or does not fit, counts as none. */
size_t tls_conn_peer_common_name(const struct conn *conn, char *text, size_t size);
/* SHA-256 of the peer's certificate in lower-case hex; false: it showed none. */
bool tls_conn_peer_fingerprint(const struct conn *conn, char text[65]);

#endif

/* Handshakes that wait for a signature: with a signer (tls/signer.h) the library's part of a
 * handshake runs on a fiber, which stops where the library wants to be given the signature, and
 * goes on when it is there. Without one there is neither. For tls/ alone.
 *
 *   tls_sign_handshake --> the library --wants a signature--> tls_sign_wait: paused
 *          ^                                                     |
 *          `------------ on_resume, when it was answered --------'
 *
 * A connection owns its part. Ending it while it waits lets the library come to its own end first,
 * without a signature. */
#ifndef TIDEGATE_TLS_OPENSSL_TLS_SIGN_H
#define TIDEGATE_TLS_OPENSSL_TLS_SIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"

struct conn;
struct handshake_cause;
struct sign_key;
struct sign_request;
struct signer;
struct tls_sign;

struct tls_sign_calls {
    int (*shake)(void *arg); /* the library's handshake, as far as the input lets it */
    /* The answer is there, and tls_sign_handshake goes on; a deferred call, which may end all. */
    void (*on_resume)(void *arg);
};

/* arg: for the calls. NULL when
 * memory is out: a signature that is not there at once is none, then. */
struct tls_sign *tls_sign_create(struct conn *conn, const struct tls_sign_calls *calls,
                                 void *arg) MUST_CHECK;
/* Between the turns of the loop or in them, but never from inside the library. NULL is allowed. */
void tls_sign_destroy(struct tls_sign *sign);

/* Stands for `shake`, with its result, which counts unless it waits. */
int tls_sign_handshake(struct tls_sign *sign);
bool tls_sign_is_waiting(const struct tls_sign *sign);
/* Why there was no signature; NULL: that was not it. */
const struct handshake_cause *tls_sign_failure(const struct tls_sign *sign);

/* From the library's call for a signature: asks for it, and waits. NULL: there is none. To be
 * dropped. scheme 0: TLS has none for this key. */
struct sign_request *tls_sign_wait(struct signer *signer, const struct sign_key *key,
                                   uint16_t scheme, struct span message);
/* From there, too: what the signer gave is no signature of that key. */
void tls_sign_was_wrong(void);

#endif

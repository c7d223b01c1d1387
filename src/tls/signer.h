/* Who signs with a private key that this process does not have: a seam. A signer is asked for a
 * signature, and answers at once or later; a handshake that needs it waits meanwhile
 * (tls/tls_conn.h), and no thread does. Where a context has no signer, the TLS library signs by
 * itself, at once, with the key that was read from its file.
 *
 *   sign_ask --> ASKED --sign_answer--> ANSWERED --sign_drop--> freed
 *                  `--sign_drop: nobody wants it any more--> DROPPED --sign_answer--> freed
 *
 * A request is freed when both have let it go: who asked drops it once, the signer answers it once,
 * at the latest when it ends itself. So neither an answer that comes after the connection's end nor
 * a connection that ends while an answer is on its way can meet memory that is gone.
 *
 * All of it on the thread of the connection's loop. */
#ifndef TIDEGATE_TLS_SIGNER_H
#define TIDEGATE_TLS_SIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "tls/digest.h"

/* More than any signature has (RSA with 16384 bits). A longer answer counts as none. */
#define SIGN_ANSWER_MAX 2048

/* TLS before 1.2 has no SignatureScheme: RSA with MD5 and SHA-1 side by side (RFC 4346 section
 * 7.4.3), by a number for private use. */
#define SIGN_SCHEME_RSA_MD5_SHA1 0xfe01

enum sign_state { SIGN_ASKED, SIGN_ANSWERED, SIGN_DROPPED };

/* Whose: the public key, as DER (SubjectPublicKeyInfo, RFC 5280), and what a signer may find it by,
 * so that nobody makes a digest for each signature. */
struct sign_key {
    struct span der;
    unsigned char digest[SHA256_BYTES]; /* SHA-256 of it */
};

struct sign_request {
    /* For the signer. */
    struct sign_key key;
    uint16_t scheme;     /* how: a SignatureScheme of TLS (RFC 8446 section 4.2.3) */
    struct span message; /* what, as it is: the signer hashes it */
    void *of_signer;     /* the signer's own */
    /* For whoever asks. */
    enum sign_state state;
    struct span signature;        /* when ANSWERED; empty: refused */
    void (*on_answer)(void *arg); /* not from inside sign_ask */
    void *arg;
    bool is_asking; /* inside sign_ask */
    char bytes[];   /* key and message */
};

/* `sign` may answer at once. It must not end the connection that asks, nor write on one with TLS.
 * It outlives the contexts and connections that were made with it. */
struct signer {
    void (*sign)(struct signer *self, struct sign_request *request);
    /* A key of ours that is with the signer came into use, or is in use no more (its public half,
     * as DER), so that it is known which are needed: each is kept as often as it is let go, from
     * any thread. NULL: nobody asks. */
    void (*keep)(struct signer *self, struct span key);
    void (*let_go)(struct signer *self, struct span key);
    bool is_of_ours; /* a process of ours signs: what it gives is not verified again */
};

/* Copies key and message. on_answer is called once, if the answer comes later and nobody has
 * dropped the request before; state says whether it came at once. */
struct sign_request *sign_ask(struct signer *signer, const struct sign_key *key, uint16_t scheme,
                              struct span message, void (*on_answer)(void *arg), void *arg);
/* From the signer, once for each request; signature empty: it will not, or cannot. Copied. */
void sign_answer(struct sign_request *request, struct span signature);
/* From whoever asked, once. */
void sign_drop(struct sign_request *request);

#endif

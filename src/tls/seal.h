/* Texts sealed with a key, so that whoever keeps them can neither read nor change them: AES-256-GCM
 * (NIST SP 800-38D) with a random nonce of 96 bits, which is good for 2^32 texts of one key: let
 * keys change. In tls/, because the TLS library does it. From any thread. */
#ifndef TIDEGATE_TLS_SEAL_H
#define TIDEGATE_TLS_SEAL_H

#include <stdbool.h>

#include "base/check.h"
#include "base/span.h"

#define SEAL_KEY_BYTES 32
/* What is sealed is longer by so much: nonce and tag. */
#define SEAL_OVERHEAD 28

/* `with` is not in it, and must be the same when it is opened. `sealed` has room for text.len +
 * SEAL_OVERHEAD. False when the library cannot. */
bool seal_close(const unsigned char key[SEAL_KEY_BYTES], struct span with, struct span text,
                unsigned char *sealed) MUST_CHECK;
/* `text` has room for sealed.len - SEAL_OVERHEAD, which is its length. False: it is not of this
 * key, or was changed. */
bool seal_open(const unsigned char key[SEAL_KEY_BYTES], struct span with, struct span sealed,
               unsigned char *text) MUST_CHECK;

#endif

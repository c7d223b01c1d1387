/* Which of the keyholder's keys this process needs: counted by the objects of the TLS library that
 * stand for them (tls/signer.h), so that a key which no context, no folder and no handshake uses
 * any more is told to whoever had it read, and can be wiped. From any thread. */
#ifndef TIDEGATE_KEYS_KEY_USE_H
#define TIDEGATE_KEYS_KEY_USE_H

#include "base/span.h"
#include "keys/key_id.h"

struct signer;

/* The key was read for this process, once more: and is kept once. */
void key_use_took(const struct key_id *id);
/* For struct signer. */
void key_use_keep(struct signer *signer, struct span key);
void key_use_let_go(struct signer *signer, struct span key);

/* Called when a key is needed no more, with how often it was read for this process; under a lock,
 * so it must be short. NULL: nobody asks. */
typedef void key_unused_fn(void *arg, const struct key_id *id, unsigned times);
void key_use_tell(key_unused_fn *fn, void *arg);

#endif

/* What is given to browsers to keep, and what opens it again: texts sealed (tls/seal.h) with keys
 * that change with time, as base64url.
 *
 *   secret --HMAC(number of the period)--> key of the period --seals--> cookie, with that number
 *
 * The key of a period is derived from a secret, so that nothing has to be remembered to open what
 * was sealed in an earlier one, by any worker, by the process after a reload, or by another gateway
 * with the same secret. Immutable; from any thread. */
#ifndef TIDEGATE_AUTH_OIDC_BOX_H
#define TIDEGATE_AUTH_OIDC_BOX_H

#include <stdint.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/followed.h"
#include "tls/digest.h"
#include "tls/seal.h"

#define OIDC_SECRETS_MAX 8
#define OIDC_SECRET_MIN 16
#define OIDC_SECRET_MAX 255
/* Of a text of n bytes, sealed. */
#define OIDC_BOX_LEN(n) BASE64_LEN((n) + 1 + 8 + SEAL_OVERHEAD)

/* Secrets, of which the first one seals. */
struct oidc_secrets {
    unsigned char items[OIDC_SECRETS_MAX][SHA256_BYTES];
    size_t count;
};

/* Of a file: a secret a line. The object is a struct oidc_secrets. */
extern const struct followed_type oidc_secrets_type;
/* The one of the process. */
void oidc_secrets_of_process(struct oidc_secrets *secrets);

struct oidc_box {
    const struct oidc_secrets *secrets;
    struct span purpose; /* what was sealed for another one is not opened */
    uint64_t rotate_s;   /* a period */
    uint64_t keep_s;     /* how much older than now a period may be */
};

/* In the arena. ptr NULL: the library cannot. */
struct span oidc_box_seal(const struct oidc_box *box, struct span text, int64_t now_s,
                          struct arena *arena) MUST_CHECK;
/* ptr NULL: it is none of this box, or too old. */
struct span oidc_box_open(const struct oidc_box *box, struct span sealed, int64_t now_s,
                          struct arena *arena) MUST_CHECK;

#endif

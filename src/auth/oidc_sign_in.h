/* A sign-in that is under way, from the redirect to the provider to the callback: what of it lies
 * in the browser's cookie, what the provider says at the callback, and where the browser goes then.
 *
 *   seed --HMAC--> state, nonce, verifier --SHA-256--> challenge (PKCE, RFC 7636)
 *
 * Pure, but for the random bytes of oidc_sign_in_begin. */
#ifndef TIDEGATE_AUTH_OIDC_SIGN_IN_H
#define TIDEGATE_AUTH_OIDC_SIGN_IN_H

#include "base/arena.h"
#include "base/error.h"
#include "http/message.h"

#define OIDC_SEED_BYTES 32
#define OIDC_TARGET_MAX 1024
/* Of the values that a callback brings. */
#define OIDC_CODE_MAX 4096
#define OIDC_WORD_MAX 512

struct oidc_sign_in {
    int64_t began_s; /* since 1970 */
    unsigned char seed[OIDC_SEED_BYTES];
    struct span target; /* a path of the site, perhaps with a query */
};

/* What follows from its seed; texts in the arena. */
struct oidc_proofs {
    struct span state;
    struct span nonce;
    struct span verifier;
    struct span challenge;
};

/* The target is only kept where it may be (oidc_return_target). */
void oidc_sign_in_begin(struct oidc_sign_in *sign_in, struct span target, int64_t now_s);
struct oidc_proofs oidc_sign_in_proofs(const struct oidc_sign_in *sign_in, struct arena *arena);
/* As it is sealed. */
struct span oidc_sign_in_pack(const struct oidc_sign_in *sign_in, struct arena *arena) MUST_CHECK;
/* False: it is none. The target points into `text`. */
bool oidc_sign_in_unpack(struct span text, struct oidc_sign_in *sign_in) MUST_CHECK;

/* The same text, or "/" where a browser could take it for another site's address or where it is
 * longer than OIDC_TARGET_MAX. */
struct span oidc_return_target(struct span target);

/* Whether a browser asks for a page, so that it can be sent to sign in. */
bool oidc_is_navigation(const struct http_request *request);

/* The query of the callback (RFC 6749 section 4.1.2, RFC 9207). */
struct oidc_callback {
    struct span state; /* ptr NULL, as all of them: not said */
    struct span code;
    struct span error;
    struct span description;
    struct span issuer;
};

/* False with an error: something is there twice, or too long. In the arena. */
bool oidc_callback_read(struct span query, struct arena *arena, struct oidc_callback *callback,
                        struct error *error) MUST_CHECK;
/* A parameter of a form or a query, decoded. False: it is there twice or longer than `most`; its
 * ptr is NULL where it is not there. */
bool oidc_form_find(struct span form, const char *name, size_t most, struct arena *arena,
                    struct span *value) MUST_CHECK;

#endif

/* What OpenID Connect asks of tokens besides jose/jwt.h: of the ID token that says who has signed
 * in (Core section 3.1.3.7), and of the logout token that says who has signed out elsewhere
 * (Back-Channel Logout section 2.6). For tokens whose signature was verified. Pure. */
#ifndef TIDEGATE_JOSE_ID_TOKEN_H
#define TIDEGATE_JOSE_ID_TOKEN_H

#include "jose/jwt.h"

/* Of `sub` and `sid`, as they are kept. */
#define ID_TOKEN_NAME_MAX 255

struct id_token_rules {
    const char *issuer;
    const char *client_id;
    int64_t leeway_s;
    struct span nonce;        /* ptr NULL: none was sent, as with a refresh */
    struct span access_token; /* that came along; ptr NULL: none */
    struct span subject;      /* who it was before; ptr NULL: nobody */
};

/* The error says what is wrong, for the log. */
enum jwt_verdict id_token_check(const struct jwt *jwt, const struct id_token_rules *rules,
                                int64_t now_s, struct jwt_times *times,
                                struct error *error) MUST_CHECK;
/* One of *subject and *session is there, perhaps both; the other's ptr is NULL. Of the token. */
enum jwt_verdict logout_token_check(const struct jwt *jwt, const struct id_token_rules *rules,
                                    int64_t now_s, struct span *subject, struct span *session,
                                    struct error *error) MUST_CHECK;

#endif

/* Tokens that whoever has them shows: in Authorization: Bearer (RFC 6750), a field or a cookie. */
#ifndef TIDEGATE_AUTH_BEARER_H
#define TIDEGATE_AUTH_BEARER_H

#include "auth/auth.h"

struct bearer {
    const char *field;  /* NULL: none */
    const char *cookie; /* the same */
    const char *realm;
    uint64_t token_bytes;
    bool pass_credentials;
};

/* AUTH_KNOWN: there is one, and not too long. */
enum auth_outcome bearer_find(const struct bearer *bearer, struct auth_run *run,
                              struct span *token);
/* RFC 6750 section 3. */
struct span bearer_challenge(const struct bearer *bearer, const struct auth_method *method,
                             struct auth_run *run);
void bearer_strip(const struct bearer *bearer, struct auth_run *run);

#endif

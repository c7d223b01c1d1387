/* Tokens that whoever has them shows: in Authorization: Bearer (RFC 6750), a field or a cookie. For
 * methods whose settings begin with struct bearer_settings. */
#ifndef TIDEGATE_AUTH_BEARER_H
#define TIDEGATE_AUTH_BEARER_H

#include "auth/auth.h"

/* AUTH_KNOWN: there is one, and not too long. */
enum auth_outcome bearer_find(const struct auth_method *method, struct auth_run *run,
                              struct span *token);
/* RFC 6750 section 3. */
struct span bearer_challenge(const struct auth_method *method, struct auth_run *run);
struct span bearer_passes(const struct auth_method *method);
void bearer_strip(const struct auth_method *method, struct auth_run *run);

#endif

/* Who sends a request, as some method of telling has found: all that a method leaves behind, for
 * rules, variables and the log. Immutable once made; its texts live as long as the request. */
#ifndef TIDEGATE_AUTH_AUTH_IDENTITY_H
#define TIDEGATE_AUTH_AUTH_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

struct auth_list {
    const struct span *items;
    size_t count;
};

enum auth_claim_kind { AUTH_CLAIM_TEXT, AUTH_CLAIM_NUMBER, AUTH_CLAIM_BOOL };

/* One thing that is said of somebody: of a token, or of a certificate. */
struct auth_claim {
    struct span path;  /* "sub", "realm_access.roles": names of members, with dots between */
    struct span value; /* a number's as it is written, else true or false, or the text */
    enum auth_claim_kind kind;
};

/* By their paths; the elements of an array are claims of one path, in their order. What is null, or
 * an empty array or object, is not there. */
struct auth_claims {
    const struct auth_claim *items;
    size_t count;
};

#define AUTH_NEVER_EXPIRES INT64_MAX

struct auth_identity {
    const char *method; /* "basic", "api_key", "jwt": the directive's name */
    struct span user;   /* a name, never empty */
    struct auth_list groups;
    struct auth_list scopes;
    struct auth_claims claims;
    int64_t expires; /* seconds since 1970, until when what was shown is good; or AUTH_NEVER_... */
    const struct auth_identity *also; /* what another method has found; NULL: nothing more */
};

/* Those of this path, whoever of the methods has found them first; count 0: there are none.
 * identity NULL: nobody. */
struct auth_claims auth_identity_claims(const struct auth_identity *identity, struct span path);
/* The same as one text, with "," between several; empty where there are none. */
struct span auth_identity_claim_text(const struct auth_identity *identity, struct span path,
                                     struct arena *arena);
bool auth_list_has(const struct auth_list *list, struct span wanted);
/* Bytes' order of paths: the order of a claims' items. */
int auth_claim_path_order(struct span one, struct span other);

#endif

#include "auth/known_claims.h"

#include "auth/claims.h"

static struct auth_list list_of(struct auth_claims claims, struct arena *arena)
{
    struct span *items = arena_alloc(arena, (claims.count + 1) * sizeof(*items));

    for (size_t i = 0; i < claims.count; i++) {
        items[i] = claims.items[i].value;
    }
    return (struct auth_list){items, claims.count};
}

struct known *known_from_claims(const json_t *claims, const struct claim_names *names,
                                const char *method, size_t bytes)
{
    struct known *known = known_create();
    struct auth_identity *identity = &known->identity;
    struct auth_claims user;
    struct auth_claims scopes;

    identity->method = method;
    identity->claims = claims_of_json(claims, &known->arena);
    user = auth_identity_claims(identity, span_from_cstr(names->user));
    if (user.count != 1 || user.items[0].value.len == 0) {
        known_release(known);
        return NULL;
    }
    identity->user = user.items[0].value;
    identity->groups =
        list_of(auth_identity_claims(identity, span_from_cstr(names->groups)), &known->arena);
    scopes = auth_identity_claims(identity, span_from_cstr(names->scopes));
    identity->scopes = claims_words(&scopes, &known->arena);
    identity->expires = AUTH_NEVER_EXPIRES;
    known->expires = AUTH_NEVER_EXPIRES;
    known->bytes = sizeof(*known) + 1024 + 4 * bytes;
    return known;
}

#include "auth/bearer.h"

#include <stddef.h>

#include "auth/shown.h"

_Static_assert(offsetof(struct jwt_settings, bearer) == 0 &&
                   offsetof(struct auth_introspection_settings, bearer) == 0,
               "theirs begin with it");

static struct shown_places places_of(const struct bearer_settings *bearer)
{
    return (struct shown_places){.field = bearer->field, .cookie = bearer->cookie};
}

enum auth_outcome bearer_find(const struct auth_method *method, struct auth_run *run,
                              struct span *token)
{
    const struct bearer_settings *bearer = method->settings;
    const struct shown_places places = places_of(bearer);
    struct span value = {NULL, 0};
    enum credential_place place;
    enum auth_outcome outcome = auth_credentials(run, SPAN_OF("Bearer"), &value);

    if (outcome == AUTH_WRONG) {
        return outcome;
    }
    place = shown_find(run->phases->request, &places, token);
    if (place == CREDENTIAL_MANY || (place == CREDENTIAL_ONE && outcome == AUTH_KNOWN)) {
        return auth_wrong(run, "credentials_malformed", "the request has more than one token",
                          "the client should send it once, in one of the places");
    }
    if (outcome == AUTH_KNOWN) {
        *token = value;
    } else if (place == CREDENTIAL_ABSENT) {
        return AUTH_ABSENT;
    }
    if (token->len > bearer->token_bytes) {
        return auth_wrong(run, "credentials_malformed", "the token is longer than 'token_size'",
                          NULL);
    }
    return AUTH_KNOWN;
}

struct span bearer_challenge(const struct auth_method *method, struct auth_run *run)
{
    const struct bearer_settings *bearer = method->settings;

    return span_from_cstr(
        arena_printf(run->phases->arena, "Bearer realm=\"%s\"%s", bearer->realm,
                     auth_was_wrong(run, method) ? ", error=\"invalid_token\"" : ""));
}

struct span bearer_passes(const struct auth_method *method)
{
    const struct bearer_settings *bearer = method->settings;

    return bearer->pass_credentials ? SPAN_OF("Bearer") : span_make(NULL, 0);
}

void bearer_strip(const struct auth_method *method, struct auth_run *run)
{
    const struct bearer_settings *bearer = method->settings;
    const struct shown_places places = places_of(bearer);

    if (!bearer->pass_credentials) {
        auth_strip_credentials(run, SPAN_OF("Bearer"));
        shown_strip(run->phases->request, &places, run->phases->arena);
    }
}

#include "cli/route_auth.h"

const char *route_auth_words(const struct auth_settings *auth, struct arena *arena)
{
    const struct {
        const void *settings;
        const char *name;
    } methods[] = {
        {auth->client_certificate, "client_certificate"},
        {auth->basic, "basic"},
        {auth->api_key, "api_key"},
        {auth->jwt, "jwt"},
        {auth->introspection, "introspection"},
        {auth->oidc, "oidc"},
        {auth->forward, "forward"},
    };
    const char *words = NULL;

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (methods[i].settings != NULL) {
            words = words == NULL
                        ? methods[i].name
                        : arena_printf(arena, "%s %s %s", words,
                                       auth->mode == AUTH_MODE_ALL ? "and" : "or", methods[i].name);
        }
    }
    return words;
}

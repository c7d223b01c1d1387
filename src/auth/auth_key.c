/* A key of a program, in a field, a query's parameter or a cookie. */
#include <time.h>

#include "auth/auth.h"
#include "auth/key_file.h"
#include "auth/shown.h"

static enum auth_outcome malformed(struct auth_run *run)
{
    return auth_wrong(run, "credentials_malformed", "the request has more than one key",
                      "the client should send its key once, in one of the places");
}

static struct shown_places places_of(const struct api_key_settings *settings)
{
    return (struct shown_places){settings->field, settings->query, settings->cookie};
}

static enum auth_outcome take_entry(struct auth_run *run, const struct key_entry *entry)
{
    struct arena *arena = run->phases->arena;
    struct auth_identity *identity;
    struct span *scopes;

    if (entry == NULL) {
        return auth_wrong(run, "credentials_wrong", "the file of keys does not have this one",
                          "'tidegate key new NAME' makes a key and its line");
    }
    if (entry->expires <= (int64_t)time(NULL)) {
        return auth_wrong(
            run, "credentials_expired",
            arena_printf(arena, "the key of '%.*s' has expired", SPAN_ARG(entry->name)),
            "give its holder another one: 'tidegate key new NAME'");
    }
    identity = auth_found(run, auth_api_key.name, entry->name);
    scopes = arena_alloc(arena, entry->scopes.count * sizeof(*scopes));
    for (size_t i = 0; i < entry->scopes.count; i++) {
        scopes[i] = arena_copy(arena, entry->scopes.items[i]);
    }
    identity->scopes = (struct auth_list){scopes, entry->scopes.count};
    identity->expires = entry->expires;
    return AUTH_KNOWN;
}

static enum auth_outcome ask(const struct auth_method *method, struct auth_run *run)
{
    struct followed_object *file;
    unsigned char digest[SHA256_BYTES];
    const struct shown_places places = places_of(method->settings);
    enum auth_outcome outcome;
    struct span key;

    switch (shown_find(run->phases->request, &places, &key)) {
    case CREDENTIAL_ABSENT:
        return AUTH_ABSENT;
    case CREDENTIAL_MANY:
        return malformed(run);
    case CREDENTIAL_ONE:
        break;
    }
    if (key.len == 0 || key.len > KEY_BYTES_MAX || !digest_sha256(&key, 1, digest)) {
        return auth_wrong(run, "credentials_malformed",
                          "the key is empty, or longer than 512 bytes", NULL);
    }
    file = followed_get(method->files[0]);
    outcome = take_entry(run, key_file_find(followed_read(file), digest));
    followed_put(file);
    return outcome;
}

static void strip(const struct auth_method *method, struct auth_run *run)
{
    const struct api_key_settings *settings = method->settings;
    const struct shown_places places = places_of(settings);

    if (!settings->pass_credentials) {
        shown_strip(run->phases->request, &places, run->phases->arena);
    }
}

static bool open_keys(struct auth_method *method, struct arena *arena, struct error *error)
{
    const struct api_key_settings *settings = method->settings;

    return auth_method_follow(method, settings->keys, &key_file_type, arena, error);
}

const struct auth_type auth_api_key = {
    .name = "api_key", .open = open_keys, .ask = ask, .strip = strip};

/* A key of a program, in a field, a query's parameter or a cookie. */
#include <time.h>

#include "auth/auth.h"
#include "auth/key_file.h"
#include "edge/credential.h"

static enum auth_outcome malformed(struct auth_run *run)
{
    return auth_wrong(run, "credentials_malformed", "the request has more than one key",
                      "the client should send its key once, in one of the places");
}

/* What was found in one more place. False: it is one too many. */
static bool add(struct span *key, enum credential_place place, struct span value)
{
    if (place == CREDENTIAL_ABSENT) {
        return true;
    }
    if (place == CREDENTIAL_MANY || key->ptr != NULL) {
        return false;
    }
    *key = value;
    return true;
}

static enum credential_place find_field(const struct http_fields *fields, struct span name,
                                        struct span *value)
{
    enum credential_place place = CREDENTIAL_ABSENT;

    for (size_t i = 0; i < fields->count; i++) {
        if (span_ieq(fields->items[i].name, name)) {
            if (place == CREDENTIAL_ONE) {
                return CREDENTIAL_MANY;
            }
            place = CREDENTIAL_ONE;
            *value = fields->items[i].value;
        }
    }
    return place;
}

static enum credential_place find_cookie(const struct http_fields *fields, struct span name,
                                         struct span *value)
{
    struct span key = {NULL, 0};
    struct span one = {NULL, 0};

    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == FIELD_COOKIE &&
            !add(&key, credential_find(fields->items[i].value, ';', name, &one), one)) {
            return CREDENTIAL_MANY;
        }
    }
    *value = key;
    return key.ptr != NULL ? CREDENTIAL_ONE : CREDENTIAL_ABSENT;
}

/* From all places that the settings name. */
static enum auth_outcome find_key(const struct api_key_settings *settings, struct auth_run *run,
                                  struct span *key)
{
    const struct http_request *request = run->phases->request;
    struct span value = {NULL, 0};
    bool is_one = true;

    *key = span_make(NULL, 0);
    if (settings->field != NULL) {
        is_one =
            add(key, find_field(&request->fields, span_from_cstr(settings->field), &value), value);
    }
    if (is_one && settings->query != NULL) {
        is_one =
            add(key, credential_find(request->query, '&', span_from_cstr(settings->query), &value),
                value);
    }
    if (is_one && settings->cookie != NULL) {
        is_one = add(key, find_cookie(&request->fields, span_from_cstr(settings->cookie), &value),
                     value);
    }
    if (!is_one) {
        return malformed(run);
    }
    return key->ptr != NULL ? AUTH_KNOWN : AUTH_ABSENT;
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
    struct span key;
    enum auth_outcome outcome = find_key(method->settings, run, &key);

    if (outcome != AUTH_KNOWN) {
        return outcome;
    }
    if (key.len == 0 || key.len > KEY_BYTES_MAX || !digest_sha256(&key, 1, digest)) {
        return auth_wrong(run, "credentials_malformed",
                          "the key is empty, or longer than 512 bytes", NULL);
    }
    file = followed_get(method->file);
    outcome = take_entry(run, key_file_find(followed_read(file), digest));
    followed_put(file);
    return outcome;
}

/* HTTP has no scheme for it. */
static struct span challenge(const struct auth_method *method, struct auth_run *run)
{
    (void)method;
    (void)run;
    return span_make(NULL, 0);
}

static void strip_query(struct http_request *request, struct span name, struct arena *arena)
{
    struct span left = credential_remove(request->query, '&', name, arena);
    size_t path = request->target.len - request->query.len;

    if (left.len == request->query.len) {
        return;
    }
    request->target =
        span_from_cstr(arena_printf(arena, "%.*s%.*s", (int)(left.len == 0 ? path - 1 : path),
                                    request->target.ptr, SPAN_ARG(left)));
    request->query = left.len == 0 ? span_make(NULL, 0) : left;
}

static void strip_cookie(struct http_fields *fields, struct span name, struct arena *arena)
{
    for (size_t i = 0; i < fields->count; i++) {
        struct http_field *field = &fields->items[i];
        if (field->id == FIELD_COOKIE) {
            field->value = credential_remove(field->value, ';', name, arena);
            field->is_not_sent |= field->value.len == 0;
        }
    }
}

static void strip(const struct auth_method *method, struct auth_run *run)
{
    const struct api_key_settings *settings = method->settings;
    struct http_request *request = run->phases->request;

    if (settings->pass_credentials) {
        return;
    }
    for (size_t i = 0; settings->field != NULL && i < request->fields.count; i++) {
        if (span_ieq(request->fields.items[i].name, span_from_cstr(settings->field))) {
            request->fields.items[i].is_not_sent = true;
        }
    }
    if (settings->query != NULL && request->query.ptr != NULL) {
        strip_query(request, span_from_cstr(settings->query), run->phases->arena);
    }
    if (settings->cookie != NULL) {
        strip_cookie(&request->fields, span_from_cstr(settings->cookie), run->phases->arena);
    }
}

const struct auth_type auth_api_key = {
    .name = "api_key", .ask = ask, .challenge = challenge, .strip = strip};
